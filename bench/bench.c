#include "bench/bench.h"

#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

__attribute__((noinline)) void bench_measured(const struct bench *bench, uint64_t iterations)
{
    bench->run(iterations);
    __asm__ volatile("" : : : "memory"); /* or the call above would be this function's end */
}

void *bench_memory(uint64_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        perror("bench: mmap");
        exit(71);
    }
    madvise(at, bytes, MADV_HUGEPAGE);
    madvise(at, bytes, MADV_POPULATE_WRITE);
    return at;
}

void bench_memory_free(void *memory, uint64_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}

/* splitmix64 */
uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}
