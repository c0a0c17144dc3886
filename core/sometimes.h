/* core/sometimes.h - marks for what happens seldom: SOMETIMES("log: a write is short").
 *
 * The simulator has to reach every one of them among its pinned seeds, or a fault it believes to
 * exercise is one it never meets. A mark is one nop and a row of section `sometimes`; who wants to
 * know puts a breakpoint there (tests/sim/marks.c). Nothing is stored, nothing is shared, so a mark
 * may stand anywhere. Its words are those of one idea, and begin with the file's name. */
#ifndef SPATE_CORE_SOMETIMES_H
#define SPATE_CORE_SOMETIMES_H

#include <stdint.h>

/* Both count from their own place. */
struct sometimes {
    int32_t nop;
    int32_t words;
};

#if defined(__x86_64__)
#define SOMETIMES(what)                                                                            \
    __asm__ volatile("771: nop\n"                                                                  \
                     ".pushsection sometimes_words,\"a\"\n"                                        \
                     "772: .asciz \"" what "\"\n"                                                  \
                     ".popsection\n"                                                               \
                     ".pushsection sometimes,\"a\"\n"                                              \
                     ".balign 4\n"                                                                 \
                     ".long 771b - ., 772b - .\n"                                                  \
                     ".popsection")
#else
#define SOMETIMES(what) ((void)0)
#endif

#endif
