#include "core/key.h"

#include <string.h>

#include "core/check.h"

enum alphabet { HEX_LOWER, HEX_UPPER, BASE32, BASE64, BYTES };

static const struct {
    uint32_t bits;
    const char *symbols;
} alphabets[] = {
    [HEX_LOWER] = {4, "0123456789abcdef"},
    [HEX_UPPER] = {4, "0123456789ABCDEF"},
    [BASE32] = {5, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"},
    [BASE64] = {6, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"},
    [BYTES] = {8, NULL},
};

/* What a character is: the alphabets that it belongs to, and its value in each of them. */
struct symbol {
    _Alignas(8) uint8_t alphabets; /* 1 << enum alphabet; a power of two is found at once */
    uint8_t value[BYTES];
};

/* clang-format off */
#define DIGIT(c) [c] = {1 << HEX_LOWER | 1 << HEX_UPPER | 1 << BASE32 | 1 << BASE64, \
                        {c - '0', c - '0', c - '0', c - '0'}}
/* Crockford leaves out I, L, O and U. */
#define UPPER(c) [c] = {(c <= 'F') << HEX_UPPER | \
                        (c != 'I' && c != 'L' && c != 'O' && c != 'U') << BASE32 | 1 << BASE64, \
                        {0, c - 'A' + 10, \
                         c - 'A' + 10 - (c > 'I') - (c > 'L') - (c > 'O') - (c > 'U'), c - 'A' + 10}}
#define LOWER(c) [c] = {(c <= 'f') << HEX_LOWER | 1 << BASE64, {c - 'a' + 10, 0, 0, c - 'a' + 36}}

static const struct symbol symbols[256] = {
    DIGIT('0'), DIGIT('1'), DIGIT('2'), DIGIT('3'), DIGIT('4'),
    DIGIT('5'), DIGIT('6'), DIGIT('7'), DIGIT('8'), DIGIT('9'),
    UPPER('A'), UPPER('B'), UPPER('C'), UPPER('D'), UPPER('E'), UPPER('F'), UPPER('G'), UPPER('H'),
    UPPER('I'), UPPER('J'), UPPER('K'), UPPER('L'), UPPER('M'), UPPER('N'), UPPER('O'), UPPER('P'),
    UPPER('Q'), UPPER('R'), UPPER('S'), UPPER('T'), UPPER('U'), UPPER('V'), UPPER('W'), UPPER('X'),
    UPPER('Y'), UPPER('Z'),
    LOWER('a'), LOWER('b'), LOWER('c'), LOWER('d'), LOWER('e'), LOWER('f'), LOWER('g'), LOWER('h'),
    LOWER('i'), LOWER('j'), LOWER('k'), LOWER('l'), LOWER('m'), LOWER('n'), LOWER('o'), LOWER('p'),
    LOWER('q'), LOWER('r'), LOWER('s'), LOWER('t'), LOWER('u'), LOWER('v'), LOWER('w'), LOWER('x'),
    LOWER('y'), LOWER('z'),
    ['_'] = {1 << BASE64, {0, 0, 0, 62}},
    ['-'] = {1 << BASE64, {0, 0, 0, 63}},
};
/* clang-format on */

/* ---- decimals ----------------------------------------------------------------------------------
 *
 * In the bijective numeral system to base 10, with digits 1 to 10, every number has one numeral and
 * every numeral one number; with each digit taken one higher, leading zeros count. Up to 18 digits
 * give numbers below 2^60, 19 digits below 2^64. */

enum {
    SHORT_DIGITS_MAX = 18,
    LONG_DIGITS = 19,
    SHORT_BYTES_MIN = 4,
    SHORT_BYTES_MAX = 8,
    FIRST_ALPHABET = (SHORT_BYTES_MAX - SHORT_BYTES_MIN + 1) << 4,
    FIRST_LONG_DECIMAL = FIRST_ALPHABET + 5 * ID_BYTES_MAX,
};

