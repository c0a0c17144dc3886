/* tests/sim/marks.h - which of the marks of core/sometimes.h have been reached, by breakpoints.
 *
 * Marks with the same words are one. What a child reaches its parent knows once it has ended. */
#ifndef SPATE_TESTS_SIM_MARKS_H
#define SPATE_TESTS_SIM_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/* Once, before any child: from now on every mark is watched. */
void marks_watch(void);
/* After a child has ended: what it has reached stops nobody any more. */
void marks_settle(void);
/* One line for each, with what was never reached at the end; returns how many those are. */
uint32_t marks_print(void);

#endif
