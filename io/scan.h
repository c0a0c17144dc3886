/* io/scan.h - looks at eight characters at a time. */
#ifndef SPATE_IO_SCAN_H
#define SPATE_IO_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Each of these has the upper bit of the first byte in question, and none before it; what stands
 * behind that one may be wrong. */
static inline uint64_t scan_below(uint64_t eight, uint8_t limit)
{
    return (eight - SCAN_EACH(limit)) & ~eight & SCAN_EACH(0x80);
}

static inline uint64_t scan_equal(uint64_t eight, uint8_t byte)
{
    return scan_below(eight ^ SCAN_EACH(byte), 1);
}

static inline uint64_t scan_controls(uint64_t eight)
{
    return scan_below(eight, ' ') | scan_equal(eight, 0x7f);
}

static inline uint64_t scan_blanks(uint64_t eight)
{
    return scan_below(eight, ' ' + 1) | scan_equal(eight, 0x7f);
}

/* What cannot stand in a JSON text as it is, or not without being looked at. A byte from 0x80 on is
 * odd anyway, so nothing need be masked out of the differences. */
static inline uint64_t scan_odd(uint64_t eight)
{
    uint64_t control = (eight - SCAN_EACH(' ')) | (eight + SCAN_EACH(1));
    uint64_t quote = (eight ^ SCAN_EACH('"')) - SCAN_EACH(1);
    uint64_t escape = (eight ^ SCAN_EACH('\\')) - SCAN_EACH(1);
    return (eight | control | quote | escape) & SCAN_EACH(0x80);
}

/* The last ones, together with what is plain. */
static inline uint64_t scan_rest(const char *at, uint32_t bytes)
{
    uint64_t eight = SCAN_EACH('a');
    memcpy(&eight, at, bytes);
    return eight;
}

/* Bytes up to the first that `look` finds. */
static inline uint32_t scan_until(const char *at, const char *end, uint64_t (*look)(uint64_t))
{
    const char *from = at;
    uint64_t eight, found = 0;
    for (; end - at >= 8; at += 8) {
        memcpy(&eight, at, sizeof eight);
        if ((found = look(eight)) != 0)
            return (uint32_t)(at - from) + (uint32_t)__builtin_ctzll(found) / 8;
    }
    found = look(scan_rest(at, (uint32_t)(end - at)));
    return found == 0 ? (uint32_t)(end - from)
                      : (uint32_t)(at - from) + (uint32_t)__builtin_ctzll(found) / 8;
}

#endif
