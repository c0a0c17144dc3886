/* tests/fuzz/fuzz.h - what a fuzz target has. It links with libFuzzer, or with driver.c. */
#ifndef SPATE_TESTS_FUZZ_FUZZ_H
#define SPATE_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Good inputs to begin with; NULL at the end. */
extern const char *const fuzz_seeds[];

/* Aborts if something does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes);

/* As the inside of a C string, on stderr. */
void fuzz_print(const uint8_t *input, size_t bytes);

#endif
