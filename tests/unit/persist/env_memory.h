/* tests/unit/persist/env_memory.h - persist/env.h over two directories in memory, "data" and "archive",
 * for tests that start thousands of times. Operations take effect when they are reaped; the clock moves
 * on by a microsecond a call. What has been synced, of a file and of a directory, is known apart from
 * what has been done: a process that ends loses nothing, a cut of power all the rest. Included by one
 * test each, which may say before how long a file can become. */
#ifndef SPATE_TESTS_UNIT_PERSIST_ENV_MEMORY_H
#define SPATE_TESTS_UNIT_PERSIST_ENV_MEMORY_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "persist/env.h"

#ifndef MEMORY_FILE_BYTES_MAX
#define MEMORY_FILE_BYTES_MAX (2 << 20)
#endif

enum { MEMORY_FILES = 64, MEMORY_QUEUE = 16, MEMORY_BYTES_MAX = MEMORY_FILE_BYTES_MAX };
enum { MEMORY_DIRECTORY = 1000, MEMORY_ARCHIVE };
#define MEMORY_DATA_NAME    "data/"
#define MEMORY_ARCHIVE_NAME "archive/"

struct memory_file {
    char name[64]; /* "": none */
    int32_t directory;
    bool unreadable; /* reading it fails, though nothing is known to be wrong with it */
    bool replaced;   /* another file was given its name */
    uint32_t bytes;
    uint32_t links; /* 0: unlinked, but maybe still open */
    uint8_t *data;
    char synced_name[64]; /* in its directory, as that was synced last */
    uint32_t synced_links;
    uint32_t synced_bytes;
    uint8_t *synced_data;
};

/* An operation, and what on: a file's name, or MEMORY_DATA_NAME or MEMORY_ARCHIVE_NAME. */
struct memory_step {
    enum env_op_kind kind;
    char name[64];
};

struct env {
    struct memory_file files[MEMORY_FILES];
    bool open[MEMORY_FILES]; /* a descriptor is the file's number; one may be open many times */
    struct env_op queue[MEMORY_QUEUE];
    uint32_t queued;
    uint64_t clock_ns;
    uint64_t random;
    uint64_t free_bytes;
    uint64_t
        changes_left; /* after so many changes and syncs no more succeeds: the process is gone */
    struct memory_step stopped_at; /* what it would have done next */
    struct memory_step deaf;       /* a sync that does nothing and says that all is well */
    const char *
        rots; /* a file that does not hold what is written to it, from `rots_from` on; NULL: none */
    uint64_t rots_from;
    uint32_t doorbells;
    int32_t locked; /* the file that is locked, or -1 */
    char said[256];
};

static struct env *memory_open(void)
{
    struct env *env = calloc(1, sizeof *env);
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        env->files[i].data = malloc(MEMORY_BYTES_MAX);
        env->files[i].synced_data = malloc(MEMORY_BYTES_MAX);
    }
    env->free_bytes = UINT64_C(1) << 40;
    env->changes_left = UINT64_MAX;
    env->locked = -1;
    return env;
}

static void memory_close(struct env *env)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        free(env->files[i].data);
        free(env->files[i].synced_data);
    }
    free(env);
}

static struct memory_file *memory_find_in(struct env *env, int32_t directory, const char *name)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (env->files[i].links > 0 && env->files[i].directory == directory &&
            strcmp(env->files[i].name, name) == 0)
            return &env->files[i];
    return NULL;
}

static inline struct memory_file *memory_find(struct env *env, const char *name)
{
    return memory_find_in(env, MEMORY_DIRECTORY, name);
}

/* The process is gone; its files stay. */
static inline void memory_kill(struct env *env)
{
    env->queued = 0;
    env->locked = -1;
    env->changes_left = UINT64_MAX;
    env->deaf.name[0] = 0;
    memset(env->open, 0, sizeof env->open);
}

static inline bool memory_has_its_name(const struct memory_file *file)
{
    return file->links == file->synced_links &&
           (file->links == 0 || strcmp(file->name, file->synced_name) == 0);
}

