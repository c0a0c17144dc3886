/* core/check.h - asserts that stay on in every build.
 *
 * CHECK is for our own mistakes only: a broken contract, a state that cannot be. Bytes from a
 * client, a disk or a peer are never CHECKed; they get an answer. The process stops with file, line
 * and the last commit sequence; whoever links core provides check_failed. */
#ifndef SPATE_CORE_CHECK_H
#define SPATE_CORE_CHECK_H

_Noreturn void check_failed(const char *file, int line, const char *claim);

#define CHECK(claim)                                                                               \
    (__builtin_expect(!!(claim), 1) ? (void)0 : check_failed(__FILE__, __LINE__, #claim))

#define MUST_LOOK __attribute__((warn_unused_result))

/* What most orders do not need, apart from what all of them do: who calls it stays short. The other
 * way round, what is `inline` in a .c file is what every order goes through, and too long to be inlined
 * by the linker's own measure. */
#define APART __attribute__((noinline))

#endif
