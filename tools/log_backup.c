/* spate log backup - a copy of a data directory that a server can be started on, taken while another
 * server writes to it.
 *
 * What is copied ends with the last group that a witness covers: so everything in it was acknowledged,
 * and nothing that was acknowledged before the backup began is missing. The copy is then looked at as
 * `verify` would. A snapshot that is made meanwhile may take away what is being copied; then it is
 * begun again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/log.h"
#include "tools/log_state.h"

enum { TRIES = 8, COPY_BYTES = 1 << 20, NAMES_BYTES = 4 << 20, QUEUE_ENTRIES = 16 };

struct backup {
    const char *command;
    const char *from_path;
    const char *to_path;
    struct env_world world;
    struct env *env;
    int32_t from;
    int32_t to;
    struct manifest manifest;
    uint64_t snapshots[SNAPSHOTS_MAX];
    uint32_t snapshot_count;
    uint64_t left_out[SNAPSHOTS_MAX]; /* they are damaged */
    uint32_t left_out_count;
    struct place end; /* behind the last group that is taken */
    uint8_t *block;
    void *scan_memory;
    char *names;
    uint64_t bytes;
    int exit_code; /* once it is REFUSED */
    struct log_progress progress;
};

/* What became of a try. */
enum outcome { TAKEN, AGAIN, REFUSED };

static enum outcome refuse(struct backup *b, const char *what, int error)
{
    b->exit_code = log_fail(b->command, EXIT_IO, "%s: %s", what, strerror(error));
    return REFUSED;
}

/* What a server has just replaced may be gone or read as anything; but a device that fails, fails. */
static enum outcome unreadable(struct backup *b, const char *what, int32_t error)
{
    char line[256];
    if (error != -EIO)
        return AGAIN;
    snprintf(line, sizeof line, "%.128s: %s cannot be read", b->from_path, what);
    return refuse(b, line, EIO);
}

/* ---- where it ends ---------------------------------------------------------------------------------- */

static bool is_left_out(const struct backup *b, uint64_t snapshot)
{
    bool found = false;
    for (uint32_t i = 0; i < b->left_out_count; i++)
        found |= b->left_out[i] == snapshot;
    return found;
}

static int32_t list(struct backup *b)
{
    int32_t count = env_list(b->env, b->from, b->names, NAMES_BYTES);
    uint32_t all = count < 0 ? 0 : snapshot_list(b->names, (uint32_t)count, b->snapshots);
    b->snapshot_count = 0;
    for (uint32_t i = 0; i < all; i++)
        if (!is_left_out(b, b->snapshots[i]))
            b->snapshots[b->snapshot_count++] = b->snapshots[i];
    return count < 0 ? count : manifest_read(b->env, b->from, &b->manifest);
}

static struct place begin_of(struct backup *b)
{
    for (uint32_t i = 0; i < b->snapshot_count; i++) {
        char name[SNAPSHOT_NAME_BYTES];
        struct snapshot_reader reader;
        snapshot_name(name, b->snapshots[i]);
        if (snapshot_open(&reader, b->env, b->from, name, b->manifest.log_id, b->block) != 0)
            continue;
        snapshot_close(&reader);
        return snapshot_place(&reader.head);
    }
    return scan_first(&b->manifest);
}

/* Reads groups up to `last`, or to the first that is not there. */
static int32_t read_to(struct backup *b, struct scan *scan, struct place from, uint64_t last)
{
    int32_t error = 0;
    scan_begin(scan, b->env, b->from, &b->manifest, b->scan_memory, from);
    while (scan->at.seq <= last && scan_next(scan, &error) != NULL)
        continue;
    scan_end(scan);
    return error;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A group that is missing now, though a block that was written after it says that it was acknowledged,
 * is gone; otherwise it just has not been written yet. */
static bool is_damaged(struct backup *b, struct place end, uint64_t witness)
{
    struct scan scan;
    scan_begin(&scan, b->env, b->from, &b->manifest, b->scan_memory, end);
    scan.witness = witness;
    bool told = scan_beyond(&scan, end.serial + 2) == 0 && scan.witness >= end.seq;
    return told && read_to(b, &scan, end, end.seq) == 0 && scan.at.seq == end.seq;
}

static enum outcome find_end(struct backup *b)
{
    struct scan scan;
    int32_t error = list(b);
    if (error < 0)
        return unreadable(b, "the manifest", error);
    struct place begin = begin_of(b);
    error = read_to(b, &scan, begin, UINT64_MAX);
    if (error < 0)
        return unreadable(b, "the log", error);
    uint64_t witness = later(scan.witness, later(b->manifest.witness, begin.seq - 1));
    if (is_damaged(b, scan.at, witness)) {
        b->exit_code =
            log_fail(b->command, EXIT_DAMAGED,
                     "%s is damaged at sequence %" PRIu64 ": `spate log verify` says where",
                     b->from_path, scan.at.seq);
        return REFUSED;
    }
    if (read_to(b, &scan, begin, witness) < 0 || scan.at.seq != witness + 1)
        return AGAIN;
    b->end = scan.at;
    return TAKEN;
}

/* ---- copying ---------------------------------------------------------------------------------------- */

static bool write_all(int file, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t wrote = write(file, bytes, count);
        if (wrote < 0)
            return false;
        bytes += wrote;
        count -= (size_t)wrote;
    }
    return true;
}

