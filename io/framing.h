/* io/framing.h - where an HTTP request begins and ends, and what stands in its head.
 *
 * Private to io/http.c and its parts. Spans of struct http are places in the request's bytes, which may
 * move between two calls but always begin with the request's first one. */
#ifndef SPATE_IO_FRAMING_H
#define SPATE_IO_FRAMING_H

#include "io/http.h"

/* The request that a connection is at, and where its bytes are now. */
struct framing {
    struct http *http;
    const struct http_server *server;
    char *bytes;
};

/* The next bytes are those of a new request. */
void framing_begin(struct http *http);

/* True: the head is whole and its framing good. False: it wants more, or http->fault says why not. */
bool framing_head(struct framing *framing, uint32_t count);
/* The same for the body, once http->body says where it is. */
bool framing_body(struct framing *framing, uint32_t count);

/* It will be refused; only the first fault counts. */
void framing_refuse(struct http *http, enum code code, const char *reason);

bool framing_has(const struct http *http, enum http_header header);
/* Without the blanks around it; 0 bytes if there is none. */
struct text framing_header(const struct http *http, const char *bytes, enum http_header header);
struct text framing_text(const char *bytes, struct http_span span);

/* Whatever its letters' case. */
bool framing_word_is(struct text text, const char *word);
/* 1..18 digits and nothing else. */
bool framing_number(struct text text, uint64_t *value);

#endif
