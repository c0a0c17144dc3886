/* tests/unit/persist/env_memory.h - persist/env.h over a directory in memory, for tests that start
 * thousands of times. One directory, "data"; operations take effect when they are reaped; the clock
 * moves on by a microsecond a call. Included by one test each. */
#ifndef SPATE_TESTS_UNIT_PERSIST_ENV_MEMORY_H
#define SPATE_TESTS_UNIT_PERSIST_ENV_MEMORY_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "persist/env.h"

enum { MEMORY_FILES = 64, MEMORY_QUEUE = 16, MEMORY_DIRECTORY = 1000, MEMORY_BYTES_MAX = 2 << 20 };

struct memory_file {
    char name[64]; /* "": none */
    uint32_t bytes;
    uint32_t links; /* 0: unlinked, but maybe still open */
    uint8_t *data;
};

struct env {
    struct memory_file files[MEMORY_FILES];
    bool open[MEMORY_FILES]; /* a descriptor is the file's number; one may be open many times */
    struct env_op queue[MEMORY_QUEUE];
    uint32_t queued;
    uint64_t clock_ns;
    uint64_t random;
    uint64_t free_bytes;
    uint64_t changes_left; /* after so many changes everything fails: the process is gone */
    uint32_t doorbells;
    int32_t locked; /* the file that is locked, or -1 */
    char said[256];
};

static struct env *memory_open(void)
{
    struct env *env = calloc(1, sizeof *env);
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        env->files[i].data = malloc(MEMORY_BYTES_MAX);
    env->free_bytes = UINT64_C(1) << 40;
    env->changes_left = UINT64_MAX;
    env->locked = -1;
    return env;
}

static void memory_close(struct env *env)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        free(env->files[i].data);
    free(env);
}

static struct memory_file *memory_find(struct env *env, const char *name)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (env->files[i].links > 0 && strcmp(env->files[i].name, name) == 0)
            return &env->files[i];
    return NULL;
}

/* The process is gone; its files stay. */
static inline void memory_kill(struct env *env)
{
    env->queued = 0;
    env->locked = -1;
    env->changes_left = UINT64_MAX;
    memset(env->open, 0, sizeof env->open);
}

static inline void memory_copy(struct env *to, const struct env *from)
{
    memory_kill(to);
    to->clock_ns = from->clock_ns;
    to->random = from->random;
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        uint8_t *data = to->files[i].data;
        to->files[i] = from->files[i];
        to->files[i].data = data;
        memcpy(data, from->files[i].data, from->files[i].bytes);
    }
}

static int32_t memory_do_open(struct env *env, const struct env_op *op)
{
    if (op->file == ENV_CWD)
        return strcmp(op->path, "data") == 0 ? MEMORY_DIRECTORY : -ENOENT;
    if (strcmp(op->path, "..") == 0)
        return MEMORY_DIRECTORY;
    struct memory_file *file = memory_find(env, op->path);
    if (file == NULL && (op->flags & O_CREAT) == 0)
        return -ENOENT;
    for (uint32_t i = 0; file == NULL && i < MEMORY_FILES; i++)
        if (env->files[i].links == 0 && !env->open[i])
            file = &env->files[i];
    if (file == NULL)
        return -ENFILE;
    if (file->links == 0 || (op->flags & O_TRUNC) != 0)
        file->bytes = 0;
    file->links = 1;
    strcpy(file->name, op->path);
    env->open[file - env->files] = true;
    return (int32_t)(file - env->files);
}

static int32_t memory_do_read(struct env *env, const struct env_op *op)
{
    const struct memory_file *file = &env->files[op->file];
    uint64_t left = op->offset < file->bytes ? file->bytes - op->offset : 0;
    uint32_t bytes = op->bytes < left ? op->bytes : (uint32_t)left;
    memcpy(op->data, file->data + op->offset, bytes);
    return (int32_t)bytes;
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
    return (int32_t)op->bytes;
}

static int32_t memory_do_unlink(struct env *env, const char *name)
{
    struct memory_file *file = memory_find(env, name);
    if (file == NULL)
        return -ENOENT;
    env->free_bytes += file->bytes;
    file->links = 0;
    return 0;
}

static int32_t memory_do_rename(struct env *env, const struct env_op *op)
{
    struct memory_file *file = memory_find(env, op->path);
    if (file == NULL)
        return -ENOENT;
    (void)memory_do_unlink(env, op->path_to);
    strcpy(file->name, op->path_to);
    return 0;
}

static int32_t memory_do(struct env *env, const struct env_op *op)
{
    bool changes = op->kind == ENV_WRITE || op->kind == ENV_RENAME || op->kind == ENV_UNLINK ||
                   (op->kind == ENV_OPEN && (op->flags & (O_CREAT | O_TRUNC)) != 0);
    if (changes && env->changes_left == 0)
        return -EIO;
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
        return 0;
    case ENV_RENAME:
        return memory_do_rename(env, op);
    case ENV_UNLINK:
        return memory_do_unlink(env, op->path);
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
    (void)directory;
    (void)capacity_bytes;
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (env->files[i].links > 0) {
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