/* Its first `bytes`, and zeros up to a whole block. */
static bool copy_bytes(struct backup *b, const char *name, int from, int to, uint64_t bytes)
{
    uint64_t at = 0;
    ssize_t got = 1;
    while (at < bytes && got > 0) {
        uint64_t left = bytes - at;
        got = read(from, b->block, left < COPY_BYTES ? left : COPY_BYTES);
        if (got < 0 || !write_all(to, b->block, (size_t)got))
            return false;
        at += (uint64_t)got;
        log_progress_say(&b->progress, env_clock(b->env), name, at, bytes);
    }
    b->bytes += at;
    memset(b->block, 0, BLOCK_BYTES);
    return write_all(to, b->block, block_align(at) - at) && fsync(to) == 0;
}

static enum outcome copy(struct backup *b, const char *name, uint64_t bytes)
{
    int from = openat(b->from, name, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return errno == ENOENT ? AGAIN : refuse(b, name, errno);
    struct stat stat;
    int to = openat(b->to, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    bool good = to >= 0 && fstat(from, &stat) == 0;
    if (good && bytes > (uint64_t)stat.st_size)
        bytes = (uint64_t)stat.st_size;
    good = good && copy_bytes(b, name, from, to, bytes);
    int error = errno;
    log_progress_end(&b->progress);
    close(from);
    if (to >= 0)
        close(to);
    return good ? TAKEN : refuse(b, name, error);
}

static enum outcome copy_segments(struct backup *b)
{
    const char *name = b->names;
    enum outcome outcome = TAKEN;
    int32_t count = env_list(b->env, b->from, b->names, NAMES_BYTES);
    for (int32_t i = 0; i < count && outcome == TAKEN; i++, name += strlen(name) + 1) {
        uint64_t serial = segment_serial(name);
        if (serial < b->manifest.begin_serial || serial > b->end.serial)
            continue;
        outcome = copy(b, name, serial == b->end.serial ? b->end.offset : UINT64_MAX);
    }
    return outcome;
}

static enum outcome copy_snapshots(struct backup *b)
{
    enum outcome outcome = TAKEN;
    for (uint32_t i = 0; i < b->snapshot_count && outcome == TAKEN; i++) {
        char name[SNAPSHOT_NAME_BYTES];
        snapshot_name(name, b->snapshots[i]);
        if (b->snapshots[i] + 1 >= b->manifest.begin_seq && b->snapshots[i] < b->end.seq)
            outcome = copy(b, name, UINT64_MAX);
    }
    return outcome;
}

/* Nothing lies beyond the end; the manifest is its witness. */
static enum outcome put_manifest(struct backup *b)
{
    struct manifest *manifest = &b->manifest;
    manifest->witness = b->end.seq - 1;
    manifest->flags |= MANIFEST_CLOSED;
    if (manifest->state_seq + 1 != b->end.seq)
        manifest->state_seq = 0;
    while (manifest->epoch_count > 1 &&
           manifest->epochs[manifest->epoch_count - 1].first_seq > b->end.seq)
        manifest->epoch_count--;
    int32_t error = manifest_write(b->env, b->to, manifest);
    return error == 0 ? TAKEN : refuse(b, "the manifest of the backup", -error);
}

/* ---- a try ------------------------------------------------------------------------------------------ */

/* What is damaged at its source can be done without, if another one is whole. */
static enum outcome leave_out_damaged(struct backup *b)
{
    uint32_t there = 0, whole = 0;
    for (uint32_t i = 0; i < b->snapshot_count; i++) {
        char name[SNAPSHOT_NAME_BYTES];
        struct snapshot_reader reader;
        if (b->snapshots[i] + 1 < b->manifest.begin_seq)
            continue;
        there++;
        snapshot_name(name, b->snapshots[i]);
        int32_t error =
            snapshot_verify(&reader, b->env, b->from, name, b->manifest.log_id, (void *)b->block);
        whole += error == 0;
        if (error != -EBADMSG || b->left_out_count == SNAPSHOTS_MAX)
            continue;
        b->left_out[b->left_out_count++] = b->snapshots[i];
        fprintf(stderr, "%s: %s/%s is damaged: left out\n", b->command, b->from_path, name);
    }
    bool has_changed = b->left_out_count == 0 && there > 0;
    if (whole > 0 || has_changed || b->manifest.begin_seq == 1)
        return AGAIN;
    b->exit_code = log_fail(b->command, EXIT_DAMAGED,
                            "no snapshot in %s is whole, so no server could start on a backup: let "
                            "a server that has it make one, or restore one",
                            b->from_path);
    return REFUSED;
}

static enum outcome look_at_it(struct backup *b)
{
    struct log_state state;
    int end = log_state_open(&state, b->command, b->to_path, NULL);
    if (end == 0)
        end = log_verify_snapshots(&state, false);
    bool whole = end == 0 && state.start.begin.next_seq == b->end.seq;
    log_state_close(&state);
    if (whole)
        return TAKEN;
    b->exit_code = end;
    return end == EXIT_IO || end == EXIT_OS ? REFUSED : leave_out_damaged(b);
}

static enum outcome try_once(struct backup *b)
{
    b->bytes = 0;
    enum outcome outcome = find_end(b);
    if (outcome == TAKEN)
        outcome = copy_snapshots(b);
    if (outcome == TAKEN)
        outcome = copy_segments(b);
    if (outcome == TAKEN)
        outcome = put_manifest(b);
    return outcome == TAKEN ? look_at_it(b) : outcome;
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static int run(struct backup *b)
{
    char message[ENV_MESSAGE_BYTES];
    int exit_code;
    b->from = open(b->from_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->from < 0)
        return log_fail(b->command, EXIT_CANNOT_CREATE, "%s: %s", b->from_path, strerror(errno));
    if (faccessat(b->from, "manifest", R_OK, 0) != 0)
        return log_fail(b->command, EXIT_CANNOT_CREATE,
                        "%s is not a data directory of Spate: no manifest that can be read",
                        b->from_path);
    exit_code = log_make_empty(b->command, b->to_path, b->from, &b->to);
    if (exit_code != 0)
        return exit_code;
    if (!env_uring_open(&b->world, 0, QUEUE_ENTRIES, &b->env, message, &exit_code))
        return log_fail(b->command, exit_code, "%s", message);
    b->block = log_memory(b->command, SNAPSHOT_BLOCK_BYTES);
    b->scan_memory = log_memory(b->command, SCAN_MEMORY_BYTES);
    b->names = log_memory(b->command, NAMES_BYTES);
    if (b->block == NULL || b->scan_memory == NULL || b->names == NULL)
        return EXIT_OS;
    enum outcome outcome = AGAIN;
    for (uint32_t i = 0; i < TRIES && outcome == AGAIN; i++) {
        log_make_empty_again(b->to);
        outcome = try_once(b);
    }
    env_uring_close(b->env);
    if (outcome == TAKEN) {
        printf("%s has everything up to sequence %" PRIu64 ": %" PRIu64 " bytes\n", b->to_path,
               b->end.seq - 1, b->bytes);
        return 0;
    }
    log_make_empty_again(b->to);
    if (outcome == REFUSED)
        return b->exit_code;
    return log_fail(b->command, EXIT_UNAVAILABLE,
                    "%s changes faster than it can be copied: make snapshots less often, or try "
                    "again",
                    b->from_path);
}

int log_backup(int argc, char **argv)
{
    struct backup backup = {.command = "spate log backup",
                            .progress = {.command = "spate log backup", .file = STDERR_FILENO}};
    const struct option options[] = {
        {.name = "to",
         .value_name = "DIR",
         .help = "where the copy is to be: a directory that is empty or not there",
         .kind = OPTION_TEXT,
         .into = &backup.to_path},
        {0},
    };
    const struct usage usage = {
        .command = backup.command,
        .arguments = "DIR --to DIR",
        .summary = "Copies a data directory, also while a server uses it, so that another server "
                   "can be started on the copy.",
        .options = options,
    };
    int end = log_arguments(&usage, argc, argv);
    if (end >= 0)
        return end;
    if (backup.to_path == NULL)
        return log_fail(backup.command, EXIT_USAGE_ERROR, "--to DIR is missing");
    backup.from_path = argv[0];
    return run(&backup);
}