/* It may come back by its old name or by its new one; what was replaced does as another file's name wants. */
static inline bool memory_is_undecided(const struct memory_file *file)
{
    return !file->replaced && !memory_has_its_name(file);
}

static inline uint32_t memory_undecided_names(const struct env *env)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        count += memory_is_undecided(&env->files[i]);
    return count;
}

static inline void memory_forget_name(struct memory_file *file)
{
    file->links = file->synced_links;
    strcpy(file->name, file->synced_name);
}

/* Another file of the same name; NULL: there is none. */
static inline struct memory_file *memory_double(struct env *env, const struct memory_file *file,
                                                const char *name)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        struct memory_file *other = &env->files[i];
        if (other != file && other->links > 0 && other->directory == file->directory &&
            strcmp(other->name, name) == 0)
            return other;
    }
    return NULL;
}

enum { NAMES_LOST = 0 };
#define NAMES_KEPT UINT64_MAX

/* And the power with it: the bytes are as they were synced, and so are the names, but for those that happen
 * to have reached the device before they had to: a bit in `kept` for each that is undecided. */
static inline void memory_cut(struct env *env, uint64_t kept)
{
    uint32_t undecided = 0;
    memory_kill(env);
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        struct memory_file *file = &env->files[i];
        file->bytes = file->synced_bytes;
        memcpy(file->data, file->synced_data, file->bytes);
        if (memory_is_undecided(file) && (kept >> undecided++ % 64 & 1) == 0)
            memory_forget_name(file);
    }
    /* A name is one file's: where an old one has come back to it, the new one has not. */
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        struct memory_file *file = &env->files[i], *newer;
        if (file->links > 0 && memory_has_its_name(file))
            while ((newer = memory_double(env, file, file->name)) != NULL)
                memory_forget_name(newer);
    }
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        struct memory_file *file = &env->files[i];
        if (file->replaced && memory_double(env, file, file->synced_name) == NULL)
            memory_forget_name(file);
        file->replaced = false;
        file->synced_links = file->links;
        strcpy(file->synced_name, file->name);
    }
}

static inline void memory_copy(struct env *to, const struct env *from)
{
    memory_kill(to);
    to->clock_ns = from->clock_ns;
    to->random = from->random;
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        uint8_t *data = to->files[i].data, *synced_data = to->files[i].synced_data;
        to->files[i] = from->files[i];
        to->files[i].data = memcpy(data, from->files[i].data, from->files[i].bytes);
        to->files[i].synced_data =
            memcpy(synced_data, from->files[i].synced_data, from->files[i].synced_bytes);
    }
}

/* In a place that is nobody's, nor could be after a cut of power. */
static struct memory_file *memory_create(struct env *env, int32_t directory, const char *name)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        struct memory_file *file = &env->files[i];
        if (file->links > 0 || file->synced_links > 0 || env->open[i])
            continue;
        file->directory = directory;
        file->bytes = file->synced_bytes = 0;
        file->unreadable = file->replaced = false;
        file->links = 1;
        strcpy(file->name, name);
        return file;
    }
    return NULL;
}

static int32_t memory_do_open(struct env *env, const struct env_op *op)
{
    if (op->file == ENV_CWD)
        return strcmp(op->path, "data") == 0 ? MEMORY_DIRECTORY : -ENOENT;
    if (strcmp(op->path, "..") == 0)
        return MEMORY_DIRECTORY;
    struct memory_file *file = memory_find_in(env, op->file, op->path);
    if (file == NULL && (op->flags & O_CREAT) == 0)
        return -ENOENT;
    if (file == NULL && (file = memory_create(env, op->file, op->path)) == NULL)
        return -ENFILE;
    if ((op->flags & O_TRUNC) != 0)
        file->bytes = 0;
    env->open[file - env->files] = true;
    return (int32_t)(file - env->files);
}

static int32_t memory_do_read(struct env *env, const struct env_op *op)
{
    const struct memory_file *file = &env->files[op->file];
    if (file->unreadable)
        return -EIO;
    uint64_t left = op->offset < file->bytes ? file->bytes - op->offset : 0;
    uint32_t bytes = op->bytes < left ? op->bytes : (uint32_t)left;
    memcpy(op->data, file->data + op->offset, bytes);
    return (int32_t)bytes;
}

