/* Steps of a start, in the order that makes it safe to be interrupted anywhere and run again:
 *   1  lock the directory
 *   2  a manifest with an epoch that was never used
 *   3  read the log to the first group that is missing or invalid (h), look for witnesses beyond it
 *   4  a witness at or above h: acknowledged data is gone: refuse
 *   5  copy what no witness covers (w+1 .. h-1) into new segments under the new epoch, sync
 *   6  one manifest adds the epoch from w+1 on, and the witness h-1
 *   7  serve
 * Events are applied as step 3 reads them: that is memory alone, thrown away with the process if a
 * later step refuses; nobody is answered before step 6. Nothing is truncated and nothing deleted: what
 * a crash leaves behind is dead by the table. */
#include "persist/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bug.h"
#include "core/sometimes.h"
#include "persist/lanes.h"

enum {
    NAMES_BYTES = 4 << 20,
    LOCK_TRIES = 100,
    PID_BYTES = 32,
    MARKS = 64,             /* places to come back to, ... */
    MARK_BYTES = 256 << 10, /* ... one for so much of the log */
};
static const uint64_t LOCK_RETRY_NS = 5 * 1000 * 1000;
static const uint64_t LATER_NS = 1000 * 1000;
static const uint64_t PROGRESS_NS = UINT64_C(1000) * 1000 * 1000;

struct starting {
    struct start *start;
    struct env *env;
    const struct start_options *options;
    struct start_visitor *visitor;
    struct start_report *report;
    struct manifest *manifest;
    void *scan_memory;
    uint8_t *output;
    char *names;
    uint32_t name_count;
    uint64_t last_serial; /* of the segments that are there */
    struct place first;   /* of the log that is to be read */
    struct scan scan;
    struct place marks[MARKS]; /* mark_count - 1 mod MARKS is the latest */
    uint64_t mark_count;
    struct place end; /* h: where the first missing group should be */
    uint64_t witness; /* w */
    uint64_t blank_from;
    uint64_t unread; /* of the snapshots, the newest that may be whole but cannot be read; ... */
    int32_t unread_error; /* ... and why */
    uint64_t begun_ns;
    uint64_t part_ns; /* when what is read now was begun: the snapshot, or the log */
    uint64_t said_ns;
};

