#include "tools/log_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUEUE_ENTRIES = 16, NAMES_BYTES = 4 << 20, LOCK_TRIES = 100, LOCK_RETRY_US = 5000 };
static const uint64_t LANE_BYTES_MAX = UINT64_C(1) << 40;
static const uint64_t SHARD_BYTES_MAX = UINT64_C(64) << 30, SHARD_BYTES_MIN = UINT64_C(256) << 20;

int log_fail(const char *command, int exit_code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", command);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return exit_code;
}

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

void *log_memory(const char *command, size_t bytes)
{
    void *memory = map(bytes);
    if (memory == NULL)
        (void)log_fail(
            command, EXIT_OS,
            "there is no room for %zu MiB of memory, most of which is only reserved: look "
            "at `ulimit -v` and vm.overcommit_memory",
            (bytes >> 20) + 1);
    return memory;
}

void *log_fold_memory(const char *command, struct fold_options *options, size_t *bytes)
{
    void *memory = NULL;
    options->lane_bytes_max = LANE_BYTES_MAX;
    options->shard_bytes_max = SHARD_BYTES_MAX;
    while ((memory = map(fold_bytes(options))) == NULL &&
           options->shard_bytes_max > SHARD_BYTES_MIN)
        options->shard_bytes_max /= 4;
    *bytes = fold_bytes(options);
    return memory != NULL ? memory : log_memory(command, *bytes);
}

/* Whether a directory is `outer`, or lies in it at any depth. */
static bool lies_in(int directory, int outer)
{
    struct stat wanted, last = {0}, at;
    int file = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool inside = false, goes_on = file >= 0 && fstat(outer, &wanted) == 0;
    while (goes_on && !inside && fstat(file, &at) == 0) {
        inside = at.st_ino == wanted.st_ino && at.st_dev == wanted.st_dev;
        goes_on = at.st_ino != last.st_ino || at.st_dev != last.st_dev; /* until the root */
        last = at;
        int above = openat(file, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(file);
        file = above;
    }
    if (file >= 0)
        close(file);
    return inside;
}

int log_make_empty(const char *command, const char *path, int32_t source, int32_t *file)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return log_fail(command, EXIT_CANNOT_CREATE, "%s cannot be made: %s", path,
                        strerror(errno));
    if (rmdir(path) != 0 || mkdir(path, 0700) != 0)
        return log_fail(command, EXIT_CANNOT_CREATE, "%s must be empty, or not there: %s", path,
                        strerror(errno));
    *file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*file < 0)
        return log_fail(command, EXIT_CANNOT_CREATE, "%s: %s", path, strerror(errno));
    if (!lies_in(*file, source))
        return 0;
    (void)rmdir(path);
    return log_fail(command, EXIT_CANNOT_CREATE,
                    "%s lies in the data directory that is read: choose another place", path);
}

void log_make_empty_again(int32_t directory)
{
    int file = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *all = file >= 0 ? fdopendir(file) : NULL;
    const struct dirent *entry;
    while (all != NULL && (entry = readdir(all)) != NULL)
        (void)unlinkat(directory, entry->d_name, 0); /* not "." and "..": they are directories */
    if (all != NULL)
        closedir(all);
}

static enum start_visit pass_over(struct start_visitor *visitor, const struct group_head *head)
{
    (void)visitor, (void)head;
    return START_TAKEN;
}

static bool list_snapshots(struct log_state *state)
{
    char *names = malloc(NAMES_BYTES);
    int32_t count =
        names == NULL ? -1 : env_list(state->env, state->start.directory, names, NAMES_BYTES);
    if (count >= 0)
        state->snapshot_count = snapshot_list(names, (uint32_t)count, state->snapshots);
    free(names);
    return count >= 0 && manifest_read(state->env, state->start.directory, &state->manifest) == 0;
}