static void memory_sync_bytes(struct memory_file *file, uint64_t begin, uint64_t end)
{
    if (end > file->synced_bytes) {
        if (begin > file->synced_bytes)
            memset(file->synced_data + file->synced_bytes, 0, begin - file->synced_bytes);
        file->synced_bytes = (uint32_t)end;
    }
    memcpy(file->synced_data + begin, file->data + begin, end - begin);
}

static bool memory_is_synced(const struct env *env, int32_t file)
{
    const struct memory_file *at = &env->files[file < MEMORY_FILES ? file : 0];
    if (file < MEMORY_FILES)
        return at->bytes == at->synced_bytes && memcmp(at->data, at->synced_data, at->bytes) == 0;
    for (uint32_t i = 0; i < MEMORY_FILES; i++, at++)
        if (at->directory == file &&
            (at->links != at->synced_links || strcmp(at->name, at->synced_name) != 0))
            return false;
    return true;
}

static void memory_sync_names(struct env *env, int32_t directory)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        struct memory_file *file = &env->files[i];
        if (file->directory != directory)
            continue;
        file->replaced = false;
        file->synced_links = file->links;
        strcpy(file->synced_name, file->name);
    }
}

static int32_t memory_do_sync(struct env *env, int32_t file)
{
    if (file >= MEMORY_FILES) {
        memory_sync_names(env, file);
        return 0;
    }
    env->files[file].synced_bytes = 0;
    memory_sync_bytes(&env->files[file], 0, env->files[file].bytes);
    return 0;
}

static int32_t memory_do_write(struct env *env, const struct env_op *op)
{
    struct memory_file *file = &env->files[op->file];
    uint64_t end = op->offset + op->bytes;
    CHECK(end <= MEMORY_BYTES_MAX);
    if (end > file->bytes) {
        if (end - file->bytes > env->free_bytes)
            return -ENOSPC;
        env->free_bytes -= end - file->bytes;
        if (op->offset > file->bytes)
            memset(file->data + file->bytes, 0, op->offset - file->bytes);
        file->bytes = (uint32_t)end;
    }
    memcpy(file->data + op->offset, op->data, op->bytes);
    if (env->rots != NULL && op->offset >= env->rots_from && strcmp(file->name, env->rots) == 0)
        file->data[op->offset + 20] ^= 1; /* among what a block or head begins with */
    if ((op->flags & ENV_DSYNC) != 0)
        memory_sync_bytes(file, op->offset, end);
    return (int32_t)op->bytes;
}

static int32_t memory_do_unlink(struct env *env, int32_t directory, const char *name)
{
    struct memory_file *file = memory_find_in(env, directory, name);
    if (file == NULL)
        return -ENOENT;
    env->free_bytes += file->bytes;
    file->links = 0;
    return 0;
}

static int32_t memory_do_rename(struct env *env, const struct env_op *op)
{
    struct memory_file *file = memory_find_in(env, op->file, op->path);
    if (file == NULL)
        return -ENOENT;
    struct memory_file *replaced = memory_find_in(env, op->file, op->path_to);
    if (replaced != NULL)
        replaced->replaced = true;
    (void)memory_do_unlink(env, op->file, op->path_to);
    strcpy(file->name, op->path_to);
    return 0;
}

static struct memory_step memory_step(const struct env *env, const struct env_op *op)
{
    struct memory_step step = {.kind = op->kind};
    const char *name = op->path;
    if (op->kind == ENV_WRITE || op->kind == ENV_FSYNC)
        name = op->file < MEMORY_FILES      ? env->files[op->file].name
               : op->file == MEMORY_ARCHIVE ? MEMORY_ARCHIVE_NAME
                                            : MEMORY_DATA_NAME;
    strcpy(step.name, name);
    return step;
}