static const uint64_t eight_zeros = UINT64_C(0x3030303030303030);

/* The digits' values, one a byte. What is no digit is too small or too large: either leaves a byte's
 * top bit in `wrong`. */
static uint64_t digits_in(uint64_t eight, uint64_t *wrong)
{
    uint64_t digits = eight - eight_zeros;
    *wrong |= digits | (eight + UINT64_C(0x4646464646464646));
    return digits;
}

/* Of eight characters. */
static uint64_t digits_at(const char *at, uint64_t *wrong)
{
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    return digits_in(eight, wrong);
}

/* The last digits of an id, fewer than eight, with zeros before them. */
static uint64_t last_digits(struct text id, uint32_t count, uint64_t *wrong)
{
    uint32_t before = 8 * (8 - count);
    if (id.bytes >= 8)
        return digits_at(id.at + id.bytes - 8, wrong) >> before << before;
    uint64_t eight = eight_zeros;
    memcpy((char *)&eight + 8 - count, id.at, count);
    return digits_in(eight, wrong);
}

/* Pairs become numbers below 100; then each of the four comes to its place in the upper half. */
static uint64_t value_of(uint64_t digits)
{
    const uint64_t every_fourth = UINT64_C(0x000000ff000000ff);
    uint64_t pairs = digits * 10 + (digits >> 8);
    uint64_t first = (pairs & every_fourth) * (UINT64_C(1000000) << 32 | 100);
    uint64_t second = (pairs >> 16 & every_fourth) * (UINT64_C(10000) << 32 | 1);
    return (first + second) >> 32;
}

/* The numeral of `value` with eight digits: the way back from value_of. */
static uint64_t eight_of(uint64_t value)
{
    uint64_t eight = value / 10000 | value % 10000 << 32;
    uint64_t upper = eight * 10486 >> 20 & UINT64_C(0x0000007f0000007f); /* hundreds */
    eight = upper | (eight - upper * 100) << 16;
    upper = eight * 103 >> 10 & UINT64_C(0x000f000f000f000f); /* tens */
    eight = upper | (eight - upper * 10) << 8;
    return eight + eight_zeros;
}

/* The smallest number with so many digits. Less that, a number is a numeral with digits from 0 to 9. */
static const uint64_t ones[] = {
    0,
    UINT64_C(1),
    UINT64_C(11),
    UINT64_C(111),
    UINT64_C(1111),
    UINT64_C(11111),
    UINT64_C(111111),
    UINT64_C(1111111),
    UINT64_C(11111111),
    UINT64_C(111111111),
    UINT64_C(1111111111),
    UINT64_C(11111111111),
    UINT64_C(111111111111),
    UINT64_C(1111111111111),
    UINT64_C(11111111111111),
    UINT64_C(111111111111111),
    UINT64_C(1111111111111111),
    UINT64_C(11111111111111111),
    UINT64_C(111111111111111111),
    UINT64_C(1111111111111111111),
    UINT64_C(11111111111111111111),
};

/* The number of a numeral of at most LONG_DIGITS; 0 if it is none. */
static uint64_t number_of(struct text id)
{
    static const uint32_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t number = 0, wrong = 0;
    uint32_t left = id.bytes;
    for (const char *at = id.at; left >= 8; at += 8, left -= 8)
        number = number * 100000000 + value_of(digits_at(at, &wrong)) + ones[8];
    if (left > 0)
        number = number * powers[left] + value_of(last_digits(id, left, &wrong)) + ones[left];
    return (wrong & UINT64_C(0x8080808080808080)) == 0 ? number : 0;
}

/* A number of so many bits has floor(bits x log 2) digits or one more. */
static uint32_t digit_count(uint64_t number)
{
    uint32_t count = (64 - (uint32_t)__builtin_clzll(number | 1)) * 1233 >> 12;
    return count + (number >= ones[count + 1]);
}