enum { MANIFEST_BYTES = (sizeof(struct manifest) + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES };

_Static_assert((int)SCAN_MEMORY_BYTES >= SNAPSHOT_AHEAD * SNAPSHOT_BLOCK_BYTES,
               "the snapshot is read before the log");

size_t start_scratch_bytes(const struct start_options *options)
{
    (void)options;
    return MANIFEST_BYTES + SCAN_MEMORY_BYTES + WRITE_BYTES_MAX + BLOCK_BYTES + NAMES_BYTES;
}

__attribute__((format(printf, 3, 4))) static bool refuse(struct starting *s, int exit_code,
                                                         const char *format, ...)
{
    va_list arguments;
    s->report->exit_code = exit_code;
    va_start(arguments, format);
    vsnprintf(s->report->message, sizeof s->report->message, format, arguments);
    va_end(arguments);
    return false;
}

static bool refuse_error(struct starting *s, const char *doing, int32_t error)
{
    int exit_code = error == -EACCES || error == -EPERM || error == -EROFS ? EXIT_PERMISSION
                    : error == -ENOENT || error == -ENOTDIR                ? EXIT_CANNOT_CREATE
                                                                           : EXIT_IO;
    const char *remedy = exit_code == EXIT_PERMISSION ? "; it must be writable for this user" : "";
    return refuse(s, exit_code, "cannot %s %s: %s%s", doing, s->options->directory,
                  strerror(-error), remedy);
}

static int32_t open_file(struct starting *s, int32_t directory, const char *path, int flags)
{
    return env_do(s->env,
                  &(struct env_op){
                      .kind = ENV_OPEN, .file = directory, .path = path, .flags = (uint32_t)flags});
}

static void close_file(struct starting *s, int32_t file)
{
    if (file >= 0)
        (void)!env_do(s->env, &(struct env_op){.kind = ENV_CLOSE, .file = file});
}

/* ---- 1: the directory, and nobody else in it ---------------------------------------------------- */

static bool open_directory(struct starting *s)
{
    const char *path = s->options->directory;
    int32_t file = open_file(s, ENV_CWD, path, O_RDONLY | O_DIRECTORY);
    if (file == -ENOENT && !s->options->read_only) {
        int32_t made =
            env_do(s->env, &(struct env_op){.kind = ENV_MKDIR, .file = ENV_CWD, .path = path});
        if (made < 0)
            return refuse_error(s, "make the data directory", made);
        file = open_file(s, ENV_CWD, path, O_RDONLY | O_DIRECTORY);
    }
    if (file < 0)
        return refuse_error(s, "open the data directory", file);
    s->start->directory = file;
    return true;
}

static void pause_a_moment(struct starting *s)
{
    struct env_done none;
    SOMETIMES("start: another process still has the lock");
    uint64_t until = env_clock(s->env) + LOCK_RETRY_NS;
    while (env_clock(s->env) < until)
        (void)env_reap(s->env, &none, 1, until);
}

static bool refuse_locked(struct starting *s)
{
    char pid[PID_BYTES + 1] = "";
    (void)!env_do(s->env,
                  &(struct env_op){
                      .kind = ENV_READ, .file = s->start->lock, .data = pid, .bytes = PID_BYTES});
    return refuse(s, EXIT_UNAVAILABLE,
                  "%s is in use by process %d: stop it, or choose another --data",
                  s->options->directory, atoi(pid));
}

/* A server that was killed keeps its lock until the kernel has ended its last write and taken its
 * rings apart. */
static bool lock(struct starting *s)
{
    int32_t file = open_file(s, s->start->directory, "lock", O_RDWR | O_CREAT);
    if (file < 0)
        return refuse_error(s, "make the lock in", file);
    s->start->lock = file;
    int32_t error;
    for (int tries = 0; (error = env_lock(s->env, file)) == -EWOULDBLOCK; tries++) {
        if (tries == LOCK_TRIES)
            return refuse_locked(s);
        pause_a_moment(s);
    }
    if (error < 0)
        return refuse_error(s, "lock the data directory", error);
    error =
        env_keep(s->env, file); /* a write of ours in flight keeps others out even when we die */
    if (error < 0)
        return refuse_error(s, "keep the lock in", error);
    char pid[PID_BYTES];
    memset(pid, ' ', sizeof pid);
    snprintf(pid, sizeof pid, "%llu\n", (unsigned long long)s->options->process);
    int32_t wrote =
        env_do(s->env,
               &(struct env_op){.kind = ENV_WRITE, .file = file, .data = pid, .bytes = sizeof pid});
    return wrote == (int32_t)sizeof pid || refuse_error(s, "write the lock in", wrote);
}

/* ---- 2: what is there, and an epoch of our own ---------------------------------------------------- */

static bool list_segments(struct starting *s)
{
    int32_t count = env_list(s->env, s->start->directory, s->names, NAMES_BYTES);
    if (count < 0)
        return refuse_error(s, "list the files in", count);
    const char *name = s->names;
    s->name_count = (uint32_t)count;
    for (int32_t i = 0; i < count; i++, name += strlen(name) + 1) {
        uint64_t serial = segment_serial(name);
        if (serial > s->last_serial)
            s->last_serial = serial;
    }
    return true;
}

static bool is_ours(const char *name)
{
    return strcmp(name, "lock") == 0 || strcmp(name, "manifest.tmp") == 0 ||
           strcmp(name, LANES_FILE) == 0 || strcmp(name, SNAPSHOT_MAKING) == 0 ||
           strcmp(name, SEGMENT_MAKING) == 0 || strcmp(name, "measure.tmp") == 0 ||
           strcmp(name, "lost+found") == 0;
}

/* A directory whose own name is lost takes everything in it along. Who may not look into its parent
 * did not make it either. */
static bool sync_parent(struct starting *s)
{
    int32_t parent = open_file(s, s->start->directory, "..", O_RDONLY | O_DIRECTORY);
    if (parent == -EACCES || parent == -EPERM)
        return true;
    if (parent < 0)
        return refuse_error(s, "open the parent of", parent);
    int32_t error = env_do(s->env, &(struct env_op){.kind = ENV_FSYNC, .file = parent});
    close_file(s, parent);
    return error == 0 || refuse_error(s, "sync the parent of", error);
}

static bool begin_new_log(struct starting *s)
{
    if (s->options->read_only)
        return refuse(s, EXIT_CANNOT_CREATE, "%s is not a data directory of Spate: no manifest",
                      s->options->directory);
    const char *name = s->names;
    int32_t count = env_list(s->env, s->start->directory, s->names, NAMES_BYTES);
    for (int32_t i = 0; i < count; i++, name += strlen(name) + 1)
        if (!is_ours(name))
            return refuse(
                s, s->last_serial > 0 ? EXIT_DAMAGED : EXIT_CANNOT_CREATE,
                s->last_serial > 0
                    ? "%s has log segments but no manifest (it has %s): restore the manifest, "
                      "or try `spate log salvage`"
                    : "%s is not a data directory of Spate (it has %s): choose an empty one",
                s->options->directory, name);
    *s->manifest = (struct manifest){.log_id = env_random(s->env),
                                     .next_serial = 1,
                                     .begin_serial = 1,
                                     .begin_offset = BLOCK_BYTES,
                                     .begin_seq = 1};
    return sync_parent(s);
}

static bool read_manifest(struct starting *s)
{
    int32_t error = manifest_read(s->env, s->start->directory, s->manifest);
    if (error == -ENOENT)
        return begin_new_log(s);
    if (error == -EPROTO)
        return refuse(s, EXIT_DAMAGED,
                      "%s was written by a newer version of Spate (format %u; this one knows %u)",
                      s->options->directory, s->manifest->version, FORMAT_VERSION);
    if (error == -EBADMSG)
        return refuse(
            s, EXIT_DAMAGED,
            "%s/manifest is damaged: restore it from a backup, or try `spate log salvage`",
            s->options->directory);
    return error == 0 || refuse_error(s, "read the manifest in", error);
}

static bool write_manifest(struct starting *s)
{
    int32_t error = manifest_write(s->env, s->start->directory, s->manifest);
    return error == 0 || refuse_error(s, "write the manifest in", error);
}

static bool take_epoch(struct starting *s)
{
    struct manifest *manifest = s->manifest;
    if (manifest->next_serial <= s->last_serial)
        manifest->next_serial = s->last_serial + 1;
    if (s->options->bug == NULL || !s->options->bug[BUG_EPOCH_REUSED] || manifest->epoch_used == 0)
        manifest->epoch_used++;
    return write_manifest(s);
}

/* ---- 3, 4: how far the log goes, and whether that is far enough ------------------------------------ */

static bool refuse_place(struct starting *s, int exit_code, struct place at, const char *what)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, at.serial);
    return refuse(s, exit_code, "%s/%s, offset %llu, sequence %llu: %s", s->options->directory,
                  name, (unsigned long long)at.offset, (unsigned long long)at.seq, what);
}

