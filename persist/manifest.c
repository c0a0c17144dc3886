#include "persist/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "persist/group.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define MANIFEST_MAGIC UINT64_C(0x314e414d54415053) /* "SPATMAN1" */

static const char name[] = "manifest";
static const char name_new[] = "manifest.tmp";

static uint64_t checksum(const struct manifest *manifest)
{
    return XXH3_64bits(manifest, offsetof(struct manifest, checksum));
}

int32_t manifest_read(struct env *env, int32_t directory, struct manifest *manifest)
{
    int32_t file = env_do(
        env,
        &(struct env_op){.kind = ENV_OPEN, .file = directory, .path = name, .flags = O_RDONLY});
    if (file < 0)
        return file;
    int32_t got = env_do(
        env, &(struct env_op){
                 .kind = ENV_READ, .file = file, .data = manifest, .bytes = sizeof *manifest});
    int32_t closed = env_do(env, &(struct env_op){.kind = ENV_CLOSE, .file = file});
    if (got < 0)
        return got;
    if (closed < 0)
        return closed;
    if (got < 16 || manifest->magic != MANIFEST_MAGIC)
        return -EBADMSG;
    if (manifest->version > FORMAT_VERSION)
        return -EPROTO;
    bool whole = got == sizeof *manifest && manifest->checksum == checksum(manifest) &&
                 manifest->epoch_count <= EPOCHS_MAX;
    return whole ? 0 : -EBADMSG;
}

static int32_t write_and_sync(struct env *env, int32_t file, struct manifest *manifest)
{
    int32_t wrote = env_do(
        env, &(struct env_op){
                 .kind = ENV_WRITE, .file = file, .data = manifest, .bytes = sizeof *manifest});
    if (wrote < 0)
        return wrote;
    if (wrote != (int32_t)sizeof *manifest)
        return -EIO;
    return env_do(env, &(struct env_op){.kind = ENV_FSYNC, .file = file});
}

int32_t manifest_write(struct env *env, int32_t directory, struct manifest *manifest)
{
    manifest->magic = MANIFEST_MAGIC;
    manifest->version = FORMAT_VERSION;
    manifest->checksum = checksum(manifest);
    int32_t file = env_do(env, &(struct env_op){.kind = ENV_OPEN,
                                                .file = directory,
                                                .path = name_new,
                                                .flags = O_CREAT | O_TRUNC | O_WRONLY});
    if (file < 0)
        return file;
    int32_t error = write_and_sync(env, file, manifest);
    int32_t closed = env_do(env, &(struct env_op){.kind = ENV_CLOSE, .file = file});
    if (error >= 0)
        error = closed;
    if (error >= 0)
        error = env_do(
            env, &(struct env_op){
                     .kind = ENV_RENAME, .file = directory, .path = name_new, .path_to = name});
    if (error >= 0)
        error = env_do(env, &(struct env_op){.kind = ENV_FSYNC, .file = directory});
    return error < 0 ? error : 0;
}

const struct epoch *manifest_epoch(const struct manifest *manifest, uint64_t seq)
{
    uint32_t i = manifest->epoch_count;
    while (i > 1 && manifest->epochs[i - 1].first_seq > seq)
        i--;
    return &manifest->epochs[i - 1];
}

uint64_t manifest_epoch_last(const struct manifest *manifest, uint32_t epoch)
{
    for (uint32_t i = 0; i < manifest->epoch_count; i++) {
        if (manifest->epochs[i].epoch != epoch)
            continue;
        return i + 1 == manifest->epoch_count ? UINT64_MAX : manifest->epochs[i + 1].first_seq - 1;
    }
    return 0;
}
