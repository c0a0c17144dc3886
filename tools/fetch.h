/* tools/fetch.h - one HTTP request after the other over one connection, for tools that ask a server.
 *
 * A connection that the server has closed between two requests is opened again by itself. */
#ifndef SPATE_TOOLS_FETCH_H
#define SPATE_TOOLS_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/check.h"

struct fetch {
    const char *address; /* "ADDR:PORT", "[::1]:PORT" or "unix:PATH" */
    int timeout_ms;      /* for each wait on the server */
    int file;            /* -1: not connected */
    char fault[192];     /* why the last request got no answer */
};

struct fetch_request {
    const char *method;
    const char *target;  /* "/v1/orders/A1" */
    const char *headers; /* whole lines, each with CR LF; "" */
    const char *body;    /* NULL: none */
    size_t body_bytes;
};

struct fetch_answer {
    uint32_t status;
    uint32_t retry_after_s; /* 0: not said */
    bool replayed;          /* Idempotent-Replayed: true */
    char *body;             /* ends with a 0; lives until the next request */
    size_t body_bytes;
    size_t body_capacity;
};

/* `address` has to stay. Nothing is opened yet. */
void fetch_init(struct fetch *fetch, const char *address, int timeout_ms);

/* False: no whole answer came; see fetch->fault. Whether the server has done it is then unknown. */
bool fetch_ask(struct fetch *fetch, const struct fetch_request *request,
               struct fetch_answer *answer) MUST_LOOK;

void fetch_close(struct fetch *fetch);
/* Gives the body's memory back. */
void fetch_answer_free(struct fetch_answer *answer);

#endif
