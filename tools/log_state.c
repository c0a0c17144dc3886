#include "tools/log_state.h"

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
static const uint64_t LANE_BYTES_MAX = UINT64_C(1) << 42;
static const uint64_t SHARD_BYTES_MAX = UINT64_C(1) << 36;

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

void *log_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

int log_make_empty(const char *command, const char *path, int32_t *file)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return log_fail(command, EXIT_CANNOT_CREATE, "%s cannot be made: %s", path,
                        strerror(errno));
    if (rmdir(path) != 0 || mkdir(path, 0700) != 0)
        return log_fail(command, EXIT_CANNOT_CREATE, "%s must be empty, or not there: %s", path,
                        strerror(errno));
    *file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *file >= 0 ? 0 : log_fail(command, EXIT_CANNOT_CREATE, "%s: %s", path, strerror(errno));
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
    void *scratch = log_memory(start_scratch_bytes(&options));
    if (scratch == NULL)
        return log_fail(command, EXIT_OS, "not enough memory");
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

void log_state_begin(struct log_state *state, uint64_t snapshot, uint64_t seq)
{
    struct fold_options options = {
        .directory = state->start.directory,
        .manifest = &state->manifest,
        .snapshot = snapshot,
        .seq = seq,
        .lane_bytes_max = LANE_BYTES_MAX,
        .shard_bytes_max = SHARD_BYTES_MAX,
    };
    state->memory_bytes = fold_bytes(&options);
    if (state->memory == NULL)
        state->memory = log_memory(state->memory_bytes);
    CHECK(state->memory != NULL);
    fold_begin(&state->fold, state->memory, state->env, &options);
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