static bool refuse_unreadable(struct starting *s, int32_t error)
{
    if (error == -EPROTO)
        return refuse_place(s, EXIT_DAMAGED, s->scan.at,
                            "written by a newer version of Spate; start that one");
    if (error == -ENOENT)
        return refuse_place(s, EXIT_DAMAGED, s->scan.at,
                            "this file is missing: the one before it goes on here; restore it");
    if (error == -EXDEV)
        return refuse_place(s, EXIT_DAMAGED, s->scan.at,
                            "belongs to another log; restore the file that was here");
    char what[128];
    snprintf(what, sizeof what, "cannot be read: %s", strerror(-error));
    return refuse_place(s, EXIT_IO, s->scan.at, what);
}

/* Where a group stands that scan_next has just given. */
static struct place place_of(const struct starting *s, const struct group_head *head)
{
    struct place at = s->scan.at;
    at.offset -= sizeof *head + head->event_bytes;
    at.seq = head->seq;
    return at;
}

static bool events_valid(const struct group_head *head)
{
    const struct event *event = group_events(head);
    uint64_t left = head->event_bytes;
    for (uint32_t i = 0; i < head->event_count; i++, event = event_next(event)) {
        if (!event_valid(event, left))
            return false;
        left -= event->bytes;
    }
    return true;
}