static uint32_t digits_of(uint64_t number, char out[ID_BYTES_MAX])
{
    uint32_t count = digit_count(number), left = count;
    number -= ones[count];
    for (; left >= 8; left -= 8, number /= 100000000) {
        uint64_t eight = eight_of(number % 100000000);
        memcpy(out + left - 8, &eight, sizeof eight);
    }
    uint64_t eight = eight_of(number);
    memcpy(out, (char *)&eight + 8 - left, left);
    return count;
}

/* The first byte's lower half is the number's highest. The number is written whole. */
static uint32_t pack_short_decimal(uint64_t number, uint8_t *packed)
{
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(number);
    uint32_t bytes = (bits + 4 + 7) / 8;
    if (bytes < SHORT_BYTES_MIN)
        bytes = SHORT_BYTES_MIN;
    packed[0] = (uint8_t)((bytes - SHORT_BYTES_MIN) << 4 | number >> 8 * (bytes - 1));
    memcpy(packed + 1, &number, sizeof number);
    return bytes;
}

static uint32_t pack_long_decimal(uint64_t number, uint8_t *packed)
{
    packed[0] = FIRST_LONG_DECIMAL;
    memcpy(packed + 1, &number, sizeof number);
    return 1 + sizeof number;
}

static uint64_t packed_number(const uint8_t *packed)
{
    uint64_t number = 0;
    uint32_t bytes = key_bytes(packed);
    memcpy(&number, packed + 1, bytes - 1);
    if (packed[0] < FIRST_ALPHABET)
        number |= (uint64_t)(packed[0] & 15) << 8 * (bytes - 1);
    return number;
}

/* ---- alphabets --------------------------------------------------------------------------------- */

static inline uint32_t fitting_of(const char *at, uint32_t count)
{
    uint32_t fitting = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++)
        fitting &= symbols[(uint8_t)at[i]].alphabets;
    return fitting;
}

/* What is left behind whole words goes by halves, so that no loop runs over single characters. */
static enum alphabet alphabet_of(struct text id)
{
    const char *at = id.at;
    uint32_t fitting = 1 << HEX_LOWER | 1 << HEX_UPPER | 1 << BASE32 | 1 << BASE64;
    for (uint32_t left = id.bytes; left >= 8; left -= 8, at += 8)
        fitting &= fitting_of(at, 8);
    if (id.bytes & 4)
        fitting &= fitting_of(at, 4);
    if (id.bytes & 2)
        fitting &= fitting_of(at + (id.bytes & 4), 2);
    if (id.bytes & 1)
        fitting &= fitting_of(at + (id.bytes & 6), 1);
    return (enum alphabet)__builtin_ctz(fitting | 1 << BYTES);
}

static uint32_t packed_bytes(enum alphabet alphabet, uint32_t count)
{
    return 1 + (count * alphabets[alphabet].bits + 7) / 8;
}

/* Eight symbols fill as many whole bytes as each of them has bits. The alphabet is a constant
 * wherever this is called, so that it comes down to shifts. */
static inline uint64_t symbols_in_word(enum alphabet alphabet, const char *at, uint32_t count)
{
    uint64_t word = 0;
    for (uint32_t i = 0; i < count; i++)
        word |= (uint64_t)symbols[(uint8_t)at[i]].value[alphabet] << i * alphabets[alphabet].bits;
    return word;
}

/* Words are written whole: what is packed leaves KEY_BYTES_MAX room enough for the last one. */
static inline void pack_into(enum alphabet alphabet, struct text id, uint8_t *out)
{
    const char *at = id.at;
    const uint32_t bits = alphabets[alphabet].bits;
    for (uint32_t left = id.bytes; left >= 8; left -= 8, at += 8, out += bits) {
        uint64_t word = symbols_in_word(alphabet, at, 8);
        memcpy(out, &word, sizeof word);
    }
    uint64_t word = 0;
    if (id.bytes & 4)
        word = symbols_in_word(alphabet, at, 4);
    if (id.bytes & 2)
        word |= symbols_in_word(alphabet, at + (id.bytes & 4), 2) << (id.bytes & 4) * bits;
    if (id.bytes & 1)
        word |= symbols_in_word(alphabet, at + (id.bytes & 6), 1) << (id.bytes & 6) * bits;
    if (id.bytes & 7)
        memcpy(out, &word, sizeof word);
}
_Static_assert(1 + (ID_BYTES_MAX - 1) * 6 / 8 + sizeof(uint64_t) <= KEY_BYTES_MAX, "the last word");

