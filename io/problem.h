/* io/problem.h - refusals as application/problem+json (RFC 9457), from the one table of codes. */
#ifndef SPATE_IO_PROBLEM_H
#define SPATE_IO_PROBLEM_H

#include "core/code.h"
#include "io/json_write.h"
#include "io/schema.h"

/* Begins the object and leaves it open for what belongs to this kind of problem. `detail` may be
 * empty. */
void problem_open(struct json_writer *writer, enum code code, struct text detail);

/* The whole object for a fault in the request; detail names the place for people. */
void problem_write_fault(struct json_writer *writer, const struct schema_fault *fault);

#endif