static bool hand_over(struct starting *s, const struct group_head *head)
{
    enum start_visit visit;
    if (!events_valid(head))
        return refuse_place(s, EXIT_DAMAGED, place_of(s, head),
                            "its checksum is right but an event in it makes no sense; it was "
                            "not written by this program");
    while ((visit = s->visitor->on_group(s->visitor, head)) == START_LATER)
        scan_pause(&s->scan, env_clock(s->env) + LATER_NS);
    if (visit == START_STOP)
        return refuse_place(s, EXIT_UNAVAILABLE, place_of(s, head),
                            "a table is too small for it; start with a larger --memory");
    s->report->groups++;
    s->report->events += head->event_count;
    return true;
}

/* Places near the end, so that copying the tail need not read everything again. */
static void mark_place(struct starting *s)
{
    const struct place *last = &s->marks[(s->mark_count - 1) % MARKS];
    bool far = s->mark_count == 0 || last->serial != s->scan.at.serial ||
               s->scan.at.offset - last->offset >= MARK_BYTES;
    if (far)
        s->marks[s->mark_count++ % MARKS] = s->scan.at;
}

/* `done` of `all` pieces of something, `count` events or records in what is done. */
static void say_progress(struct starting *s, const char *what, uint64_t count, const char *piece,
                         uint64_t done, uint64_t all)
{
    uint64_t now = env_clock(s->env);
    if (now - s->said_ns < PROGRESS_NS)
        return;
    s->said_ns = now;
    uint64_t seconds_10 = (now - s->part_ns) / (PROGRESS_NS / 10);
    char line[160];
    snprintf(line, sizeof line,
             "recovering: %llu %s, %llu a second; %s %llu of %llu, about %llu s left",
             (unsigned long long)count, what, (unsigned long long)(count * 10 / seconds_10), piece,
             (unsigned long long)(done + 1), (unsigned long long)all,
             (unsigned long long)((all - done) * seconds_10 / (done + 1) / 10));
    env_say(s->env, line);
}

static void say_recovered(struct starting *s)
{
    uint64_t ms = (env_clock(s->env) - s->begun_ns) / 1000000;
    char line[160];
    snprintf(line, sizeof line,
             "recovered %llu records of a snapshot and %llu events of %llu groups in %llu ms",
             (unsigned long long)s->report->records, (unsigned long long)s->report->events,
             (unsigned long long)s->report->groups, (unsigned long long)ms);
    if (s->report->events + s->report->records > 0 && !s->options->read_only)
        env_say(s->env, line);
}

static bool read_groups(struct starting *s)
{
    int32_t error = 0;
    bool good = true;
    const struct group_head *head;
    mark_place(s);
    s->part_ns = s->said_ns = env_clock(s->env);
    while (good && (head = scan_next(&s->scan, &error)) != NULL) {
        good = hand_over(s, head);
        mark_place(s);
        if (s->report->groups % 1024 == 0)
            say_progress(s, "events", s->report->events, "segment",
                         s->scan.at.serial - s->first.serial, s->last_serial + 1 - s->first.serial);
    }
    s->end = s->scan.at;
    if (good && error == 0)
        error = scan_beyond(&s->scan, s->last_serial);
    s->witness = s->scan.witness;
    s->blank_from = s->scan.blank_from;
    s->report->bytes = s->scan.read_bytes;
    s->report->torn_bytes = s->scan.torn_bytes;
    return good && (error >= 0 || refuse_unreadable(s, error));
}

