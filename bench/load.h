/* bench/load.h - what spate-load's parts share: a connection, what is wished of it, and the two
 * protocols that it may speak.
 *
 * A *frame* is what is sent at once and answered before the next one of its place in the window may
 * leave: a frame of the binary protocol, or as many HTTP requests one behind the other. */
#ifndef SPATE_BENCH_LOAD_H
#define SPATE_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/orders.h"

enum { WINDOW_MAX = 64, FRAME_BYTES_MAX = 2 << 20, IN_BYTES_MAX = 8 << 20, LOAD_LINES_MAX = 1200 };

struct client {
    int file;
    uint32_t number;
    uint32_t shard;
    uint64_t next_order; /* number; those of other shards are left out */
    uint64_t *created;   /* orders that were acknowledged to be new */
    uint64_t created_count, created_room;
    uint64_t asked; /* of these, when they are looked for */
    uint8_t *out;   /* the frame that is being sent */
    uint32_t out_bytes, out_sent;
    uint8_t *in;
    uint32_t in_bytes;
    bool blocked;    /* the socket takes nothing more just now */
    uint64_t due_ns; /* open loop: when the next frame is to leave */
    uint32_t open;   /* commands */
    uint64_t sent_ns[WINDOW_MAX];
    uint32_t left[WINDOW_MAX]; /* commands of each open frame, oldest first */
    uint64_t numbers[8192];    /* HTTP: which order each open request is about, oldest first */
    uint32_t numbers_head, numbers_tail;
    uint32_t frames_head, frames_tail;
};

struct wish {
    const char *address;
    uint64_t connections, batch, window, seconds, rate;
    uint64_t lines, skus, hot, first;
    uint64_t http, found, orders;
    uint64_t pid, only, own, pay, spin;
};
extern struct wish wish;

/* Connects, and for the binary protocol says hello. `shard` counts where each has an address. */
void binary_open(struct client *c, uint32_t shard);
void http_open(struct client *c);

/* A warehouse, and SKUs of which there is enough of each. */
void binary_stock_up(struct client *c);
void http_stock_up(struct client *c);

/* Appends the frame's next order, or the question for an order that was created; its bytes. */
uint32_t binary_order(struct client *c, void *at);
uint32_t binary_question(struct client *c, void *at);
uint32_t http_order(struct client *c, void *at);
uint32_t http_question(struct client *c, void *at);

/* Completes a frame of `bytes` and so many commands; its bytes. HTTP has nothing to complete. */
uint32_t binary_seal_frame(struct client *c, uint32_t bytes, uint32_t count);

/* Takes whole answers from the front of c->in, and calls on_answer for each; the bytes taken. */
uint32_t binary_answers(struct client *c);
uint32_t http_answers(struct client *c);

enum answer_kind { ANSWER_CREATED, ANSWER_FOUND, ANSWER_REFUSED };
void on_answer(struct client *c, enum answer_kind kind, uint64_t order);

/* Which of the SKUs an order takes, by their places; none twice. */
void load_places(uint64_t order, uint32_t *places);
void load_connect(struct client *c, const char *address);

#endif
