/* spate log salvage - from a directory that no server starts on, a new one with everything that can be
 * had, and a list of what cannot.
 *
 * What can be had is the newest snapshot that is whole and every group behind it up to the first that
 * is missing: later groups may rest on the missing one, so they are listed, event by event, and not
 * taken. The new directory has a log of its own, so that nothing of the old one is ever read into it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/shape.h"
#include "io/time_text.h"
#include "tools/log.h"
#include "tools/log_state.h"

enum { NAMES_BYTES = 4 << 20, QUEUE_ENTRIES = 16, EXIT_SOME_LOST = 1 };

struct salvage {
    const char *command;
    const char *from_path;
    const char *to_path;
    struct env_world world;
    struct env *env;
    int32_t from;
    int32_t to;
    char *names;
    uint32_t name_count;
    void *block;      /* of a snapshot */
    uint8_t *segment; /* a whole one */
    uint64_t segment_bytes;
    uint64_t unread_blocks; /* of the segments that were read since it was set to 0 */
    int32_t unread_error;   /* of a snapshot that may be whole */
    struct manifest manifest;
    uint64_t acknowledged; /* the highest sequence that anything speaks of */
    uint64_t snapshot;     /* to begin with; 0: the log from its beginning */
    struct fold fold;
    uint64_t lost;
    struct log_progress progress;
};

/* ---- the groups of a segment, whatever stands between them ------------------------------------------ */

static bool read_segment(struct salvage *s, const char *name)
{
    struct stat stat;
    int file = openat(s->from, name, O_RDONLY | O_CLOEXEC);
    free(s->segment);
    s->segment = NULL;
    s->segment_bytes = 0;
    if (file < 0 || fstat(file, &stat) != 0)
        return false;
    s->segment = aligned_alloc(BLOCK_BYTES, block_align((uint64_t)stat.st_size + BLOCK_BYTES));
    CHECK(s->segment != NULL);
    memset(s->segment, 0, block_align((uint64_t)stat.st_size + BLOCK_BYTES));
    /* A block that cannot be read stays zero: it holds nothing then. */
    for (int64_t at = 0; at < stat.st_size; at += BLOCK_BYTES)
        s->unread_blocks += pread(file, s->segment + at, BLOCK_BYTES, at) < 0;
    close(file);
    s->segment_bytes = (uint64_t)stat.st_size;
    return true;
}

/* The next whole group or mark from *at on; NULL: that was the last one. *at is behind it then. */
static const struct group_head *next_group(const struct salvage *s, uint64_t seed, uint64_t *at)
{
    while (*at + sizeof(struct group_head) <= s->segment_bytes) {
        const struct group_head *head = (const void *)(s->segment + *at);
        uint64_t end = *at + sizeof *head;
        if (group_head_valid(head, s->manifest.log_id, seed) &&
            end + head->event_bytes <= s->segment_bytes && group_body_valid(head, seed)) {
            *at = end + head->event_bytes;
            return head;
        }
        *at = block_align(*at + 1);
    }
    return NULL;
}

/* Shows every group of every segment, by serial. */
static void each_group(struct salvage *s, void (*show)(struct salvage *s, uint64_t serial,
                                                       const struct group_head *head))
{
    const char *name = s->names;
    for (uint32_t i = 0; i < s->name_count; i++, name += strlen(name) + 1) {
        uint64_t serial = segment_serial(name), at = BLOCK_BYTES;
        if (serial == 0 || !read_segment(s, name))
            continue;
        const struct group_head *head;
        while ((head = next_group(s, group_seed(s->manifest.log_id, serial), &at)) != NULL)
            show(s, serial, head);
    }
}

/* ---- what the log's bytes mean ---------------------------------------------------------------------- */

static bool find_log_id(struct salvage *s)
{
    const char *name = s->names;
    for (uint32_t i = 0; i < s->name_count; i++, name += strlen(name) + 1) {
        uint64_t serial = segment_serial(name);
        if (serial == 0 || !read_segment(s, name))
            continue;
        const struct segment_head *head = (const void *)s->segment;
        if (segment_head_check(head, head->log_id, serial) != SEGMENT_OK)
            continue;
        s->manifest.log_id = head->log_id;
        return true;
    }
    return false;
}