static bool refuse_damaged(struct starting *s)
{
    char name[SEGMENT_NAME_BYTES], witness[SEGMENT_NAME_BYTES] = "the manifest";
    SOMETIMES("start: acknowledged data is damaged");
    segment_name(name, s->end.serial);
    if (s->scan.witness_serial != 0)
        segment_name(witness, s->scan.witness_serial);
    return refuse(
        s, EXIT_DAMAGED,
        "%s/%s is damaged at offset %llu: group %llu is missing or invalid, but everything "
        "up to %llu was acknowledged (says %s, offset %llu); restore a backup, `spate log "
        "verify` tells more",
        s->options->directory, name, (unsigned long long)s->end.offset,
        (unsigned long long)s->end.seq, (unsigned long long)s->witness, witness,
        (unsigned long long)s->scan.witness_offset);
}

/* ---- the snapshot ---------------------------------------------------------------------------------- */

static bool show_image(struct starting *s, struct snapshot_reader *reader, enum start_image what,
                       const struct snapshot_block *block)
{
    enum start_visit visit;
    while ((visit = s->visitor->on_image(s->visitor, what, block)) == START_LATER)
        snapshot_pause(reader, env_clock(s->env) + LATER_NS);
    return visit == START_TAKEN ||
           refuse(s, EXIT_UNAVAILABLE,
                  "a table is too small for the snapshot in %s; start with a larger --memory",
                  s->options->directory);
}

enum loaded { LOADED, LOADED_NOT, LOADED_REFUSED };

/* What is damaged, another log's or gone is known not to serve; what cannot be read may. */
static void note_unread(struct starting *s, uint64_t seq, int32_t error)
{
    if (s->unread != 0 || error == -EBADMSG || error == -EXDEV || error == -ENOENT)
        return;
    s->unread = seq;
    s->unread_error = error;
}

static enum loaded load_failed(struct starting *s, uint64_t seq, const char *name, int32_t error)
{
    char line[160];
    if (error == -EPROTO) {
        (void)refuse(s, EXIT_DAMAGED, "%s/%s: %s", s->options->directory, name,
                     snapshot_fault(error));
        return LOADED_REFUSED;
    }
    SOMETIMES("start: a snapshot is passed over");
    note_unread(s, seq, error);
    snprintf(line, sizeof line, "%s is passed over: %s", name, snapshot_fault(error));
    env_say_at(s->env, ENV_WARNING, line);
    return LOADED_NOT;
}

static enum loaded load_blocks(struct starting *s, struct snapshot_reader *reader, const char *name)
{
    const struct snapshot_block *block;
    uint64_t records = 0;
    int32_t error;
    while ((block = snapshot_next(reader, &error)) != NULL) {
        records += block->record_count;
        say_progress(s, "records", records, "megabyte", reader->next_block - 1,
                     reader->head.block_count);
        if (!show_image(s, reader, START_IMAGE_BLOCK, block))
            return LOADED_REFUSED;
    }
    if (!show_image(s, reader, error < 0 ? START_IMAGE_FORGET : START_IMAGE_END, NULL))
        return LOADED_REFUSED;
    if (error < 0)
        return load_failed(s, reader->head.seq, name, error);
    s->first = snapshot_place(&reader->head);
    SOMETIMES("start: a snapshot is loaded");
    s->report->snapshot = reader->head.seq;
    s->report->records = reader->head.record_count;
    return LOADED;
}

