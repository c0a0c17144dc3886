/* core/resend.h - free stock that an order takes once more: for a parcel that another warehouse is to
 * send, for one that was lost or has come back, for what an exchange promises.
 *
 * A parcel leaves from one warehouse, so all of its units are taken from one: the one that the request
 * names, or else whichever could send them, the cheapest first. */
#ifndef SPATE_CORE_RESEND_H
#define SPATE_CORE_RESEND_H

#include "core/deal.h"

/* `warehouses`: one bit for each that may be it. True: they are set aside, and the deal has them.
 * False: they have been asked for, and the request comes again with the grant; or it is refused. */
bool resend_take(struct deal *deal, const struct child_line *lines, uint32_t line_count,
                 uint64_t warehouses);

#endif
