/* io/response.h - the head of an answer over HTTP, the length of its body, and answers in pieces. */
#ifndef SPATE_IO_RESPONSE_H
#define SPATE_IO_RESPONSE_H

#include "io/http.h"
#include "io/json_write.h"

struct response {
    uint16_t status;
    const char *type;
    uint64_t seq;     /* 0: none */
    uint64_t version; /* for the ETag; 0: none */
    bool replayed;
    bool retry_after;
    bool wants_token;
    bool in_pieces;
    struct text date;
    uint32_t allowed; /* methods; 0: not said */
};

/* What a code asks for. */
struct response response_of(enum code code);
/* What the server has to say in every answer; decides whether the connection stays. */
void response_settle(struct http *http, const struct http_server *server,
                     struct response *response);

/* Where the body begins, and where the head says how long it is. */
struct response_place {
    uint32_t length_at;
    uint32_t body_at;
};

/* The body is appended between the two. */
struct response_place response_open(const struct http *http, struct pile *output,
                                    const struct response *response);
void response_close(const struct http *http, struct pile *output, struct response_place place);

/* A chunk, whose length is filled in at its end. HTTP/1.0 has no chunks, but the connection's end. */
struct piece {
    struct json_writer writer;
    uint32_t begin;
};

struct piece piece_open(const struct http *http, struct pile *output);
void piece_close(const struct http *http, struct piece *piece);

#endif
