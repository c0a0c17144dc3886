/* tests/unit/test.h - cmocka, with what it wants included before it. */
#ifndef SPATE_TESTS_UNIT_TEST_H
#define SPATE_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
