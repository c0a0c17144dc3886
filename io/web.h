/* io/web.h - HTTP on one connection: its input becomes commands, results become responses.
 *
 * The protocol itself is io/http.h, which knows no connection. */
#ifndef SPATE_IO_WEB_H
#define SPATE_IO_WEB_H

#include "io/connection.h"
#include "io/http.h"

/* Writes a page that http.h does not know by itself; the number of bytes, at most `capacity`. */
struct web_pages {
    uint32_t (*write)(struct web_pages *pages, enum http_page page, char *out, uint32_t capacity);
};

/* The next command of the connection's input, in `commands`; NULL if there is none yet, or one is
 * still open, or the connection is ending. */
const struct command *web_next(struct connections *connections, struct env *env,
                               struct connection *connection, const struct http_server *server,
                               struct web_pages *pages, struct pile *commands, uint64_t now_ns,
                               uint64_t clock_ns);

/* The request that has begun took too long: says so, and ends the connection. */
void web_expire(struct connections *connections, struct env *env, struct connection *connection,
                const struct http_server *server);

/* The response to the connection's open request. */
void web_answer(struct connections *connections, struct env *env, struct connection *connection,
                const struct http_server *server, const struct result *result);

#endif
