/* io/server.h - a whole server above the seam: its options, its memory, its actors.
 *
 * `spate serve` runs every actor on a thread of its own; the simulator runs them on stacks. Actors
 * 0..shard_count-1 are the shards, the one behind them is the helper, the last one makes snapshots. */
#ifndef SPATE_IO_SERVER_H
#define SPATE_IO_SERVER_H

#include "core/shard.h"
#include "persist/compact.h"
#include "persist/start.h"

struct callers;
struct lines;
struct networks;
struct server;

enum drain_status { DRAIN_UNAVAILABLE, DRAIN_NOT_FOUND };

/* A group has room for what the largest command may bring forth; one of less takes no command. */
enum { SERVER_GROUP_BYTES_MIN = 128 << 10 };

struct server_options {
    const char *directory;
    const char *binary_address; /* "ADDR:PORT", NULL: not served; likewise below */
    const char *http_address;
    const char *admin_address;
    const struct callers *callers; /* NULL: nobody is asked who they are */
    const struct networks
        *trusted;              /* whose word about clients is taken; NULL: nobody asks for it */
    uint64_t forwarded;        /* the header in which it stands: enum forwarded */
    bool proxy_protocol[2];    /* by enum protocol: every connection begins with a PROXY header */
    const struct lines *lines; /* where it speaks; NULL: nobody counts what is lost there */
    uint32_t shard_count;
    uint32_t connection_count_max;    /* per shard */
    uint32_t address_connections_max; /* of them from one address; 0: as many as there are */
    uint32_t credits;                 /* commands of a connection that may be under way */
    uint32_t pipelined_max;           /* of them, executed and not yet answered; the others wait */
    uint32_t output_bytes;            /* unsent answers from which on its commands wait */
    uint32_t mailbox_bytes;
    uint32_t frame_bytes_max;
    uint32_t head_bytes_max; /* of an HTTP request */
    uint32_t body_bytes_max;
    uint32_t turn_commands_max;
    uint64_t turn_ns_max;
    uint64_t request_ns_max;  /* how long one may take to arrive */
    uint64_t idle_ns_max;     /* how long a connection may have nothing to say; 0: for ever */
    uint64_t order_count_max; /* in total */
    uint64_t order_bytes_max;
    uint32_t sku_count_max;
    uint32_t cell_count_max;
    uint32_t retry_count_max;
    uint32_t flight_count_max;
    uint64_t payment_deadline_ns;
    uint64_t review_deadline_ns;
    uint64_t expiry_grace_ns;
    uint64_t retention_ns;
    uint64_t remainder_ns;
    enum review_timeout review_timeout;
    uint64_t confirm_deadline_ns;
    uint64_t retry_window_ns;
    uint64_t drain_delay_ns;
    uint64_t drain_status; /* of /readyz meanwhile: enum drain_status */
    uint64_t process;      /* its id, for whoever finds the directory in use */
    struct log_options log;
    struct compact_options compact; /* its files are opened by the helper */
    const char *archive;            /* a directory for segments that nobody needs; NULL: none */
    bool bug[64];                   /* planted bugs; tests only */
};

struct server_options server_options_default(void);

/* Sizes every capacity from one number of bytes. */
void server_options_memory(struct server_options *options, uint64_t bytes);

/* Bytes that the server needs; its memory must be zeroed, aligned to 4096 and outlive it. */
size_t server_bytes(const struct server_options *options);
/* The part of it, at its beginning, that is worked with all the time and deserves huge pages; behind it
 * lies address space that is touched only as far as it is used. */
size_t server_tables_bytes(const struct server_options *options);
/* The part of it, at its end, that snapshots are made in, and questions about the past are answered in. */
size_t server_beside_bytes(const struct server_options *options);

/* Lays out the memory; everything else is the actors'. */
struct server *server_init(void *zeroed_memory, const struct server_options *options);

/* How many actors there are: the shards, the helper, and whoever makes snapshots. */
uint32_t server_actor_count(const struct server *server);

/* Runs one actor until the server has drained or failed; exit code of the process. All begin by
 * recovering together (io/recovery.h): the helper opens the data directory and reads the log, the
 * shards apply it; then the helper listens, and makes segments ready. Snapshots are made beside them all,
 * and once more at the end, if much has been written since the last one. */
int server_run(struct server *server, struct env *env, uint32_t actor);

/* Everything has been recovered and is listened for. */
bool server_is_ready(const struct server *server);
/* Why it could not start; the message is empty otherwise. After the helper has returned. */
const struct start_report *server_report(const struct server *server);

/* By one thread, not a signal handler: puts a text of rules in force that rules_check has found good,
 * in a while and for good (core/RULES.md). False: the last one is still on its way; try again. */
bool server_put_rules(struct server *server, struct text rules) MUST_LOOK;

/* Any thread, while the server runs: who may call from now on. The table stays as it is until every
 * shard has begun two more turns: then none looks at the one before. Whoever is connected stays. */
void server_callers(struct server *server, const struct callers *callers);
/* Turns that a shard has begun, and how often it has looked for something to do: a shard that lives
 * looks every few milliseconds. */
uint64_t server_turns(const struct server *server, uint32_t shard);
uint64_t server_beats(const struct server *server, uint32_t shard);

/* Any thread, also a signal handler's: begin to drain (first call), stop at once (second). */
void server_stop(struct server *server);

/* After every actor has returned 0: the manifest's last word. Exit code. */
int server_close(struct server *server, struct env *env);

/* The next commit sequence; 0 before anything is recovered. */
const struct atomic64 *server_next_seq(const struct server *server);

/* Sum over the shards, for tests and tools; only while nothing runs. */
uint64_t server_state_hash(const struct server *server);

#endif
