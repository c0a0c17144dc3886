/* tools/target_parts.h - the two ways to reach a server; only target.c needs to know of both. Each call
 * is what the one in target.h says. */
#ifndef SPATE_TOOLS_TARGET_PARTS_H
#define SPATE_TOOLS_TARGET_PARTS_H

#include "tools/target.h"

struct http_target;
struct http_target *http_target_open(const struct target_options *options,
                                     const struct trace *trace);
void http_target_close(struct http_target *target);
bool http_target_send(struct http_target *target, const struct trace_event *event, uint64_t pass,
                      uint64_t tag);
bool http_target_next(struct http_target *target, struct spate_result *answer);
bool http_target_process(struct http_target *target);
void http_target_wait(struct http_target *target, uint64_t until_ns);
uint64_t http_target_open_count(const struct http_target *target);
const char *http_target_error(const struct http_target *target);

struct binary_target;
struct binary_target *binary_target_open(const struct target_options *options,
                                         const struct trace *trace, const uint32_t *numbers);
void binary_target_close(struct binary_target *target);
bool binary_target_send(struct binary_target *target, const struct trace_event *event,
                        uint64_t pass, uint64_t tag);
bool binary_target_next(struct binary_target *target, struct spate_result *answer);
bool binary_target_process(struct binary_target *target);
void binary_target_wait(struct binary_target *target, uint64_t until_ns);
uint64_t binary_target_open_count(const struct binary_target *target);
const char *binary_target_error(const struct binary_target *target);
uint32_t binary_target_shard(const struct binary_target *target, uint32_t sku);

/* The key of a receipt of stock: the same in every replay of this trace. */
enum { RECEIPT_KEY_BYTES = 64 };
void receipt_key(const struct trace *trace, const struct trace_event *event, uint64_t pass,
                 char out[RECEIPT_KEY_BYTES]);

/* Until when an order is to be paid that pays a deposit first: not before the last day of any trace. */
#define DEPOSIT_PAY_BY_S    UINT64_C(4102444800)
#define DEPOSIT_PAY_BY_TEXT "2100-01-01T00:00:00Z"

#endif
