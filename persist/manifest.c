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

static uint32_t used_bytes(const struct manifest *manifest)
{
    return (uint32_t)offsetof(struct manifest, epochs) +
           manifest->epoch_count * (uint32_t)sizeof(struct epoch);
}

static uint64_t checksum(struct manifest *manifest)
{
    uint64_t found = manifest->checksum;
    manifest->checksum = 0;
    uint64_t sum = XXH3_64bits(manifest, used_bytes(manifest));
    manifest->checksum = found;
    return sum;
}

static bool is_whole(struct manifest *manifest, int32_t bytes)
{
    return bytes >= (int32_t)offsetof(struct manifest, epochs) &&
           manifest->magic == MANIFEST_MAGIC && manifest->version == FORMAT_VERSION &&
           manifest->epoch_count <= EPOCHS_MAX && (uint32_t)bytes >= used_bytes(manifest) &&
           manifest->checksum == checksum(manifest);
}

static int32_t read_copy(struct env *env, int32_t file, uint64_t offset, struct manifest *manifest)
{
    memset(manifest, 0, sizeof *manifest);
    int32_t got = env_do(env, &(struct env_op){.kind = ENV_READ,
                                               .file = file,
                                               .offset = offset,
                                               .data = manifest,
                                               .bytes = sizeof *manifest});
    if (got < 0)
        return got;
    if (is_whole(manifest, got))
        return 0;
    bool newer = manifest->magic == MANIFEST_MAGIC && manifest->version > FORMAT_VERSION;
    return newer ? -EPROTO : -EBADMSG;
}

/* The file's length alone tells where the second copy begins, whatever has happened to the first. */
static int32_t read_either(struct env *env, int32_t file, struct manifest *manifest)
{
    int32_t first = read_copy(env, file, 0, manifest);
    if (first == 0)
        return 0;
    int64_t bytes = env_file_bytes(env, file);
    if (bytes < 0)
        return (int32_t)bytes;
    int32_t second = read_copy(env, file, block_align((uint64_t)bytes / 2), manifest);
    return second == -EBADMSG ? first : second;
}

int32_t manifest_read(struct env *env, int32_t directory, struct manifest *manifest)
{
    int32_t file = env_do(
        env, &(struct env_op){
                 .kind = ENV_OPEN, .file = directory, .path = name, .flags = O_RDONLY | O_CLOEXEC});
    if (file < 0)
        return file;
    int32_t error = read_either(env, file, manifest);
    int32_t closed = env_do(env, &(struct env_op){.kind = ENV_CLOSE, .file = file});
    return error < 0 ? error : closed;
}

static int32_t write_copy(struct env *env, int32_t file, uint64_t offset, struct manifest *manifest)
{
    uint32_t bytes = used_bytes(manifest);
    int32_t wrote = env_do(
        env,
        &(struct env_op){
            .kind = ENV_WRITE, .file = file, .offset = offset, .data = manifest, .bytes = bytes});
    if (wrote < 0)
        return wrote;
    return wrote == (int32_t)bytes ? 0 : -EIO;
}

static int32_t write_and_sync(struct env *env, int32_t file, struct manifest *manifest)
{
    int32_t error = write_copy(env, file, 0, manifest);
    if (error == 0)
        error = write_copy(env, file, block_align(used_bytes(manifest)), manifest);
    if (error == 0)
        error = env_do(env, &(struct env_op){.kind = ENV_FSYNC, .file = file});
    return error;
}

int32_t manifest_write(struct env *env, int32_t directory, struct manifest *manifest)
{
    manifest->magic = MANIFEST_MAGIC;
    manifest->version = FORMAT_VERSION;
    manifest->checksum = checksum(manifest);
    int32_t file = env_do(env, &(struct env_op){.kind = ENV_OPEN,
                                                .file = directory,
                                                .path = name_new,
                                                .flags = O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC});
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

bool manifest_knows(const struct manifest *manifest, uint32_t epoch)
{
    for (uint32_t i = 0; i < manifest->epoch_count; i++)
        if (manifest->epochs[i].epoch == epoch)
            return true;
    return false;
}

void manifest_begin(struct manifest *manifest, uint64_t serial, uint64_t offset, uint64_t seq,
                    uint64_t chain)
{
    uint32_t behind = 0;
    while (behind + 1 < manifest->epoch_count && manifest->epochs[behind + 1].first_seq <= seq)
        behind++;
    manifest->epoch_count -= behind;
    memmove(manifest->epochs, manifest->epochs + behind,
            manifest->epoch_count * sizeof manifest->epochs[0]);
    manifest->begin_serial = serial;
    manifest->begin_offset = offset;
    manifest->begin_seq = seq;
    manifest->begin_chain = chain;
}