static uint32_t pack_symbols(struct text id, uint8_t *packed)
{
    enum alphabet alphabet = alphabet_of(id);
    packed[0] = (uint8_t)(FIRST_ALPHABET + alphabet * ID_BYTES_MAX + id.bytes - 1);
    switch (alphabet) {
    case HEX_LOWER:
        pack_into(HEX_LOWER, id, packed + 1);
        break;
    case HEX_UPPER:
        pack_into(HEX_UPPER, id, packed + 1);
        break;
    case BASE32:
        pack_into(BASE32, id, packed + 1);
        break;
    case BASE64:
        pack_into(BASE64, id, packed + 1);
        break;
    case BYTES:
        memcpy(packed + 1, id.at, id.bytes);
    }
    return packed_bytes(alphabet, id.bytes);
}

static uint32_t unpack_symbols(enum alphabet alphabet, uint32_t count, const uint8_t *from,
                               char *out)
{
    if (alphabet == BYTES) {
        memcpy(out, from, count);
        return count;
    }
    uint32_t waiting = 0, waiting_bits = 0, bits = alphabets[alphabet].bits;
    for (uint32_t i = 0; i < count; i++) {
        if (waiting_bits < bits) {
            waiting |= (uint32_t)*from++ << waiting_bits;
            waiting_bits += 8;
        }
        out[i] = alphabets[alphabet].symbols[waiting & ((1u << bits) - 1)];
        waiting >>= bits;
        waiting_bits -= bits;
    }
    return count;
}

/* ---- any --------------------------------------------------------------------------------------- */

uint32_t key_pack(struct text id, uint8_t packed[KEY_BYTES_MAX])
{
    CHECK(id.bytes >= 1 && id.bytes <= ID_BYTES_MAX);
    uint64_t number = id.bytes <= LONG_DIGITS ? number_of(id) : 0;
    if (number == 0)
        return pack_symbols(id, packed);
    return id.bytes == LONG_DIGITS ? pack_long_decimal(number, packed)
                                   : pack_short_decimal(number, packed);
}

uint32_t key_bytes(const uint8_t *packed)
{
    uint32_t first = packed[0];
    if (first < FIRST_ALPHABET)
        return SHORT_BYTES_MIN + (first >> 4);
    if (first >= FIRST_LONG_DECIMAL)
        return 1 + sizeof(uint64_t);
    first -= FIRST_ALPHABET;
    return packed_bytes((enum alphabet)(first / ID_BYTES_MAX), first % ID_BYTES_MAX + 1);
}

bool key_same(const uint8_t *packed, const uint8_t *other)
{
    return packed[0] == other[0] && memcmp(packed, other, key_bytes(packed)) == 0;
}

uint32_t key_unpack(const uint8_t *packed, char id[ID_BYTES_MAX])
{
    uint32_t first = packed[0];
    if (first < FIRST_ALPHABET || first >= FIRST_LONG_DECIMAL)
        return digits_of(packed_number(packed), id);
    first -= FIRST_ALPHABET;
    return unpack_symbols((enum alphabet)(first / ID_BYTES_MAX), first % ID_BYTES_MAX + 1,
                          packed + 1, id);
}

uint64_t key_packed_hash(const uint8_t *packed)
{
    char id[ID_BYTES_MAX];
    return key_hash((struct text){id, key_unpack(packed, id)});
}