static enum loaded load_one(struct starting *s, uint64_t seq)
{
    char name[SNAPSHOT_NAME_BYTES];
    struct snapshot_reader reader;
    snapshot_name(name, seq);
    int32_t error =
        snapshot_open(&reader, s->env, s->start->directory, name, s->manifest->log_id, s->output);
    if (error < 0)
        return load_failed(s, seq, name, error);
    snapshot_read_ahead(&reader, s->scan_memory,
                        s->options->image_runs > 0 ? s->options->image_runs : 1);
    /* Whatever else has become of it: it was made of what was durable. */
    s->witness = s->witness < seq ? seq : s->witness;
    enum loaded loaded = load_blocks(s, &reader, name);
    snapshot_close(&reader);
    return loaded;
}

/* Where one may be whole that cannot be read, nothing need be restored before that is known. */
static bool refuse_without_snapshot(struct starting *s)
{
    if (s->unread != 0)
        return refuse(
            s, EXIT_IO,
            "no snapshot in %s can be loaded, and the log begins with sequence %llu only; "
            "snapshot-%020llu.img cannot be read (%s) but may be whole: mend what keeps it "
            "from being read, or copy the directory to another device, and start again",
            s->options->directory, (unsigned long long)s->manifest->begin_seq,
            (unsigned long long)s->unread, strerror(-s->unread_error));
    return refuse(s, EXIT_DAMAGED,
                  "no snapshot in %s is whole, and the log begins with sequence %llu only: restore "
                  "snapshot-%020llu.img or a newer one from a backup",
                  s->options->directory, (unsigned long long)s->manifest->begin_seq,
                  (unsigned long long)s->manifest->begin_seq - 1);
}

/* The newest that is whole and that the log goes on from. */
static bool load_snapshot(struct starting *s)
{
    uint64_t seqs[SNAPSHOTS_MAX];
    uint32_t count = snapshot_list(s->names, s->name_count, seqs);
    for (uint32_t i = 0; i < count && seqs[i] + 1 >= s->manifest->begin_seq; i++) {
        enum loaded loaded = load_one(s, seqs[i]);
        if (loaded != LOADED_NOT)
            return loaded == LOADED;
    }
    return s->manifest->begin_seq == 1 || refuse_without_snapshot(s);
}

static bool read_log(struct starting *s)
{
    const struct manifest *manifest = s->manifest;
    s->end = s->first = scan_first(manifest);
    s->witness = manifest->witness;
    s->blank_from = s->last_serial + 1;
    if (manifest->epoch_count == 0)
        return true;
    s->begun_ns = s->part_ns = s->said_ns = env_clock(s->env);
    if (s->visitor->on_image != NULL && !load_snapshot(s))
        return false;
    scan_begin(&s->scan, s->env, s->start->directory, manifest, s->scan_memory, s->first);
    s->scan.witness = s->witness;
    bool good = read_groups(s);
    scan_end(&s->scan);
    if (!good)
        return false;
    if (s->witness >= s->end.seq)
        return refuse_damaged(s);
    if (s->scan.unknown_epoch != 0)
        return refuse(
            s, EXIT_DAMAGED,
            "%s/manifest is older than the log, in which epoch %u has served: restore the "
            "latest manifest",
            s->options->directory, s->scan.unknown_epoch);
    say_recovered(s);
    return true;
}

/* ---- 5: what nobody has witnessed moves under the new epoch ----------------------------------------- */

struct copy {
    int32_t file; /* -1: none is open */
    uint64_t serial;
    uint64_t offset;
    uint64_t chain;
};

static bool write_copy(struct starting *s, struct copy *copy, uint32_t bytes)
{
    int32_t wrote = env_do(s->env, &(struct env_op){.kind = ENV_WRITE,
                                                    .file = copy->file,
                                                    .offset = copy->offset,
                                                    .data = s->output,
                                                    .bytes = bytes});
    copy->offset += bytes;
    return wrote == (int32_t)bytes ||
           refuse_error(s, "copy the end of the log in", wrote < 0 ? wrote : -EIO);
}

