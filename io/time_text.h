/* io/time_text.h - times as RFC 3339 texts in UTC, and as ns since the epoch. */
#ifndef SPATE_IO_TIME_TEXT_H
#define SPATE_IO_TIME_TEXT_H

#include "core/values.h"

enum { TIME_TEXT_BYTES_MAX = 30 }; /* 2020-11-11T00:00:00.123456789Z */

/* "2020-11-11T00:00:00Z", with as many digits behind the second as it needs: 0, 3, 6 or 9. */
struct text time_text_print(uint64_t ns, char out[TIME_TEXT_BYTES_MAX]);

/* "Wed, 11 Nov 2020 00:00:00 GMT", as HTTP has it. */
enum { TIME_HTTP_BYTES = 29 };
void time_text_http(uint64_t ns, char out[TIME_HTTP_BYTES]);

/* False if it is no time of the years 1970 to 2553 as RFC 3339 has it, with an offset of any size;
 * a leap second counts as the last ns of its minute. More than nine digits behind the second are
 * refused rather than rounded. */
bool time_text_parse(struct text text, uint64_t *ns);

#endif
