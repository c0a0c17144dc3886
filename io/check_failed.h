/* io/check_failed.h - what a broken CHECK (core/check.h) says beside file and line. */
#ifndef SPATE_IO_CHECK_FAILED_H
#define SPATE_IO_CHECK_FAILED_H

#include "core/atomics.h"
#include "core/check.h"

/* The next commit sequence, once a server knows it; NULL: nobody counts any. Set before any thread
 * starts; what it points to outlives them. */
extern const struct atomic64 *check_failed_seq;

#endif
