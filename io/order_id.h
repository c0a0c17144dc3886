/* io/order_id.h - ids for orders that come without one: 128 bits as 26 characters that sort like the
 * number (Crockford's base 32). */
#ifndef SPATE_IO_ORDER_ID_H
#define SPATE_IO_ORDER_ID_H

#include "io/routes.h"

enum { ORDER_ID_MADE_BYTES = 26 };

/* Depends on caller and key alone, so that a retry finds the same order wherever it arrives. */
struct text order_id_from_key(const struct route_request *request, char out[ORDER_ID_MADE_BYTES]);

/* Milliseconds, then 80 random bits: chosen so that this shard is the order's home. */
struct text order_id_from_time(const struct route_request *request, char out[ORDER_ID_MADE_BYTES]);

#endif
