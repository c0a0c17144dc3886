/* Steps of a start, in the order that makes it safe to be interrupted anywhere and run again:
 *   1  lock the directory
 *   2  a manifest with an epoch that was never used
 *   3  read the log to the first group that is missing or invalid (h), look for witnesses beyond it
 *   4  a witness at or above h: acknowledged data is gone: refuse
 *   5  copy what no witness covers (w+1 .. h-1) into new segments under the new epoch, sync
 *   6  one manifest adds the epoch from w+1 on, and the witness h-1
 *   7  apply, and only then serve
 * Nothing is truncated and nothing deleted: what a crash leaves behind is dead by the table. */
#include "persist/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persist/scan.h"

enum { NAMES_BYTES = 1 << 20, LOCK_TRIES = 20, PID_BYTES = 32 };
static const uint64_t LOCK_RETRY_NS = 2 * 1000 * 1000;

struct starting {
    struct start *start;
    struct env *env;
    const struct start_options *options;
    struct start_report *report;
    struct manifest *manifest;
    uint8_t *buffer;
    uint32_t buffer_bytes;
    uint8_t *output;
    char *names;
    uint64_t first_serial; /* of the segments that are there */
    uint64_t last_serial;
    uint64_t end_seq; /* h: the first that is missing */
    uint64_t end_chain;
    uint64_t witness; /* w */
    uint64_t witness_chain;
};

static size_t aligned(size_t bytes)
{
    return (bytes + BLOCK_BYTES - 1) & ~(size_t)(BLOCK_BYTES - 1);
}

static size_t buffer_bytes(const struct start_options *options)
{
    return aligned(options->write_bytes_max) + ((size_t)1 << 20);
}

