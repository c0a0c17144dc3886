/* io/answer_parts.h - members that answers of several kinds have, and the answers of one kind that
 * io/answers.c puts together. */
#ifndef SPATE_IO_ANSWER_PARTS_H
#define SPATE_IO_ANSWER_PARTS_H

#include "core/result.h"
#include "io/http.h"
#include "io/json_write.h"

void member_sku(struct json_writer *writer, const struct http_server *server, uint32_t sku);
void member_currency(struct json_writer *writer, uint32_t currency);
/* Nothing is written of what is not known: 0 ns, 0 bytes. */
void member_time(struct json_writer *writer, const char *key, uint64_t ns);
void member_said(struct json_writer *writer, const char *key, struct text text);

/* io/answer_order.c: an order and what belongs to it. */
void answer_write_order(struct json_writer *writer, const struct http_server *server,
                        const struct result_order *order);
void answer_write_placed(struct json_writer *writer, const struct result_placed *placed);
void answer_write_quote(struct json_writer *writer, const struct http_server *server,
                        const struct result_quote *quote);
/* The payment, shipment or return; with `refund`, the refund that stands behind its payment. */
void answer_write_child(struct json_writer *writer, const struct http_server *server,
                        const struct result_child *result, bool refund);

#endif
