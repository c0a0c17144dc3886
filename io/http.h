/* io/http.h - HTTP/1.1 on one connection: bytes in, a command out; a result in, bytes out.
 *
 *   bytes ─▶ http_feed ─▶ command ─▶ (home decides, the log makes it durable) ─▶ http_answer ─▶ bytes
 *
 * Sans-I/O: reads and writes nowhere, allocates nothing, knows no clock. Owned by the shard that has
 * the connection. The loop keeps the bytes of a request until it is whole, so a request larger than
 * the loop's buffer (http_request_bytes_max) is refused, from its length field alone if it has one.
 *
 * A batch is a request with one command after the other; each has its place in the one answer, which
 * leaves piece by piece, and the next is read when the one before is answered.
 *
 * One request at a time is open on a connection: between HTTP_COMMAND or HTTP_PAGE and its answer
 * nothing may be fed, so pipelined answers keep the order of their requests. Framing that two
 * parsers could read differently is refused with 400, and the connection closed. */
#ifndef SPATE_IO_HTTP_H
#define SPATE_IO_HTTP_H

#include "core/check.h"
#include "core/shard.h"
#include "io/networks.h"

struct callers;
struct walk;
struct route;

/* What the requests of all connections of a shard are read and answered with. */
struct http_server {
    const struct catalogue *catalogue;
    const struct shard *shard;      /* for the names of warehouses */
    const struct callers *callers;  /* NULL: nobody is asked who they are */
    const struct networks *trusted; /* NULL: nobody is asked where they are from */
    enum forwarded forwarded;       /* the header in which they say it */
    const uint8_t *slot_shard;      /* SLOT_COUNT entries: who owns which slot */
    struct text date;               /* of the answers; 0 bytes: not said */
    uint64_t watermark;             /* everything up to here is durable and can be seen */
    uint32_t shard_count;
    uint32_t shard_number;   /* ids made here belong to this shard */
    uint32_t head_bytes_max; /* request line and headers */
    uint32_t body_bytes_max; /* the framing of chunks counts */
    uint16_t drain_status;   /* of /readyz while draining: 503 or 404 */
    bool admin;              /* the admin listener's routes instead of the shop's */
    bool ready;              /* recovered and serving */
    bool draining;           /* answers say Connection: close */
    bool unsynced;           /* and X-Durability: none; see --sync none */
    bool busy;               /* requests get 503 before their body is read */
};

enum {
    HTTP_HEAD_BYTES_MAX = 16384,        /* default of head_bytes_max */
    HTTP_BODY_BYTES_MAX = 262144,       /* default of body_bytes_max */
    HTTP_OUTPUT_BYTES_MAX = 384 * 1024, /* the longest that one call appends */
};

/* The buffer that the loop needs for one request. */
static inline uint32_t http_request_bytes_max(const struct http_server *server)
{
    return server->head_bytes_max + server->body_bytes_max;
}

/* Where a connection stands, for the loop's deadlines: they are absolute, from the first byte. */
enum http_stage {
    HTTP_STAGE_IDLE,  /* between requests */
    HTTP_STAGE_HEAD,  /* the head has begun */
    HTTP_STAGE_BODY,  /* the head is whole */
    HTTP_STAGE_OPEN,  /* waits for http_answer or http_page */
    HTTP_STAGE_BATCH, /* between two items of a batch, whose answer has begun */
};

/* Headers that mean something here; every one may stand once. */
enum http_header {
    HTTP_HOST,
    HTTP_CONTENT_LENGTH,
    HTTP_TRANSFER_ENCODING,
    HTTP_CONTENT_TYPE,
    HTTP_AUTHORIZATION,
    HTTP_IDEMPOTENCY_KEY,
    HTTP_IF_MATCH,
    HTTP_EXPECT,
    HTTP_X_FORWARDED_FOR, /* these two may stand again; the last one counts */
    HTTP_FORWARDED,
    HTTP_SIGNATURE,
    HTTP_HEADERS
};

struct http_span { /* within the bytes of the request */
    uint32_t at;
    uint32_t bytes;
};

struct http {
    /* for the loop */
    uint64_t seen;        /* the highest sequence of what has been read from the catalogue */
    uint8_t caller_bytes; /* who asks */
    char caller[ID_BYTES_MAX];
    bool unsynced; /* as the server's */
    uint8_t stage; /* enum http_stage */
    uint8_t page;  /* enum http_page, after HTTP_PAGE */
    bool waited;   /* set by the loop: HTTP_WAIT is over, one way or the other */
    uint64_t wait_seq;