int log_state_open(struct log_state *state, const char *command, const char *directory,
                   struct start_visitor *visitor)
{
    struct start_visitor nobody = {.on_group = pass_over};
    struct start_options options = {.directory = directory, .read_only = true};
    char message[ENV_MESSAGE_BYTES];
    int exit_code;
    *state = (struct log_state){.command = command,
                                .directory = directory,
                                .progress = {.command = command, .file = STDERR_FILENO}};
    if (!env_uring_open(&state->world, 0, QUEUE_ENTRIES, &state->env, message, &exit_code))
        return log_fail(command, exit_code, "%s", message);
    void *scratch = log_memory(command, start_scratch_bytes(&options));
    if (scratch == NULL)
        return EXIT_OS;
    bool good = start_open(&state->start, state->env, &options, scratch,
                           visitor != NULL ? visitor : &nobody, &state->report);
    munmap(scratch, start_scratch_bytes(&options));
    if (!good) {
        env_uring_close(state->env);
        state->env = NULL;
        return log_fail(command, state->report.exit_code, "%s", state->report.message);
    }
    if (!list_snapshots(state))
        return log_fail(command, EXIT_IO, "%s cannot be listed", directory);
    return 0;
}

void log_state_close(struct log_state *state)
{
    if (state->memory != NULL)
        munmap(state->memory, state->memory_bytes);
    if (state->env != NULL)
        env_uring_close(state->env);
    state->memory = NULL;
    state->env = NULL;
}

int log_state_lock(struct log_state *state)
{
    int32_t file = env_do(state->env, &(struct env_op){.kind = ENV_OPEN,
                                                       .file = state->start.directory,
                                                       .path = "lock",
                                                       .flags = O_RDWR | O_CREAT | O_CLOEXEC});
    if (file < 0)
        return log_fail(state->command, EXIT_PERMISSION, "%s cannot be locked: %s",
                        state->directory, strerror(-file));
    /* A server that was killed keeps it until its last write has ended. */
    for (int tries = 0; tries < LOCK_TRIES && env_lock(state->env, file) < 0; tries++)
        usleep(LOCK_RETRY_US);
    if (env_lock(state->env, file) < 0)
        return log_fail(state->command, EXIT_UNAVAILABLE,
                        "%s is in use by a server, which makes snapshots by itself; or take a "
                        "backup, and work on that",
                        state->directory);
    return 0;
}

/* ---- slots --------------------------------------------------------------------------------------- */

/* A server, or somebody else who looks, may have lanes in the directory itself. */
static int open_lane_directory(struct log_state *state)
{
    const char *path = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/var/tmp";
    if (state->lane_directory == 0)
        state->lane_directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state->lane_directory > 0)
        return 0;
    state->lane_directory = 0;
    return log_fail(state->command, EXIT_CANNOT_CREATE,
                    "%s, where temporary files go, cannot be opened: %s; TMPDIR says another place",
                    path, strerror(errno));
}

int log_state_begin(struct log_state *state, uint64_t snapshot)
{
    int end = open_lane_directory(state);
    if (end != 0)
        return end;
    struct fold_options options = {
        .directory = state->start.directory,
        .manifest = &state->manifest,
        .snapshot = snapshot,
        .seq = UINT64_MAX,
        .lane_directory = state->lane_directory,
    };
    if (state->memory != NULL)
        munmap(state->memory, state->memory_bytes);
    state->memory = log_fold_memory(state->command, &options, &state->memory_bytes);
    if (state->memory == NULL)
        return EXIT_OS;
    fold_begin(&state->fold, state->memory, state->env, &options);
    return 0;
}

struct shard *log_state_next(struct log_state *state, int *exit_code)
{
    struct fold *fold = &state->fold;
    enum fold_state now;
    *exit_code = 0;
    do {
        now = fold_step(fold);
        log_progress_fold(&state->progress, fold, state->start.begin.next_seq);
    } while (now == FOLD_ON);
    if (now == FOLD_SLOT)
        return fold->shard;
    log_progress_end(&state->progress);
    fold_end(fold);
    if (now == FOLD_FAILED)
        *exit_code = log_fail(state->command, fold->error == -EBADMSG ? EXIT_DAMAGED : EXIT_IO,
                              "%s/%s", state->directory, fold->message);
    return NULL;
}
