#include "persist/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int32_t archive_open(struct env *env, const char *path)
{
    struct env_op open = {.kind = ENV_OPEN,
                          .file = ENV_CWD,
                          .path = path,
                          .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC};
    int32_t archive = env_do(env, &open);
    if (archive < 0)
        return archive;
    open = (struct env_op){
        .kind = ENV_OPEN, .file = archive, .path = "manifest", .flags = O_RDONLY | O_CLOEXEC};
    int32_t manifest = env_do(env, &open);
    if (manifest == -ENOENT)
        return archive;
    if (manifest >= 0)
        (void)!env_do(env, &(struct env_op){.kind = ENV_CLOSE, .file = manifest});
    (void)!env_do(env, &(struct env_op){.kind = ENV_CLOSE, .file = archive});
    return manifest >= 0 ? -ENOTEMPTY : manifest;
}

void archive_begin(struct archive *archive, struct env *env, const struct archive_options *options)
{
    *archive = (struct archive){.options = *options,
                                .env = env,
                                .next = options->names,
                                .left = options->name_count,
                                .from = -1,
                                .to = -1};
}

static void close_file(struct archive *archive, int32_t *file)
{
    if (*file >= 0)
        (void)!env_do(archive->env, &(struct env_op){.kind = ENV_CLOSE, .file = *file});
    *file = -1;
}

void archive_end(struct archive *archive)
{
    close_file(archive, &archive->from);
    close_file(archive, &archive->to);
}

/* ---- the copy ---------------------------------------------------------------------------------------- */

static int32_t transfer(struct archive *archive, enum env_op_kind kind, int32_t file, uint8_t *data,
                        uint32_t bytes)
{
    return env_do(
        archive->env,
        &(struct env_op){
            .kind = kind, .file = file, .offset = archive->offset, .data = data, .bytes = bytes});
}

/* -EEXIST: the archive has a segment of that name, of another log. */
static int32_t look_for_another(struct archive *archive)
{
    uint8_t *here = archive->options.memory, *there = here + ARCHIVE_STEP_BYTES;
    archive->to = segment_open(archive->env, archive->options.archive, archive->name, O_RDONLY);
    if (archive->to < 0)
        return archive->to == -ENOENT ? 0 : archive->to;
    int32_t error = transfer(archive, ENV_READ, archive->from, here, BLOCK_BYTES);
    if (error >= 0)
        error = transfer(archive, ENV_READ, archive->to, there, BLOCK_BYTES);
    close_file(archive, &archive->to);
    if (error != BLOCK_BYTES)
        return error < 0 ? error : 0;
    const struct segment_head *ours = (const void *)here, *theirs = (const void *)there;
    bool is_another = segment_head_check(theirs, ours->log_id, ours->serial) == SEGMENT_FOREIGN;
    return is_another ? -EEXIST : 0;
}

static int32_t begin_copy(struct archive *archive)
{
    const struct archive_options *options = &archive->options;
    archive->offset = 0;
    archive->compares = false;
    archive->from = segment_open(archive->env, options->directory, archive->name, O_RDONLY);
    if (archive->from < 0)
        return archive->from;
    int32_t error = look_for_another(archive);
    if (error < 0)
        return error;
    archive->to =
        segment_open(archive->env, options->archive, ARCHIVE_MAKING, O_CREAT | O_TRUNC | O_RDWR);
    return archive->to < 0 ? archive->to : 1;
}

/* The next bytes of both are the same. */
static int32_t compare(struct archive *archive, const uint8_t *wanted, int32_t bytes)
{
    uint8_t *there = archive->options.memory + ARCHIVE_STEP_BYTES;
    int32_t got = transfer(archive, ENV_READ, archive->to, there, ARCHIVE_STEP_BYTES);
    if (got < 0)
        return got;
    return got == bytes && memcmp(wanted, there, (size_t)bytes) == 0 ? 1 : -EIO;
}

static int32_t publish(struct archive *archive)
{
    int32_t error = env_do(archive->env, &(struct env_op){.kind = ENV_RENAME,
                                                          .file = archive->options.archive,
                                                          .path = ARCHIVE_MAKING,
                                                          .path_to = archive->name});
    if (error == 0)
        error = env_do(archive->env,
                       &(struct env_op){.kind = ENV_FSYNC, .file = archive->options.archive});
    archive_end(archive);
    return error;
}

/* 1: the file has been gone through to its end; 0: not yet. */
static int32_t copy_on(struct archive *archive)
{
    uint8_t *from = archive->options.memory;
    int32_t got = transfer(archive, ENV_READ, archive->from, from, ARCHIVE_STEP_BYTES);
    if (got < 0)
        return got;
    int32_t done = archive->compares
                       ? compare(archive, from, got)
                       : transfer(archive, ENV_WRITE, archive->to, from, (uint32_t)got);
    if (done < 0 || (!archive->compares && done != got))
        return done < 0 ? done : -ENOSPC;
    archive->offset += (uint32_t)got;
    return got == 0;
}

/* ---- from segment to segment ------------------------------------------------------------------------- */

static bool has_name(const struct archive *archive, const char *wanted)
{
    const char *name = archive->options.names;
    for (uint32_t i = 0; i < archive->options.name_count; i++, name += strlen(name) + 1)
        if (strcmp(name, wanted) == 0)
            return true;
    return false;
}

/* Only the helper of the log takes spares away, and only this gives new ones; so a name that was not
 * there when the files were listed is nobody's. */
static bool free_spare(struct archive *archive, char out[SEGMENT_NAME_BYTES])
{
    while (archive->spare < SPARES_MAX) {
        segment_spare_name(out, archive->spare++);
        if (!has_name(archive, out))
            return true;
    }
    return false;
}

/* Used again by another name, or gone. */
static int32_t put_away(struct archive *archive)
{
    char spare_name[SEGMENT_NAME_BYTES];
    bool again = free_spare(archive, spare_name);
    int32_t error = env_do(archive->env, &(struct env_op){.kind = again ? ENV_RENAME : ENV_UNLINK,
                                                          .file = archive->options.directory,
                                                          .path = archive->name,
                                                          .path_to = spare_name});
    return error < 0 ? error : 1;
}

static bool next_segment(struct archive *archive)
{
    while (archive->left > 0) {
        archive->name = archive->next;
        archive->next += strlen(archive->name) + 1;
        archive->left--;
        uint64_t serial = segment_serial(archive->name);
        if (serial != 0 && serial < archive->options.end_serial)
            return true;
    }
    return false;
}

int32_t archive_step(struct archive *archive)
{
    if (archive->from < 0) {
        if (!next_segment(archive))
            return 0;
        return archive->options.archive < 0 ? put_away(archive) : begin_copy(archive);
    }
    int32_t through = copy_on(archive);
    if (through <= 0)
        return through < 0 ? through : 1;
    if (!archive->compares) {
        archive->compares = true;
        archive->offset = 0;
        int32_t error =
            env_do(archive->env, &(struct env_op){.kind = ENV_FSYNC, .file = archive->to});
        return error < 0 ? error : 1;
    }
    int32_t error = publish(archive);
    return error < 0 ? error : put_away(archive);
}
