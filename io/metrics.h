/* io/metrics.h - what a running server tells about itself, in Prometheus' text format.
 *
 * One table names each metric once, with its help. A shard's own figures are cells that it alone
 * writes and anybody reads; the log's are its counters. What is called ..._seconds is counted in ns. */
#ifndef SPATE_IO_METRICS_H
#define SPATE_IO_METRICS_H

#include "core/atomics.h"
#include "core/catalogue.h"
#include "core/code.h"
#include "io/frame.h"
#include "io/histogram.h"
#include "io/hot.h"
#include "persist/log.h"

struct lines;

/* clang-format off */
#define SHARD_METRICS(X) \
    /* id                          name                         type       help */ \
    X(METRIC_TURNS,                "turns_total",               "counter", "Turns of the shard's loop.") \
    X(METRIC_WAITS,                "waits_total",               "counter", "Times the shard had nothing to do.") \
    X(METRIC_COMMANDS,             "commands_total",            "counter", "Commands executed here.") \
    X(METRIC_FORWARDED,            "forwarded_total",           "counter", "Commands received here that another shard owned.") \
    X(METRIC_MESSAGES,             "messages_total",            "counter", "Messages read from other shards.") \
    X(METRIC_DOORBELLS,            "doorbells_total",           "counter", "Sleeping shards woken by this one.") \
    X(METRIC_CONNECTIONS_OPENED,   "connections_opened_total",  "counter", "Connections accepted.") \
    X(METRIC_CONNECTIONS_REFUSED,  "connections_refused_total", "counter", "Connections over the limit, told so and closed.") \
    X(METRIC_ADDRESS_REFUSED,      "address_refused_total",     "counter", "Of them, those of an address that had too many.") \
    X(METRIC_CONNECTIONS_LATE,     "connections_late_total",    "counter", "Connections ended because a request took too long to arrive.") \
    X(METRIC_CONNECTIONS_IDLE,     "connections_idle_total",    "counter", "Connections ended because nothing moved for too long.") \
    X(METRIC_OUTPUT_FULL,          "output_full_total",         "counter", "Times commands waited because the client did not read its answers.") \
    X(METRIC_PIPELINED_FULL,       "pipelined_full_total",      "counter", "Times commands waited because as many of their connection were unanswered.") \
    X(METRIC_CONNECTIONS,          "connections",               "gauge",   "Connections that are open.") \
    X(METRIC_ORDERS,               "orders",                    "gauge",   "Orders in memory.") \
    X(METRIC_ORDERS_MAX,           "orders_max",                "gauge",   "Orders that fit.") \
    X(METRIC_SKUS,                 "skus",                      "gauge",   "SKUs in memory.") \
    X(METRIC_ORDER_BYTES,          "order_bytes",               "gauge",   "Memory that the orders' records take.") \
    X(METRIC_ORDER_BYTES_MAX,      "order_bytes_max",           "gauge",   "Memory that there is for them.") \
    X(METRIC_CELLS,                "cells",                     "gauge",   "Pairs of SKU and warehouse in memory.") \
    X(METRIC_RETRIES,              "retries",                   "gauge",   "Requests that would be known again by their key.") \
    X(METRIC_FLIGHTS,              "flights",                   "gauge",   "Orders that wait for other shards.") \
    X(METRIC_CPU_NS,               "cpu_seconds_total",         "counter", "Processor time of the shard's thread.") \
    X(METRIC_ALLOCATED_BYTES,      "allocated_bytes_total",     "counter", "Bytes ever allocated by the shard's thread; it needs none to serve.")
/* clang-format on */

enum metric {
#define X(id, name, type, help) id,
    SHARD_METRICS(X)
#undef X
        METRICS
};

struct metrics {
    struct atomic64 cells[METRICS];
    /* From taking the connection's newest command to handing its answer, durable, to the kernel. */
    struct atomic64 answers[HISTOGRAM_BUCKETS];
    struct atomic64 answer_ns;                /* all of them together */
    struct atomic64 codes[CODE_LIMIT_NUMBER]; /* results, by enum code */
    struct atomic64 faults[FRAME_FAULTS];     /* frames refused, by enum frame_fault */
    struct hot hot;
};

/* By the shard alone. */
static inline void metric_add(struct metrics *metrics, enum metric which, uint64_t more)
{
    struct atomic64 *cell = &metrics->cells[which];
    atomic_store(cell, cell->value + more); /* pairs with the load in metrics_write */
}

static inline void metric_set(struct metrics *metrics, enum metric which, uint64_t value)
{
    atomic_store(&metrics->cells[which], value); /* pairs with the load in metrics_write */
}

/* `count` answers that took so long. */
void metric_answers(struct metrics *metrics, uint64_t count, uint64_t ns);

static inline void metric_code(struct metrics *metrics, uint32_t code)
{
    struct atomic64 *cell = &metrics->codes[code];
    atomic_store(cell, cell->value + 1); /* pairs with the load in put_codes */
}

static inline void metric_fault(struct metrics *metrics, enum frame_fault fault)
{
    struct atomic64 *cell = &metrics->faults[fault];
    atomic_store(cell, cell->value + 1); /* pairs with the load in put_faults */
}

/* What the page is made of. */
struct metrics_sources {
    const struct metrics *const *shards;
    uint32_t shard_count;
    const struct log *log;
    const struct compact *compact;
    uint64_t log_bytes; /* as in struct compact_log */
    const struct catalogue *catalogue;
    const struct lines *lines; /* NULL: nothing is said about them */
};

/* The whole page; the number of bytes, at most `capacity`: what would not fit is left out, line by
 * line, so give it room. */
uint32_t metrics_write(const struct metrics_sources *sources, char *out, uint32_t capacity);

/* How long the answers of all shards took, in ms, as histogram_print has it; HISTOGRAM_PRINT_BYTES. */
uint32_t metrics_write_latency(const struct metrics_sources *sources, char *out);

#endif