static bool open_copy(struct starting *s, struct copy *copy)
{
    char name[SEGMENT_NAME_BYTES];
    copy->serial = s->manifest->next_serial++;
    copy->offset = 0;
    segment_name(name, copy->serial);
    copy->file = segment_open(s->env, s->start->directory, name, O_CREAT | O_TRUNC | O_WRONLY);
    if (copy->file < 0)
        return refuse_error(s, "make a segment in", copy->file);
    memset(s->output, 0, BLOCK_BYTES);
    segment_head_fill((void *)s->output, s->manifest->log_id, copy->serial,
                      s->options->segment_bytes);
    return write_copy(s, copy, BLOCK_BYTES);
}

/* Each group is a write of its own: the tail is short, and nothing else waits. */
static bool put_copy(struct starting *s, struct copy *copy, const struct group_head *head)
{
    struct group_head *to = (void *)s->output;
    uint32_t bytes = (uint32_t)sizeof *to + head->event_bytes;
    uint32_t padded = (uint32_t)block_align(bytes);
    memcpy(to, head, bytes);
    memset(s->output + bytes, 0, padded - bytes);
    to->epoch = s->manifest->epoch_used;
    to->flags |= GROUP_COPIED;
    to->witness = s->witness;
    to->chain = copy->chain;
    group_seal(to, group_seed(s->manifest->log_id, copy->serial));
    if (head->kind == GROUP_EVENTS)
        copy->chain = to->head_sum;
    return write_copy(s, copy, padded);
}

static bool close_copy(struct starting *s, struct copy *copy, uint64_t seq)
{
    struct group_head end = {
        .magic = GROUP_MAGIC,
        .version = FORMAT_VERSION,
        .kind = GROUP_END,
        .log_id = s->manifest->log_id,
        .seq = seq,
    };
    if (!put_copy(s, copy, &end))
        return false;
    int32_t error = env_do(s->env, &(struct env_op){.kind = ENV_FSYNC, .file = copy->file});
    close_file(s, copy->file);
    copy->file = -1;
    return error == 0 || refuse_error(s, "sync a segment in", error);
}

static bool copy_group(struct starting *s, struct copy *copy, const struct group_head *head)
{
    uint64_t bytes = block_align(sizeof *head + (uint64_t)head->event_bytes);
    scan_rest(&s->scan);
    bool full = copy->file >= 0 && copy->offset + bytes + BLOCK_BYTES > s->options->segment_bytes;
    if (full)
        SOMETIMES("start: copies of the tail fill a segment");
    if (full && !close_copy(s, copy, head->seq - 1))
        return false;
    return (copy->file >= 0 || open_copy(s, copy)) && put_copy(s, copy, head);
}

static struct place place_before(const struct starting *s, uint64_t seq)
{
    uint64_t oldest = s->mark_count > MARKS ? s->mark_count - MARKS : 0;
    for (uint64_t i = s->mark_count; i > oldest; i--)
        if (s->marks[(i - 1) % MARKS].seq <= seq)
            return s->marks[(i - 1) % MARKS];
    return s->first;
}

static bool copy_groups(struct starting *s, struct copy *copy)
{
    const struct group_head *head;
    int32_t error = 0;
    bool good = true;
    while (good && s->scan.at.seq < s->end.seq && (head = scan_next(&s->scan, &error)) != NULL) {
        if (head->seq <= s->witness)
            copy->chain = head->head_sum;
        else
            good = copy_group(s, copy, head);
    }
    if (good && s->scan.at.seq < s->end.seq)
        return refuse_unreadable(s, error < 0 ? error : -EIO);
    return good && close_copy(s, copy, s->end.seq - 1);
}

static bool copy_tail(struct starting *s)
{
    SOMETIMES("start: groups behind the last witness are copied");
    struct place from = place_before(s, s->witness + 1);
    struct copy copy = {.file = -1, .chain = from.chain};
    scan_begin(&s->scan, s->env, s->start->directory, s->manifest, s->scan_memory, from);
    bool good = copy_groups(s, &copy);
    scan_end(&s->scan);
    close_file(s, copy.file);
    if (!good)
        return false;
    s->end.chain = copy.chain;
    int32_t error =
        env_do(s->env, &(struct env_op){.kind = ENV_FSYNC, .file = s->start->directory});
    return error == 0 || refuse_error(s, "sync", error);
}