static bool memory_is_deaf(const struct env *env, const struct env_op *op)
{
    return env->deaf.name[0] != 0 && op->kind == ENV_FSYNC &&
           strcmp(env->deaf.name, memory_step(env, op).name) == 0;
}

static int32_t memory_do(struct env *env, const struct env_op *op)
{
    bool changes = op->kind == ENV_WRITE || op->kind == ENV_RENAME || op->kind == ENV_UNLINK ||
                   (op->kind == ENV_FSYNC && !memory_is_synced(env, op->file)) ||
                   (op->kind == ENV_OPEN && (op->flags & (O_CREAT | O_TRUNC)) != 0);
    if (changes && env->changes_left == 0) {
        if (env->stopped_at.name[0] == 0)
            env->stopped_at = memory_step(env, op);
        return -EIO;
    }
    env->changes_left -= changes;
    switch (op->kind) {
    case ENV_OPEN:
        return memory_do_open(env, op);
    case ENV_CLOSE:
        if (op->file < MEMORY_FILES)
            env->open[op->file] = false;
        if (op->file == env->locked)
            env->locked = -1;
        return 0;
    case ENV_READ:
        return memory_do_read(env, op);
    case ENV_WRITE:
        return memory_do_write(env, op);
    case ENV_FSYNC:
        return memory_is_deaf(env, op) ? 0 : memory_do_sync(env, op->file);
    case ENV_RENAME:
        return memory_do_rename(env, op);
    case ENV_UNLINK:
        return memory_do_unlink(env, op->file, op->path);
    case ENV_MKDIR:
    case ENV_ACCEPT:
    case ENV_RECEIVE:
    case ENV_SEND:
    case ENV_CONNECT:
    case ENV_SHUTDOWN:
    case ENV_CANCEL:
    case ENV_STOP:
        break;
    }
    return -ENOSYS;
}

void env_submit(struct env *env, const struct env_op *op)
{
    CHECK(env->queued < MEMORY_QUEUE);
    env->queue[env->queued++] = *op;
}

void env_flush(struct env *env)
{
    (void)env;
}

uint32_t env_reap(struct env *env, struct env_done *done, uint32_t capacity, uint64_t until_ns)
{
    if (env->queued == 0 || capacity == 0) {
        if (until_ns != UINT64_MAX && until_ns > env->clock_ns)
            env->clock_ns = until_ns;
        return 0;
    }
    struct env_op op = env->queue[0];
    memmove(env->queue, env->queue + 1, --env->queued * sizeof op);
    *done = (struct env_done){.user = op.user, .result = memory_do(env, &op)};
    return 1;
}

void env_doorbell(struct env *env, uint32_t actor)
{
    (void)actor;
    env->doorbells++;
}

int32_t env_keep(struct env *env, int32_t file)
{
    (void)env;
    (void)file;
    return 0;
}

int32_t env_lock(struct env *env, int32_t file)
{
    if (env->locked >= 0)
        return -EWOULDBLOCK;
    env->locked = file;
    return 0;
}

int32_t env_list(struct env *env, int32_t directory, char *names, uint32_t capacity_bytes)
{
    int32_t count = 0;
    (void)capacity_bytes;
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (env->files[i].links > 0 && env->files[i].directory == directory) {
            strcpy(names, env->files[i].name);
            names += strlen(names) + 1;
            count++;
        }
    return count;
}

int64_t env_file_bytes(struct env *env, int32_t file)
{
    return env->files[file].bytes;
}

int64_t env_free_bytes(struct env *env, int32_t directory)
{
    (void)directory;
    return (int64_t)env->free_bytes;
}

uint64_t env_now(struct env *env)
{
    return env->clock_ns;
}

uint64_t env_clock(struct env *env)
{
    return env->clock_ns += 1000;
}

uint64_t env_random(struct env *env)
{
    return env->random = env->random * 6364136223846793005u + 1442695040888963407u;
}

void env_point(struct env *env, enum env_point point)
{
    (void)env;
    (void)point;
}

void env_say_at(struct env *env, enum env_level level, const char *line)
{
    (void)level;
    strncpy(env->said, line, sizeof env->said - 1);
}

#endif
