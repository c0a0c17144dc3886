/* tests/fuzz/driver.c - runs a fuzz target without libFuzzer: its seeds, and then as many inputs
 * mutated from them as argv[1] says, from the random seed argv[2]. The same two numbers make the
 * same inputs. An input that fails is printed as a C string by what calls abort. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 4096 };

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static size_t seed_count(void)
{
    size_t count = 0;
    while (fuzz_seeds[count] != NULL)
        count++;
    return count;
}

static const char *any_seed(void)
{
    return fuzz_seeds[draw(seed_count())];
}

static size_t insert(uint8_t *input, size_t bytes, size_t at, const void *piece, size_t count)
{
    if (bytes + count > INPUT_BYTES_MAX)
        return bytes;
    memmove(input + at + count, input + at, bytes - at);
    memcpy(input + at, piece, count);
    return bytes + count;
}

static size_t take_out(uint8_t *input, size_t bytes, size_t at)
{
    size_t count = 1 + draw(bytes - at);
    if (draw(4) != 0 && count > 4)
        count = 1 + count % 4;
    memmove(input + at, input + at + count, bytes - at - count);
    return bytes - count;
}

static size_t splice(uint8_t *input, size_t bytes, size_t at)
{
    const char *seed = any_seed();
    size_t from = draw(strlen(seed) + 1);
    size_t count = draw(strlen(seed) - from + 1);
    return insert(input, bytes, at, seed + from, count);
}

static size_t mutate(uint8_t *input, size_t bytes)
{
    static const char bytes_of_note[] = "\r\n\t \0\x7f\x80\xc3\xff{}[]\",:\\/0123456789eE.+-;";
    size_t at = draw(bytes + 1);
    if (at == bytes)
        return splice(input, bytes, at);
    switch (draw(6)) {
    case 0:
        input[at] ^= (uint8_t)(1u << draw(8));
        return bytes;
    case 1:
        input[at] = (uint8_t)bytes_of_note[draw(sizeof bytes_of_note - 1)];
        return bytes;
    case 2:
        return insert(input, bytes, at, &bytes_of_note[draw(sizeof bytes_of_note - 1)], 1);
    case 3:
        return take_out(input, bytes, at);
    case 4:
        return insert(input, bytes, at, input + at, draw(bytes - at < 64 ? bytes - at : 64));
    default:
        return splice(input, bytes, at);
    }
}

int main(int count, char **arguments)
{
    static uint8_t input[INPUT_BYTES_MAX];
    uint64_t runs = count > 1 ? strtoull(arguments[1], NULL, 10) : 10000;
    state = (count > 2 ? strtoull(arguments[2], NULL, 10) : 1) * 0x9e3779b97f4a7c15u | 1;
    for (size_t i = 0; i < seed_count(); i++)
        LLVMFuzzerTestOneInput((const uint8_t *)fuzz_seeds[i], strlen(fuzz_seeds[i]));
    for (uint64_t run = 0; run < runs; run++) {
        const char *seed = any_seed();
        size_t bytes = strlen(seed);
        memcpy(input, seed, bytes);
        for (uint64_t times = 1 + draw(6); times > 0; times--)
            bytes = mutate(input, bytes);
        LLVMFuzzerTestOneInput(input, bytes);
    }
    printf("%llu inputs\n", (unsigned long long)runs);
    return 0;
}

void fuzz_print(const uint8_t *input, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        uint8_t c = input[i];
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
            fputc(c, stderr);
        else
            fprintf(stderr, "\\%03o", c);
    }
    fputc('\n', stderr);
}
