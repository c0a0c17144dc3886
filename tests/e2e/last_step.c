/* tests/e2e/last_step.c - preloaded into spate: ends it, as kill -9 does, before a certain thing that it
 * would have the kernel do to a file.
 *
 *   SPATE_STEPS=FILE       every step is written there, a line each: `fsync snapshot.tmp`
 *   SPATE_LAST_STEP=LINE   the process ends before this step is handed over; its line is written
 *   SPATE_LAST_COUNT=N     before the N-th of them (1)
 *   SPATE_SKIP_STEP=LINE   these are not done, and succeed
 *   SPATE_FAIL_STEP=LINE   these reads end with EIO
 *
 * Steps are what is submitted to an io_uring: open (that creates), write, fsync, rename, unlink, and the
 * first of successive reads of one file. Numbers in names are left out, directories stand without path.
 * For programs with one file operation under way at a time, so that when the process ends, nothing is. */
#include <liburing.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 128, PATH_BYTES = 512 };

/* What belongs to no file of a data directory has no name. */
static void put_name(char out[LINE_BYTES], const char *what, const char *path)
{
    const char *slash = strrchr(path, '/');
    int used = snprintf(out, LINE_BYTES, "%s ", what);
    for (const char *at = slash != NULL ? slash + 1 : path; *at != 0 && used < LINE_BYTES - 1; at++)
        if (*at < '0' || *at > '9')
            out[used++] = *at;
    out[used] = 0;
}

static void name_file(char out[LINE_BYTES], const char *what, int file)
{
    char link[64], path[PATH_BYTES];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t bytes = readlink(link, path, sizeof path - 1);
    path[bytes < 0 ? 0 : bytes] = 0;
    put_name(out, what, path);
}

/* False: it is nothing that counts. */
static bool describe(const struct io_uring_sqe *entry, char out[LINE_BYTES])
{
    const char *path =
        (const char *)(uintptr_t)entry->addr; /* NOLINT: where an operation has one */
    switch (entry->opcode) {
    case IORING_OP_OPENAT:
        put_name(out, "open", path);
        return (entry->open_flags & (O_CREAT | O_TRUNC)) != 0;
    case IORING_OP_READ:
        name_file(out, "read", entry->fd);
        return true;
    case IORING_OP_WRITE:
    case IORING_OP_WRITE_FIXED:
        name_file(out, "write", entry->fd);
        return true;
    case IORING_OP_FSYNC:
        name_file(out, "fsync", entry->fd);
        return true;
    case IORING_OP_RENAMEAT:
        put_name(out, "rename", path);
        return true;
    case IORING_OP_UNLINKAT:
        put_name(out, "unlink", path);
        return true;
    default:
        return false;
    }
}

static bool is_wanted(const char *variable, const char *line)
{
    const char *wanted = getenv(variable);
    return wanted != NULL && strcmp(wanted, line) == 0;
}

static void write_line(const char *line)
{
    const char *path = getenv("SPATE_STEPS");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;
    if (file == NULL)
        return;
    fprintf(file, "%s\n", line);
    fclose(file);
}

static void look_at(struct io_uring_sqe *entry)
{
    static _Thread_local char last[LINE_BYTES];
    static int count; /* only the actor that makes snapshots does such a step */
    char line[LINE_BYTES];
    if (!describe(entry, line))
        return;
    if (is_wanted("SPATE_FAIL_STEP", line)) {
        entry->fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        entry->off = 0; /* where nothing ever is */
    }
    bool again = entry->opcode == IORING_OP_READ && strcmp(line, last) == 0;
    strcpy(last, line);
    if (again)
        return;
    const char *wanted = getenv("SPATE_LAST_COUNT");
    bool ends =
        is_wanted("SPATE_LAST_STEP", line) && ++count == (wanted != NULL ? atoi(wanted) : 1);
    if (ends || getenv("SPATE_LAST_STEP") == NULL)
        write_line(line);
    if (ends)
        kill(getpid(), SIGKILL);
    if (is_wanted("SPATE_SKIP_STEP", line)) {
        uint64_t user = entry->user_data;
        io_uring_prep_nop(entry);
        entry->user_data = user;
    }
}

static void look(struct io_uring *ring)
{
    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++)
        look_at(&ring->sq.sqes[i & ring->sq.ring_mask]);
}

int io_uring_submit(struct io_uring *ring)
{
    static int (*next)(struct io_uring *);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "io_uring_submit");
    look(ring);
    return next(ring);
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned wanted)
{
    static int (*next)(struct io_uring *, unsigned);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "io_uring_submit_and_wait");
    look(ring);
    return next(ring, wanted);
}

int io_uring_submit_and_get_events(struct io_uring *ring)
{
    static int (*next)(struct io_uring *);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "io_uring_submit_and_get_events");
    look(ring);
    return next(ring);
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **first,
                                     unsigned wanted, struct __kernel_timespec *timeout,
                                     sigset_t *mask)
{
    static int (*next)(struct io_uring *, struct io_uring_cqe **, unsigned,
                       struct __kernel_timespec *, sigset_t *);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "io_uring_submit_and_wait_timeout");
    look(ring);
    return next(ring, first, wanted, timeout, mask);
}
