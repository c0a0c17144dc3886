/* core/notice.h - what a payment provider says of a payment or a refund.
 *
 * A notice moves forward or changes nothing, in whatever order, and however often, they come; what it
 * speaks of and nobody has made yet comes to be. */
#ifndef SPATE_CORE_NOTICE_H
#define SPATE_CORE_NOTICE_H

#include "core/claim.h"

void notice_take(struct claim *claim);

#endif