/* An epoch owns what it has written from its first group on, until a later one begins. */
static void note_epoch(struct salvage *s, uint64_t serial, const struct group_head *head)
{
    struct manifest *manifest = &s->manifest;
    uint32_t at = 0;
    if (head->kind != GROUP_EVENTS)
        return;
    while (at < manifest->epoch_count && manifest->epochs[at].epoch < head->epoch)
        at++;
    bool known = at < manifest->epoch_count && manifest->epochs[at].epoch == head->epoch;
    if (!known) {
        CHECK(manifest->epoch_count < EPOCHS_MAX);
        memmove(&manifest->epochs[at + 1], &manifest->epochs[at],
                (manifest->epoch_count - at) * sizeof manifest->epochs[0]);
        manifest->epoch_count++;
        manifest->epochs[at] = (struct epoch){head->seq, serial, head->epoch, 0};
    }
    struct epoch *epoch = &manifest->epochs[at];
    epoch->first_seq = head->seq < epoch->first_seq ? head->seq : epoch->first_seq;
    epoch->first_serial = serial < epoch->first_serial ? serial : epoch->first_serial;
    if (manifest->begin_seq == 0 || head->seq < manifest->begin_seq) {
        manifest->begin_seq = head->seq;
        manifest->begin_serial = serial;
        manifest->begin_offset = BLOCK_BYTES;
        manifest->begin_chain = head->chain;
    }
}

/* An epoch that was copied to and never served owns nothing. */
static void drop_dead_epochs(struct manifest *manifest)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < manifest->epoch_count; i++) {
        while (kept > 0 && manifest->epochs[kept - 1].first_seq >= manifest->epochs[i].first_seq)
            kept--;
        manifest->epochs[kept++] = manifest->epochs[i];
    }
    manifest->epoch_count = kept;
}

static bool understand(struct salvage *s)
{
    int32_t error = manifest_read(s->env, s->from, &s->manifest);
    if (error == 0)
        return true;
    printf("the manifest cannot be read (%s): made anew from the segments\n", strerror(-error));
    memset(&s->manifest, 0, sizeof s->manifest);
    if (!find_log_id(s))
        return false;
    each_group(s, note_epoch);
    drop_dead_epochs(&s->manifest);
    return s->manifest.epoch_count > 0;
}

/* ---- what to begin with ----------------------------------------------------------------------------- */

static bool is_whole(struct salvage *s, uint64_t seq)
{
    char name[SNAPSHOT_NAME_BYTES];
    struct snapshot_reader reader;
    snapshot_name(name, seq);
    int32_t error = snapshot_verify(&reader, s->env, s->from, name, s->manifest.log_id, s->block);
    if (reader.head.seq > s->acknowledged)
        s->acknowledged = reader.head.seq;
    if (error < 0)
        printf("%s is passed over: %s\n", name, snapshot_fault(error));
    if (error == -EIO)
        s->unread_error = error;
    return error == 0;
}

/* False: there is nothing to begin with. */
static bool choose_snapshot(struct salvage *s)
{
    uint64_t seqs[SNAPSHOTS_MAX];
    uint32_t count = snapshot_list(s->names, s->name_count, seqs);
    for (uint32_t i = 0; i < count && s->snapshot == 0; i++)
        if (is_whole(s, seqs[i]))
            s->snapshot = seqs[i];
    return s->snapshot != 0 || s->manifest.begin_seq == 1;
}

/* ---- the new directory ------------------------------------------------------------------------------ */

static int fold_failed(const struct salvage *s)
{
    return log_fail(s->command, EXIT_IO, "%s: %s", s->from_path, s->fold.message);
}

static int write_failed(const struct salvage *s, int32_t error)
{
    return log_fail(s->command, EXIT_IO, "%s cannot be written: %s", s->to_path, strerror(-error));
}

static int32_t begin_writing(struct salvage *s, struct snapshot_writer *writer)
{
    const struct snapshot_head facts = {
        .log_id = env_random(s->env),
        .seq = s->fold.place.seq - 1,
        .serial = 1,
        .offset = BLOCK_BYTES,
        .made_ns = env_now(s->env),
    };
    return snapshot_create(writer, s->env, s->to, s->block, &facts);
}

