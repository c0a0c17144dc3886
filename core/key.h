/* core/key.h - ids as they lie in memory: as short as their own characters allow.
 *
 * The first byte says how the id is packed and how long it is, so a packed id needs nothing beside
 * it; the same text always packs to the same bytes and comes back exactly, leading zeros included.
 *
 *   first byte                                 all bytes
 *     0..79   up to 18 digits                  4 to 8: 18 digits in 8, 12 in 6, 10 in 5
 *    80..239  one of five alphabets, 1..32 of  1 + characters x bits / 8, rounded up:
 *               hex digits, lower case           4 bits; a UUID without dashes in 17
 *               hex digits, upper case           4 bits
 *               Crockford's base 32, upper case  5 bits; a ULID in 18
 *               letters, digits, _ and -         6 bits
 *               whatever else                    8 bits
 *   240       19 digits                        9                                              */
#ifndef SPATE_CORE_KEY_H
#define SPATE_CORE_KEY_H

#include "core/values.h"

enum { KEY_BYTES_MAX = 1 + ID_BYTES_MAX };

/* Expects 1..ID_BYTES_MAX characters; the number of bytes written. */
uint32_t key_pack(struct text id, uint8_t packed[KEY_BYTES_MAX]);

/* How long a packed id is, which its first byte tells. */
uint32_t key_bytes(const uint8_t *packed);
bool key_same(const uint8_t *packed, const uint8_t *other);

/* The number of characters written. */
uint32_t key_unpack(const uint8_t *packed, char id[ID_BYTES_MAX]);

/* key_hash of the text. */
uint64_t key_packed_hash(const uint8_t *packed);

#endif
