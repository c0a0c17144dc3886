#include "tests/sim/marks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/check.h"
#include "core/sometimes.h"

enum { MARKS_MAX = 1024, NOP = 0x90, BREAKPOINT = 0xcc, PAGE = 4096 };

extern const struct sometimes __start_sometimes[], __stop_sometimes[];

/* Shared with the children. */
static bool *reached;

static uint32_t row_count(void)
{
    size_t bytes = (uintptr_t)__stop_sometimes - (uintptr_t)__start_sometimes;
    return (uint32_t)(bytes / sizeof __start_sometimes[0]);
}

static uint8_t *nop_of(uint32_t row)
{
    const int32_t *from = &__start_sometimes[row].nop;
    return (uint8_t *)((uintptr_t)from + (uintptr_t)(intptr_t)*from);
}

static const char *words_of(uint32_t row)
{
    const int32_t *from = &__start_sometimes[row].words;
    return (const char *)((uintptr_t)from + (uintptr_t)(intptr_t)*from);
}

/* Whoever stopped here goes on behind the one byte. */
static void on_breakpoint(int number, siginfo_t *facts, void *context)
{
    const ucontext_t *stopped = context;
    const uint8_t *at = (const uint8_t *)((uintptr_t)stopped->uc_mcontext.gregs[REG_RIP] - 1);
    (void)number, (void)facts;
    for (uint32_t row = 0; row < row_count(); row++)
        if (nop_of(row) == at) {
            reached[row] = true;
            *nop_of(row) = NOP;
            return;
        }
    _exit(70); /* somebody else's trap */
}

void marks_watch(void)
{
    struct sigaction action = {.sa_sigaction = on_breakpoint, .sa_flags = SA_SIGINFO};
    CHECK(row_count() <= MARKS_MAX);
    reached = mmap(NULL, MARKS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(reached != MAP_FAILED);
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
    for (uint32_t row = 0; row < row_count(); row++) {
        void *page = (void *)((uintptr_t)nop_of(row) & ~(uintptr_t)(PAGE - 1));
        CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
        CHECK(*nop_of(row) == NOP);
        *nop_of(row) = BREAKPOINT;
    }
}

void marks_settle(void)
{
    for (uint32_t row = 0; row < row_count(); row++)
        if (reached[row])
            *nop_of(row) = NOP;
}

static int by_words(const void *a, const void *b)
{
    return strcmp(words_of(*(const uint32_t *)a), words_of(*(const uint32_t *)b));
}

uint32_t marks_print(void)
{
    uint32_t order[MARKS_MAX], never = 0;
    for (uint32_t i = 0; i < row_count(); i++)
        order[i] = i;
    qsort(order, row_count(), sizeof *order, by_words);
    for (uint32_t i = 0, next; i < row_count(); i = next) {
        bool any = false;
        for (next = i; next < row_count() && by_words(&order[i], &order[next]) == 0; next++)
            any |= reached[order[next]];
        printf("%-8s%s\n", any ? "reached" : "NEVER", words_of(order[i]));
        never += !any;
    }
    return never;
}
