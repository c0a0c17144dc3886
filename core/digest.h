/* core/digest.h - 64 bits that stand for some bytes; chained by giving the last as the seed.
 *
 * The value goes into the log (digests of requests), so it never changes: XXH3, seeded. */
#ifndef SPATE_CORE_DIGEST_H
#define SPATE_CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

uint64_t digest(const void *bytes, size_t count, uint64_t seed);

#endif