    /* private to io/http.c: the request that is being read, or is open */
    uint8_t version_minor;
    uint8_t method; /* enum route_method */
    bool head_only; /* HEAD: the answer's body is left out */
    bool keep_alive;
    bool continued; /* 100 Continue has been sent */
    uint8_t first_line_spaces;
    bool chunked;
    bool head_whole; /* as the parser sees it */
    bool whole;      /* a chunked body's end has been seen */
    uint8_t header;  /* the one being read; HTTP_HEADERS: of no interest */
    uint8_t last_byte;
    uint8_t fault; /* enum code: why it will be refused */
    bool unframed; /* nobody can say where the next request begins */
    const char *fault_reason;
    const struct route *route;
    uint32_t batch_item;   /* counted from 1; 0: no batch is open */
    uint32_t batch_at;     /* in the body: what is to be read next */
    uint32_t allowed;      /* methods, for 405 */
    uint32_t lines;        /* of the head, without empty ones before it */
    uint32_t line_bytes;   /* since the last line's end */
    uint32_t framed_bytes; /* looked at by the framing's own check */
    uint32_t read_bytes;   /* by the parser */
    uint32_t head_bytes;   /* 0: not whole yet */
    struct http_span target;
    struct http_span name;
    struct http_span value[HTTP_HEADERS];
    struct http_span body; /* a chunked one is put together in place */
    uint32_t headers_seen;
    struct walk *walk;
    uint64_t id_seed;
    uint64_t id_count;
    uint64_t parser[16]; /* of llhttp */
};

/* `random` makes ids of orders that come without one; `walk` has WALK_BYTES for lists. */
void http_init(struct http *http, uint64_t random, struct walk *walk);

enum http_step {
    HTTP_MORE,     /* wants more bytes behind these; nothing is consumed */
    HTTP_COMMAND,  /* one checked command stands in `command`; http_answer answers it */
    HTTP_PAGE,     /* the loop gathers what http->page names; http_page answers it */
    HTTP_ANSWERED, /* answered already, e.g. a refusal, or in part; may be fed again */
    HTTP_WAIT,     /* feed the same bytes again when http->wait_seq is durable, or http->waited is
                    * set, since it has taken too long */
    HTTP_CLOSE,    /* answered already; to be closed when sent, nothing may be fed */
    HTTP_LINGER, /* the same, but more may be on its way: closed at once, it could destroy the answer */
};

enum http_page {
    HTTP_PAGE_NONE,
    HTTP_PAGE_LIVE,
    HTTP_PAGE_READY,
    HTTP_PAGE_METRICS,
    HTTP_PAGE_LATENCY,
    HTTP_PAGE_OPENAPI,
    HTTP_PAGE_SNAPSHOT
};

/* Looks at the bytes from the first one that is not consumed: always the same ones and those that
 * have come since, maybe elsewhere in memory. They are rewritten in place while being read. Consumes
 * whole requests only, one at a time; so after HTTP_ANSWERED, call again with what is left.
 *
 * `output` may have grown whatever is returned (100 Continue), at most by HTTP_OUTPUT_BYTES_MAX;
 * `command` needs room for COMMAND_BYTES_MAX and grows only with HTTP_COMMAND. What has been
 * answered here may leave when the watermark has reached http->seen. now_ns is wall time. */
enum http_step http_feed(struct http *http, const struct http_server *server, void *bytes,
                         uint32_t count, uint32_t *consumed, struct pile *command,
                         struct pile *output, uint64_t now_ns) MUST_LOOK;

/* The last X-Forwarded-For, or Forwarded, of the request that begins at `bytes`; 0 bytes: none. */
struct text http_forwarded(const struct http *http, const struct http_server *server,
                           const void *bytes);

/* Appends the answer to the open request; true: the connection stays. Also for what the loop itself
 * refuses: a RESULT_PLAIN with CODE_BUSY, CODE_BEHIND, ... */
bool http_answer(struct http *http, const struct http_server *server, const struct result *result,
                 struct pile *output) MUST_LOOK;

/* Appends the page that was asked for; true: the connection stays. */
bool http_page(struct http *http, const struct http_server *server, struct text body,
               struct pile *output) MUST_LOOK;

/* The request took too long: appends 408 if one has begun. The connection is to be closed. */
void http_expire(struct http *http, const struct http_server *server, struct pile *output);

#endif