size_t start_scratch_bytes(const struct start_options *options)
{
    return aligned(sizeof(struct manifest)) + 2 * buffer_bytes(options) + NAMES_BYTES;
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
    return refuse(s, exit_code, "cannot %s in %s: %s%s", doing, s->options->directory,
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

/* A server that was killed keeps its lock until the kernel has ended its last write. */
static bool lock(struct starting *s)
{
    int32_t file = open_file(s, s->start->directory, "lock", O_RDWR | O_CREAT);
    if (file < 0)
        return refuse_error(s, "make the lock", file);
    s->start->lock = file;
    int32_t error;
    for (int tries = 0; (error = env_lock(s->env, file)) == -EWOULDBLOCK; tries++) {
        if (tries == LOCK_TRIES)
            return refuse_locked(s);
        pause_a_moment(s);
    }
    if (error < 0)
        return refuse_error(s, "lock the data directory", error);
    char pid[PID_BYTES];
    memset(pid, ' ', sizeof pid);
    snprintf(pid, sizeof pid, "%llu\n", (unsigned long long)s->options->process);
    int32_t wrote =
        env_do(s->env,
               &(struct env_op){.kind = ENV_WRITE, .file = file, .data = pid, .bytes = sizeof pid});
    return wrote == (int32_t)sizeof pid || refuse_error(s, "write the lock", wrote);
}

/* ---- 2: what is there, and an epoch of our own ---------------------------------------------------- */

/* The lowest and highest serial in the directory; false: somebody else's files are in it. */
static bool list_segments(struct starting *s)
{
    int32_t count = env_list(s->env, s->start->directory, s->names, NAMES_BYTES);
    if (count < 0)
        return refuse_error(s, "list the files", count);
    const char *name = s->names;
    for (int32_t i = 0; i < count; i++, name += strlen(name) + 1) {
        uint64_t serial = segment_serial(name);
        if (serial == 0)
            continue;
        if (s->first_serial == 0)
            s->first_serial = serial;
        s->last_serial = serial; /* names are sorted, and serials padded */
    }
    return true;
}

static bool is_ours(const char *name)
{
    return strcmp(name, "lock") == 0 || strcmp(name, "manifest.tmp") == 0 ||
           strcmp(name, "making.tmp") == 0 || strcmp(name, "lost+found") == 0;
}

static bool begin_new_log(struct starting *s)
{
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
    *s->manifest = (struct manifest){.log_id = env_random(s->env), .next_serial = 1};
    return true;
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
    return error == 0 || refuse_error(s, "read the manifest", error);
}

static bool write_manifest(struct starting *s)
{
    int32_t error = manifest_write(s->env, s->start->directory, s->manifest);
    return error == 0 || refuse_error(s, "write the manifest", error);
}

static bool take_epoch(struct starting *s)
{
    struct manifest *manifest = s->manifest;
    if (manifest->next_serial <= s->last_serial)
        manifest->next_serial = s->last_serial + 1;
    manifest->epoch_used++;
    s->start->begin.epoch = manifest->epoch_used;
    s->start->begin.log_id = manifest->log_id;
    return write_manifest(s);
}

/* ---- 3, 4: how far the log goes, and whether that is far enough ------------------------------------ */

static void scan_from_start(struct starting *s, struct scan *scan)
{
    uint64_t first = s->manifest->epoch_count > 0 ? s->manifest->epochs[0].first_seq : 1;
    scan_begin(scan, s->env, s->start->directory, s->manifest, s->buffer, s->buffer_bytes,
               s->first_serial, first);
}

static bool read_to_end(struct starting *s)
{
    s->witness = s->manifest->witness;
    s->end_seq = 1;
    if (s->manifest->epoch_count == 0)
        return true;
    struct scan scan;
    int32_t error;
    const struct group_head *head;
    scan_from_start(s, &scan);
    scan.witness = s->manifest->witness;
    while ((head = scan_next(&scan, &error)) != NULL) {
        s->report->groups++;
        s->report->events += head->event_count;
    }
    s->end_seq = scan.next_seq;
    s->end_chain = scan.chain;
    uint64_t end_serial = scan.serial, end_offset = scan.offset;
    if (error == 0)
        error = scan_witnesses(&scan, s->last_serial);
    s->witness = scan.witness;
    s->report->bytes = scan.bytes;
    scan_end(&scan);
    if (error < 0)
        return refuse_error(s, "read the log", error);
    if (s->witness < s->end_seq)
        return true;
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, end_serial);
    return refuse(
        s, EXIT_DAMAGED,
        "%s/%s is damaged at offset %llu: group %llu is missing or invalid, but everything "
        "up to %llu was acknowledged; `spate log verify` explains, `spate log salvage` saves "
        "what can be had",
        s->options->directory, name, (unsigned long long)end_offset, (unsigned long long)s->end_seq,
        (unsigned long long)s->witness);
}

/* ---- 5: what nobody has witnessed moves under the new epoch ----------------------------------------- */

struct copy {
    int32_t file;
    uint64_t serial;
    uint64_t offset;
    uint32_t bytes;
    uint64_t chain;
};

static bool open_copy(struct starting *s, struct copy *copy)
{
    char name[SEGMENT_NAME_BYTES];
    copy->serial = s->manifest->next_serial++;
    copy->offset = BLOCK_BYTES;
    segment_name(name, copy->serial);
    copy->file = open_file(s, s->start->directory, name, O_CREAT | O_TRUNC | O_WRONLY);
    if (copy->file < 0)
        return refuse_error(s, "make a segment", copy->file);
    struct segment_head *head = (void *)s->output;
    memset(s->output, 0, BLOCK_BYTES);
    segment_head_fill(head, s->manifest->log_id, copy->serial, s->options->segment_bytes);
    int32_t wrote =
        env_do(s->env,
               &(struct env_op){
                   .kind = ENV_WRITE, .file = copy->file, .data = s->output, .bytes = BLOCK_BYTES});
    return wrote == BLOCK_BYTES || refuse_error(s, "write a segment", wrote < 0 ? wrote : -EIO);
}

static bool flush_copy(struct starting *s, struct copy *copy)
{
    uint32_t bytes = (uint32_t)aligned(copy->bytes);
    memset(s->output + copy->bytes, 0, bytes - copy->bytes);
    int32_t wrote = env_do(s->env, &(struct env_op){.kind = ENV_WRITE,
                                                    .file = copy->file,
                                                    .offset = copy->offset,
                                                    .data = s->output,
                                                    .bytes = bytes});
    copy->offset += bytes;
    copy->bytes = 0;
    return wrote == (int32_t)bytes || refuse_error(s, "write a segment", wrote < 0 ? wrote : -EIO);
}

static void put_copy(struct starting *s, struct copy *copy, struct group_head head,
                     const void *events)
{
    struct group_head *to = (void *)(s->output + copy->bytes);
    head.epoch = s->start->begin.epoch;
    head.witness = s->witness;
    head.chain = copy->chain;
    memcpy(to + 1, events, head.event_bytes);
    *to = head;
    group_seal(to, group_seed(s->manifest->log_id, copy->serial));
    copy->bytes += (uint32_t)sizeof *to + head.event_bytes;
    if (head.kind == GROUP_EVENTS)
        copy->chain = to->head_sum;
}

static bool close_copy(struct starting *s, struct copy *copy, uint64_t seq)
{
    put_copy(s, copy,
             (struct group_head){.magic = GROUP_MAGIC,
                                 .version = FORMAT_VERSION,
                                 .kind = GROUP_END,
                                 .log_id = s->manifest->log_id,
                                 .seq = seq},
             s->output);
    if (!flush_copy(s, copy))
        return false;
    int32_t error = env_do(s->env, &(struct env_op){.kind = ENV_FSYNC, .file = copy->file});
    close_file(s, copy->file);
    return error == 0 || refuse_error(s, "sync a segment", error);
}

/* Each group is a write of its own: the tail is short, and nothing else waits. */
static bool copy_group(struct starting *s, struct copy *copy, const struct group_head *head)
{
    uint64_t bytes = aligned(sizeof *head + (uint64_t)head->event_bytes);
    if (copy->offset + bytes + BLOCK_BYTES > s->options->segment_bytes &&
        !(close_copy(s, copy, head->seq - 1) && open_copy(s, copy)))
        return false;
    put_copy(s, copy, *head, group_events(head));
    return flush_copy(s, copy);
}

static bool copy_tail(struct starting *s)
{
    struct scan scan;
    struct copy copy = {.file = -1};
    const struct group_head *head;
    int32_t error;
    bool good = true;
    scan_from_start(s, &scan);
    while (good && (head = scan_next(&scan, &error)) != NULL && head->seq < s->end_seq) {
        if (head->seq <= s->witness) {
            copy.chain = head->head_sum;
            continue;
        }
        good = (copy.file >= 0 || open_copy(s, &copy)) && copy_group(s, &copy, head);
    }
    scan_end(&scan);
    if (!good || !close_copy(s, &copy, s->end_seq - 1))
        return false;
    s->end_chain = copy.chain;
    error = env_do(s->env, &(struct env_op){.kind = ENV_FSYNC, .file = s->start->directory});
    return error == 0 || refuse_error(s, "sync the directory", error);
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
        return refuse(s, EXIT_UNAVAILABLE, "%s has been started too often without a snapshot",
                      s->options->directory);
    manifest->epochs[manifest->epoch_count++] = (struct epoch){
        .first_seq = first_seq, .first_serial = first_serial, .epoch = s->start->begin.epoch};
    manifest->witness = s->end_seq - 1;
    manifest->closed = 0;
    return write_manifest(s);
}

/* ---- 7 ---------------------------------------------------------------------------------------------- */

static bool apply_group(struct starting *s, struct start_visitor *visitor,
                        const struct group_head *head)
{
    const struct event *event = group_events(head);
    uint64_t left = head->event_bytes;
    for (uint32_t i = 0; i < head->event_count; i++) {
        if (!event_valid(event, left))
            return refuse(s, EXIT_DAMAGED, "event %u of group %llu cannot be read", i,
                          (unsigned long long)head->seq);
        if (!visitor->on_event(visitor, (struct position){head->seq, (uint16_t)i}, event))
            return refuse(s, EXIT_UNAVAILABLE, "a table is too small");
        left -= event->bytes;
        event = (const void *)((const char *)event + event->bytes);
    }
    return true;
}

static bool apply_all(struct starting *s, struct start_visitor *visitor)
{
    struct scan scan;
    const struct group_head *head;
    int32_t error = 0;
    bool good = true;
    scan_from_start(s, &scan);
    while (good && (head = scan_next(&scan, &error)) != NULL)
        good = apply_group(s, visitor, head);
    bool whole = scan.next_seq == s->end_seq;
    scan_end(&scan);
    if (!good)
        return false;
    return whole || refuse_error(s, "read the log once more", error < 0 ? error : -EIO);
}

static bool run(struct starting *s, struct start_visitor *visitor)
{
    if (!open_directory(s) || !lock(s) || !list_segments(s) || !read_manifest(s) ||
        !take_epoch(s) || !read_to_end(s))
        return false;
    uint64_t first_serial = s->manifest->next_serial;
    if (s->witness + 1 < s->end_seq && !copy_tail(s))
        return false;
    if (!add_epoch(s, first_serial))
        return false;
    if (s->first_serial == 0)
        s->first_serial = first_serial;
    if (s->end_seq > 1 && !apply_all(s, visitor))
        return false;
    s->start->begin.next_seq = s->end_seq;
    s->start->begin.chain = s->end_chain;
    s->start->begin.next_serial = s->manifest->next_serial;
    s->start->begin.directory = s->start->directory;
    return true;
}

bool start_open(struct start *start, struct env *env, const struct start_options *options,
                void *scratch, struct start_visitor *visitor, struct start_report *report)
{
    uint8_t *at = scratch;
    struct starting s = {
        .start = start,
        .env = env,
        .options = options,
        .report = report,
        .manifest = scratch,
        .buffer = at + aligned(sizeof(struct manifest)),
        .buffer_bytes = (uint32_t)buffer_bytes(options),
    };
    s.output = s.buffer + buffer_bytes(options);
    s.names = (char *)(s.output + buffer_bytes(options));
    *start = (struct start){.directory = -1, .lock = -1};
    *report = (struct start_report){0};
    if (run(&s, visitor))
        return true;
    close_file(&s, start->lock);
    close_file(&s, start->directory);
    return false;
}
