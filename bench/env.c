#include "bench/env.h"

#include <string.h>

enum { NO_FILE_BYTES = 64 << 20 };

static int32_t result_of(const struct env *env, const struct env_op *op)
{
    if (op->kind != ENV_READ && op->kind != ENV_WRITE)
        return 0;
    if (op->kind == ENV_WRITE || env->name == NULL)
        return (int32_t)op->bytes;
    uint64_t left = op->offset < env->byte_count ? env->byte_count - op->offset : 0;
    uint32_t bytes = op->bytes < left ? op->bytes : (uint32_t)left;
    memcpy(op->data, env->bytes + op->offset, bytes);
    return (int32_t)bytes;
}

void env_submit(struct env *env, const struct env_op *op)
{
    CHECK(env->count < BENCH_ENV_QUEUE);
    env->done[(env->first + env->count++) % BENCH_ENV_QUEUE] =
        (struct env_done){.user = op->user, .result = result_of(env, op)};
}

uint32_t env_reap(struct env *env, struct env_done *done, uint32_t capacity, uint64_t until_ns)
{
    uint32_t taken = 0;
    (void)until_ns;
    for (; env->count > 0 && taken < capacity; env->count--)
        done[taken++] = env->done[env->first++ % BENCH_ENV_QUEUE];
    return taken;
}

void env_flush(struct env *env)
{
    (void)env;
}

void env_doorbell(struct env *env, uint32_t actor)
{
    (void)env;
    (void)actor;
}

uint64_t env_clock(struct env *env)
{
    (void)env;
    return 1;
}

int32_t env_list(struct env *env, int32_t directory, char *names, uint32_t capacity_bytes)
{
    (void)directory;
    (void)capacity_bytes;
    if (env->name == NULL)
        return 0;
    strcpy(names, env->name);
    return 1;
}

int64_t env_file_bytes(struct env *env, int32_t file)
{
    (void)file;
    return env->name != NULL ? (int64_t)env->byte_count : NO_FILE_BYTES;
}

int64_t env_free_bytes(struct env *env, int32_t directory)
{
    (void)env;
    (void)directory;
    return INT64_C(1) << 40;
}

void env_point(struct env *env, enum env_point point)
{
    (void)env;
    (void)point;
}