static int32_t add_slot(struct salvage *s, struct snapshot_writer *writer)
{
    struct image_walk walk = {0};
    const struct record *record;
    int32_t error = 0;
    while (error == 0 && (record = shard_image_next(s->fold.shard, &walk)) != NULL)
        error = snapshot_add(writer, record);
    return error;
}

static int32_t finish(struct salvage *s, struct snapshot_writer *writer)
{
    uint64_t seq = writer->head.seq;
    int32_t error = snapshot_finish(writer);
    if (error == 0)
        error = snapshot_publish(s->env, s->to, seq);
    struct manifest *manifest = calloc(1, sizeof *manifest);
    CHECK(manifest != NULL);
    *manifest = (struct manifest){
        .flags = MANIFEST_CLOSED,
        .log_id = writer->head.log_id,
        .next_serial = 1,
        .witness = seq,
        .begin_serial = 1,
        .begin_offset = BLOCK_BYTES,
        .begin_seq = seq + 1,
        .epoch_used = 1,
        .epoch_count = 1,
        .epochs = {{.first_seq = seq + 1, .first_serial = 1, .epoch = 1}},
    };
    if (error == 0)
        error = manifest_write(s->env, s->to, manifest);
    free(manifest);
    return error;
}

static int take(struct salvage *s)
{
    struct fold_options options = {
        .directory = s->from,
        .manifest = &s->manifest,
        .snapshot = s->snapshot,
        .seq = UINT64_MAX,
        .as_far_as_it_goes = true,
        .lane_directory = s->to,
    };
    struct snapshot_writer writer = {.file = -1};
    size_t bytes;
    void *memory = log_fold_memory(s->command, &options, &bytes);
    enum fold_state now;
    int32_t error = 0;
    if (memory == NULL)
        return EXIT_OS;
    fold_begin(&s->fold, memory, s->env, &options);
    while (error == 0 && (now = fold_step(&s->fold)) != FOLD_DONE) {
        if (now == FOLD_FAILED) {
            log_progress_end(&s->progress);
            return fold_failed(s);
        }
        if (now == FOLD_SLOT && writer.file < 0)
            error = begin_writing(s, &writer);
        if (now == FOLD_SLOT && error == 0)
            error = add_slot(s, &writer);
        log_progress_fold(&s->progress, &s->fold, s->acknowledged + 1);
    }
    log_progress_end(&s->progress);
    if (error == 0 && writer.file < 0)
        error = begin_writing(s, &writer);
    if (error == 0)
        error = finish(s, &writer);
    fold_end(&s->fold);
    munmap(memory, bytes);
    return error == 0 ? 0 : write_failed(s, error);
}

/* ---- what is lost ------------------------------------------------------------------------------------ */

static void print_lost(uint64_t seq, uint32_t index, const struct event *event)
{
    char time[TIME_TEXT_BYTES_MAX];
    struct text at = time_text_print(event->at_ns, time), by = event_by(event);
    struct text order = shape_order(event_slices(event));
    printf("lost %" PRIu64 ".%u  %.*s  %s  order %.*s  by %.*s\n", seq, index, (int)at.bytes, at.at,
           event_name(event->kind), (int)order.bytes, order.at, (int)by.bytes, by.at);
}

static void print_group(struct salvage *s, uint64_t serial, const struct group_head *head)
{
    (void)serial;
    if (head->kind != GROUP_EVENTS || head->seq < s->fold.place.seq ||
        head->epoch != manifest_epoch(&s->manifest, head->seq)->epoch)
        return;
    const struct event *event = group_events(head);
    uint64_t left = head->event_bytes;
    for (uint32_t i = 0; i < head->event_count && event_valid(event, left); i++) {
        print_lost(head->seq, i, event);
        s->lost++;
        left -= event->bytes;
        event = event_next(event);
    }
}