/* ---- 6 ---------------------------------------------------------------------------------------------- */

static bool add_epoch(struct starting *s, uint64_t first_serial)
{
    struct manifest *manifest = s->manifest;
    uint64_t first_seq = s->witness + 1;
    /* An epoch that owns no sequence is forgotten. */
    while (manifest->epoch_count > 0 &&
           manifest->epochs[manifest->epoch_count - 1].first_seq >= first_seq)
        manifest->epoch_count--;
    if (manifest->epoch_count == EPOCHS_MAX)
        return refuse(s, EXIT_UNAVAILABLE, "%s has been started %u times without a snapshot",
                      s->options->directory, EPOCHS_MAX);
    if (manifest->epoch_count == 0)
        manifest->begin_serial = first_serial;
    manifest->epochs[manifest->epoch_count++] = (struct epoch){
        .first_seq = first_seq, .first_serial = first_serial, .epoch = manifest->epoch_used};
    manifest->witness = s->end.seq - 1;
    manifest->flags = s->options->sync == LOG_SYNC_NONE ? MANIFEST_UNSYNCED : 0;
    return write_manifest(s);
}

/* Segments that were made ready and never written are used for new ones. */
static bool set_aside_blank(struct starting *s)
{
    uint32_t spare = 0;
    for (uint64_t serial = s->blank_from; serial <= s->last_serial && spare < SPARES_MAX;
         serial++) {
        char from[SEGMENT_NAME_BYTES], to[SEGMENT_NAME_BYTES];
        segment_name(from, serial);
        segment_spare_name(to, spare++);
        int32_t error = env_do(s->env, &(struct env_op){.kind = ENV_RENAME,
                                                        .file = s->start->directory,
                                                        .path = from,
                                                        .path_to = to});
        if (error < 0 && error != -ENOENT)
            return refuse_error(s, "set a segment aside in", error);
    }
    return true;
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static bool run_read_only(struct starting *s)
{
    return open_directory(s) && list_segments(s) && read_manifest(s) && read_log(s);
}

static bool run(struct starting *s)
{
    if (!open_directory(s) || !lock(s) || !list_segments(s) || !read_manifest(s) ||
        !take_epoch(s) || !read_log(s))
        return false;
    uint64_t first_serial = s->manifest->next_serial;
    if (s->witness + 1 < s->end.seq && !copy_tail(s))
        return false;
    return add_epoch(s, first_serial) && set_aside_blank(s);
}

bool start_open(struct start *start, struct env *env, const struct start_options *options,
                void *scratch, struct start_visitor *visitor, struct start_report *report)
{
    uint8_t *at = scratch;
    struct starting s = {
        .start = start,
        .env = env,
        .options = options,
        .visitor = visitor,
        .report = report,
        .manifest = scratch,
        .scan_memory = at + MANIFEST_BYTES,
        .scan.file = -1,
    };
    s.output = at + MANIFEST_BYTES + SCAN_MEMORY_BYTES;
    s.names = (char *)(s.output + WRITE_BYTES_MAX + BLOCK_BYTES);
    *start = (struct start){.directory = -1, .lock = -1};
    *report = (struct start_report){0};
    bool good = options->read_only ? run_read_only(&s) : run(&s);
    report->witness = s.witness;
    if (!good) {
        close_file(&s, start->lock);
        close_file(&s, start->directory);
        *start = (struct start){.directory = -1, .lock = -1};
        return false;
    }
    start->begin = (struct log_begin){
        .log_id = s.manifest->log_id,
        .next_seq = s.end.seq,
        .chain = s.end.chain,
        .next_serial = s.manifest->next_serial,
        .epoch = s.manifest->epoch_used,
        .directory = start->directory,
    };
    return true;
}
