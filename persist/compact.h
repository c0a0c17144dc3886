/* persist/compact.h - makes snapshots beside the shards, and lets go of the log behind them.
 *
 * A round:  fold (fold.h) ─▶ snapshot.tmp ─▶ synced ─▶ read again to the last byte ─▶ its name
 *           ─▶ the manifest: the log begins at the older of two snapshots ─▶ older snapshots go
 *           ─▶ segments before that place are used again, or moved to the archive
 *
 * The round ends at the watermark as it was at its beginning, so it reads only what is durable, and
 * nobody who serves does anything for it. It is made of bounded steps; interrupted anywhere, what it
 * has left behind is either whole and named or is overwritten by the next round.
 *
 * Damage in the log or in the snapshot that it begins with ends compaction for good: everything is
 * kept, and somebody has to look. Whatever else goes wrong (a full disk) is tried again.
 *
 * One actor's alone, but for compact_ask, compact_counts and compact_pressure. */
#ifndef SPATE_PERSIST_COMPACT_H
#define SPATE_PERSIST_COMPACT_H

#include "core/atomics.h"
#include "persist/fold.h"

struct compact_options {
    int32_t directory;
    int32_t archive; /* a directory; -1: segments are used again instead */
    uint64_t seq;    /* of the newest snapshot that is there */
    uint64_t segment_bytes;
    uint64_t every_bytes;  /* of log; 0: never by itself */
    uint64_t every_ns;     /* 0: never by itself */
    uint64_t budget_bytes; /* of log that is kept; 0: as much as there is room for */
    uint64_t rate_bytes;   /* a second, read and written, unless it falls behind; 0: any */
    uint64_t lane_bytes_max;
    uint64_t shard_bytes_max;
};

struct compact_options compact_options_default(void);

/* What the round is to know of the log: everything up to `watermark` is durable, `bytes` have been
 * written to it (counted from anywhere), and there is a hurry. */
struct compact_log {
    uint64_t watermark;
    uint64_t bytes;
    bool hurry;
};

/* How much of its budget the log that is kept has used up: in the last quarter compaction is no longer
 * held back; in the last tenth no more is taken in than it gets through; in the last twentieth, the
 * reserve, nothing new. */
enum compact_pressure { COMPACT_AT_EASE, COMPACT_HURRIES, COMPACT_SLOWS, COMPACT_OVER };

struct compact;

size_t compact_bytes(const struct compact_options *options);
struct compact *compact_init(void *memory, const struct compact_options *options);

/* One bounded step. When it wants to be called next (env_clock); UINT64_MAX: only when the log has
 * grown or somebody has asked. */
uint64_t compact_step(struct compact *compact, struct env *env, const struct compact_log *log);

enum compact_pressure compact_pressure(const struct compact *compact, uint64_t log_bytes);
/* Bytes of log a second that the last round got through; what is left of the budget lasts for a while in
 * any case. */
uint64_t compact_pace(const struct compact *compact);
/* So much has been written since the last round that a start would feel it. */
bool compact_is_worth_it(const struct compact *compact, const struct compact_log *log);
/* It may be held back, and whoever makes it may wait for others: there is no hurry, the next round does
 * not fall due before this one is over, and nobody has asked for a snapshot while this one has been made
 * for half a minute. */
bool compact_has_time(const struct compact *compact, const struct compact_log *log,
                      uint64_t now_ns);
/* A round is under way. */
bool compact_is_running(const struct compact *compact);
/* How far that is: `done` of `all` of what it does just now. */
struct compact_progress {
    const char *what;
    uint64_t done;
    uint64_t all;
};
struct compact_progress compact_progress(const struct compact *compact);
/* What is said about the last failure; "" if there was none. */
const char *compact_message(const struct compact *compact);
/* Closes what a round has open; it begins anew next time. */
void compact_end(struct compact *compact);

/* Memory that only a round needs, for whoever has something to do when there is none: aligned to 4096. */
void *compact_room(struct compact *compact, uint64_t *bytes);

/* Any thread: a snapshot is wanted as soon as possible. */
void compact_ask(struct compact *compact);

struct compact_counts {
    uint64_t steps;
    uint64_t rounds;
    uint64_t failures;
    uint64_t damaged; /* 1: it has stopped for good */
    uint64_t seq;     /* of the newest snapshot that this process knows of */
    uint64_t file_bytes;
    uint64_t made_ns;
    uint64_t round_ns;  /* that the last round took */
    uint64_t records;   /* in that snapshot */
    uint64_t log_bytes; /* written when its round began, as in struct compact_log */
};
struct compact_counts compact_counts(const struct compact *compact);

#endif