static void note_witness(struct salvage *s, uint64_t serial, const struct group_head *head)
{
    (void)serial;
    uint64_t last = manifest_epoch_last(&s->manifest, head->epoch);
    uint64_t witness = head->witness < last ? head->witness : last;
    s->acknowledged = witness > s->acknowledged ? witness : s->acknowledged;
}

static int report(struct salvage *s)
{
    uint64_t taken = s->fold.place.seq - 1;
    each_group(s, note_witness);
    if (s->manifest.witness > s->acknowledged)
        s->acknowledged = s->manifest.witness;
    s->unread_blocks = 0;
    each_group(s, print_group);
    if (s->unread_blocks > 0)
        printf("%" PRIu64 " blocks of the log cannot be read, which is not damage: a copy of the "
               "directory on another device may have them\n",
               s->unread_blocks);
    printf("%s has everything up to sequence %" PRIu64 "\n", s->to_path, taken);
    if (s->acknowledged <= taken) {
        printf("nothing that was acknowledged is lost\n");
        return 0;
    }
    printf("lost: sequences %" PRIu64 " to %" PRIu64 ", which were acknowledged; %" PRIu64
           " events of them can be read and stand above, the others cannot\n",
           taken + 1, s->acknowledged, s->lost);
    return EXIT_SOME_LOST;
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static int run(struct salvage *s)
{
    char message[ENV_MESSAGE_BYTES];
    int exit_code;
    s->from = open(s->from_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->from < 0)
        return log_fail(s->command, EXIT_CANNOT_CREATE, "%s: %s", s->from_path, strerror(errno));
    exit_code = log_make_empty(s->command, s->to_path, s->from, &s->to);
    if (exit_code != 0)
        return exit_code;
    if (!env_uring_open(&s->world, 0, QUEUE_ENTRIES, &s->env, message, &exit_code))
        return log_fail(s->command, exit_code, "%s", message);
    s->names = log_memory(s->command, NAMES_BYTES);
    s->block = log_memory(s->command, SNAPSHOT_BLOCK_BYTES);
    if (s->names == NULL || s->block == NULL)
        return EXIT_OS;
    int32_t count = env_list(s->env, s->from, s->names, NAMES_BYTES);
    s->name_count = count < 0 ? 0 : (uint32_t)count;
    if (!understand(s))
        return log_fail(s->command, EXIT_DAMAGED, "%s: there is neither manifest nor segment",
                        s->from_path);
    if (!choose_snapshot(s))
        return log_fail(
            s->command, s->unread_error < 0 ? EXIT_IO : EXIT_DAMAGED,
            "%s: no snapshot %s, and the log begins with sequence %" PRIu64 " only: %s",
            s->from_path, s->unread_error < 0 ? "can be read" : "is whole", s->manifest.begin_seq,
            s->unread_error < 0 ? "copy the directory to another device, and salvage that"
                                : "take a backup");
    exit_code = take(s);
    return exit_code != 0 ? exit_code : report(s);
}

int log_salvage(int argc, char **argv)
{
    static struct salvage salvage = {
        .command = "spate log salvage",
        .progress = {.command = "spate log salvage", .file = STDERR_FILENO}};
    const struct option options[] = {
        {.name = "to",
         .value_name = "DIR",
         .help = "where it is to be: a directory that is empty or not there",
         .kind = OPTION_TEXT,
         .into = &salvage.to_path},
        {0},
    };
    const struct usage usage = {
        .command = salvage.command,
        .arguments = "DIR --to DIR",
        .summary =
            "Makes a new data directory of everything that can be had from a damaged one, and "
            "says exactly what is lost. Exit code 0: nothing that was acknowledged; 1: the "
            "events that are listed; 65: nothing can be had; 74: nothing can be read.",
        .options = options,
    };
    int end = log_arguments(&usage, argc, argv);
    if (end >= 0)
        return end;
    if (salvage.to_path == NULL)
        return log_fail(salvage.command, EXIT_USAGE_ERROR, "--to DIR is missing");
    salvage.from_path = argv[0];
    end = run(&salvage);
    if (end > EXIT_SOME_LOST && salvage.to > 0)
        log_make_empty_again(salvage.to);
    if (salvage.env != NULL)
        env_uring_close(salvage.env);
    return end;
}
