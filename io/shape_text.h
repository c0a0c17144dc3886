/* io/shape_text.h - a field of a slice (core/shape.h) as a text. */
#ifndef SPATE_IO_SHAPE_TEXT_H
#define SPATE_IO_SHAPE_TEXT_H

#include "core/shape.h"

enum { SHAPE_TEXT_BYTES_MAX = 64 };

/* Of a field that stands in its place; no bytes: a time that is not set. Texts and arrays stand behind
 * the fixed fields, and come out as the number that counts them. */
struct text shape_text(const struct shape_item *item, const void *from,
                       char out[SHAPE_TEXT_BYTES_MAX]);

/* Whether that is a number, which JSON writes without quotes. */
bool shape_is_number(const struct shape_item *item);

#endif
