#include "persist/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "persist/segment.h"

enum { ROUNDS = 24 };
static const char name[] = "measure.tmp";

static int32_t write_at(struct env *env, int32_t file, void *data, uint32_t bytes, uint64_t offset,
                        uint32_t flags)
{
    int32_t wrote = env_do(env, &(struct env_op){.kind = ENV_WRITE,
                                                 .file = file,
                                                 .flags = flags,
                                                 .offset = offset,
                                                 .data = data,
                                                 .bytes = bytes});
    return wrote < 0 || wrote == (int32_t)bytes ? wrote : -EIO;
}

static int32_t time_dsync(struct env *env, int32_t file, void *block, uint64_t offset,
                          uint64_t *took_ns)
{
    uint64_t begun = env_clock(env);
    int32_t error = write_at(env, file, block, BLOCK_BYTES, offset, ENV_DSYNC);
    *took_ns = env_clock(env) - begun;
    return error;
}

static int32_t time_fdatasync(struct env *env, int32_t file, void *block, uint64_t offset,
                              uint64_t *took_ns)
{
    uint64_t begun = env_clock(env);
    int32_t error = write_at(env, file, block, BLOCK_BYTES, offset, 0);
    if (error >= 0)
        error =
            env_do(env, &(struct env_op){.kind = ENV_FSYNC, .file = file, .flags = ENV_DATA_ONLY});
    *took_ns = env_clock(env) - begun;
    return error;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int32_t take_turns(struct env *env, int32_t file, void *blocks, struct sync_measure *out)
{
    uint64_t dsync_ns, fdatasync_ns;
    *out = (struct sync_measure){UINT64_MAX, UINT64_MAX};
    memset(blocks, 0, SYNC_SCRATCH_BYTES);
    int32_t error = write_at(env, file, blocks, SYNC_SCRATCH_BYTES, 0, 0);
    if (error >= 0)
        error = env_do(env, &(struct env_op){.kind = ENV_FSYNC, .file = file});
    for (uint32_t i = 0; error >= 0 && i < ROUNDS; i++) {
        uint64_t offset = (uint64_t)i * BLOCK_BYTES % SYNC_SCRATCH_BYTES;
        error = time_dsync(env, file, blocks, offset, &dsync_ns);
        if (error >= 0)
            error = time_fdatasync(env, file, blocks, offset, &fdatasync_ns);
        if (error >= 0)
            *out = (struct sync_measure){lower(out->dsync_ns, dsync_ns),
                                         lower(out->fdatasync_ns, fdatasync_ns)};
    }
    return error < 0 ? error : 0;
}

int32_t sync_measure(struct env *env, int32_t directory, void *scratch, struct sync_measure *out)
{
    int32_t file = segment_open(env, directory, name, O_CREAT | O_TRUNC | O_RDWR);
    if (file < 0)
        return file;
    int32_t error = take_turns(env, file, scratch, out);
    int32_t closed = env_do(env, &(struct env_op){.kind = ENV_CLOSE, .file = file});
    int32_t unlinked =
        env_do(env, &(struct env_op){.kind = ENV_UNLINK, .file = directory, .path = name});
    return error < 0 ? error : closed < 0 ? closed : unlinked;
}

enum log_sync sync_choose(const struct sync_measure *measure)
{
    return measure->fdatasync_ns < measure->dsync_ns / 3 * 2 ? LOG_SYNC_FDATASYNC : LOG_SYNC_DSYNC;
}
