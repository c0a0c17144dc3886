/* io/answers.h - the bodies of answers: a result as the JSON that its route promises. */
#ifndef SPATE_IO_ANSWERS_H
#define SPATE_IO_ANSWERS_H

#include "core/result.h"
#include "io/http.h"
#include "io/json_write.h"
#include "io/schema.h"

/* The resource, or the problem, as result->code says. */
void answer_write(struct json_writer *writer, const struct http_server *server,
                  const struct route *route, const struct result *result);

/* One item of what walk_take gives; the next one. */
const void *answer_write_listed(struct json_writer *writer, const struct http_server *server,
                                const struct route *route, const void *item);

/* The part of it that is about the past (io/answer_past.c). */
void answer_write_events(struct json_writer *writer, const struct http_server *server,
                         const struct result_events *events);

/* The version of the one resource in it, which an If-Match may name; 0: it has none. */
uint64_t answer_version(const struct result *result);

/* What the bodies hold, for the table of routes. */
extern const struct schema answer_audit;
extern const struct schema answer_change;
extern const struct schema answer_done;
extern const struct schema answer_events;
extern const struct schema answer_health;
extern const struct schema answer_order;
extern const struct schema answer_order_results;
extern const struct schema answer_order_list;
extern const struct schema answer_payment;
extern const struct schema answer_problem;
extern const struct schema answer_quote;
extern const struct schema answer_refund;
extern const struct schema answer_return;
extern const struct schema answer_shipment;
extern const struct schema answer_sku;
extern const struct schema answer_sku_record;
extern const struct schema answer_sku_results;
extern const struct schema answer_task_list;
extern const struct schema answer_transfer;
extern const struct schema answer_warning_list;
extern const struct schema answer_stock;

#endif
