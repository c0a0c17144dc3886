#include "tests/sim/env_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- descriptors --- */

struct file *file_of(struct process *process, int32_t number)
{
    if (number < 0 || number >= FILES_MAX || process->files[number] == NULL)
        return NULL;
    return process->files[number];
}

/* The lowest free number, as the kernel does; -EMFILE. */
int32_t file_new(struct process *process, struct file facts)
{
    int32_t number = FIRST_FILE;
    while (number < FILES_MAX && process->files[number] != NULL)
        number++;
    if (number == FILES_MAX)
        return -EMFILE;
    struct file *file = malloc(sizeof *file);
    CHECK(file != NULL);
    *file = facts;
    file->process = process;
    file->number = number;
    process->files[number] = file;
    return number;
}

static void unlock(struct machine *machine, const struct file *file)
{
    for (uint32_t i = 0; i < LOCKS_MAX; i++)
        if (file->holds_lock && machine->locks[i].inode == file->inode &&
            machine->locks[i].holder == file->process)
            machine->locks[i] = (struct lock){0};
}

static int32_t file_close(struct process *process, int32_t number)
{
    struct file *file = file_of(process, number);
    if (file == NULL)
        return -EBADF;
    process->files[number] = NULL;
    if (process->kept_lock == NULL || process->kept_lock != file->inode)
        unlock(process->machine, file);
    file->is_closed = true;
    file_release(file);
    return 0;
}

/* --- files --- */

struct inode *directory_of(struct process *process, int32_t number)
{
    struct file *file = file_of(process, number);
    if (file != NULL && file->inode != NULL && inode_is_directory(file->inode))
        return file->inode;
    return number == ENV_CWD ? disk_root(process->machine->disk) : NULL;
}

static int32_t do_open(struct flight *flight, struct inode *directory)
{
    struct process *process = flight->env->process;
    struct inode *inode;
    int32_t result =
        disk_find(process->machine->disk, directory, flight->path, flight->op.flags, &inode);
    if (result < 0)
        return result;
    int32_t number = file_new(process, (struct file){.inode = inode, .flags = flight->op.flags});
    if (number >= 0)
        snprintf(process->files[number]->name, PATH_BYTES, "%s", flight->path);
    return number;
}

bool is_misaligned(const struct flight *flight)
{
    return (flight->file->flags & O_DIRECT) != 0 &&
           (flight->op.offset % SECTOR_BYTES != 0 || flight->op.bytes % SECTOR_BYTES != 0 ||
            (uintptr_t)flight->op.data % SECTOR_BYTES != 0);
}

static int32_t do_write(struct flight *flight)
{
    struct disk *disk = flight->env->process->machine->disk;
    const void *data = flight->copy != NULL ? flight->copy : flight->op.data;
    if ((flight->file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (is_misaligned(flight))
        return -EINVAL;
    bool durable =
        ((flight->op.flags & ENV_DSYNC) != 0 || (flight->file->flags & O_DSYNC) == O_DSYNC) &&
        !is_planted(flight->env->process->machine, PLANTED_WRITE_NOT_SYNCED);
    world_trace(disk_world(disk), inode_number(flight->file->inode) ^ flight->op.offset << 8);
    world_trace_bytes(disk_world(disk), data, flight->op.bytes);
    int32_t result =
        disk_write(disk, flight->file->inode, flight->op.offset, data, flight->op.bytes, durable);
    bool overlooked = is_planted(flight->env->process->machine,
                                 result < 0 ? PLANTED_FAILED_WRITE : PLANTED_SHORT_WRITE);
    return overlooked ? (int32_t)flight->op.bytes : result;
}

static int32_t do_read(struct flight *flight)
{
    struct disk *disk = flight->env->process->machine->disk;
    if ((flight->file->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (is_misaligned(flight))
        return -EINVAL;
    return disk_read(disk, flight->file->inode, flight->op.offset, flight->op.data,
                     flight->op.bytes);
}

static int32_t do_sync(struct flight *flight)
{
    struct machine *machine = flight->env->process->machine;
    bool directory = inode_is_directory(flight->file->inode);
    if (is_planted(machine, directory ? PLANTED_DIRECTORY_NOT_SYNCED : PLANTED_FILE_NOT_SYNCED) ||
        (is_planted(machine, PLANTED_ARCHIVE_NOT_SYNCED) &&
         strcmp(flight->file->name, "/archive") == 0) ||
        (is_planted(machine, PLANTED_COPY_NOT_SYNCED) &&
         strcmp(flight->file->name, "archiving.tmp") == 0))
        return 0;
    int32_t result = disk_sync(machine->disk, flight->file->inode, flight->mark);
    return is_planted(machine, PLANTED_FAILED_SYNC) ? 0 : result;
}

int32_t do_file_op(struct flight *flight)
{
    if (flight->file == NULL || flight->file->inode == NULL)
        return -EBADF;
    switch ((int)flight->op.kind) {
    case ENV_READ:
        return do_read(flight);
    case ENV_WRITE:
        return do_write(flight);
    default:
        return do_sync(flight);
    }
}

int32_t do_path_op(struct flight *flight)
{
    struct process *process = flight->env->process;
    struct disk *disk = process->machine->disk;
    struct inode *directory = directory_of(process, flight->op.file);
    if (directory == NULL)
        return -EBADF;
    switch ((int)flight->op.kind) {
    case ENV_OPEN:
        return do_open(flight, directory);
    case ENV_RENAME:
        return disk_rename(disk, directory, flight->path, flight->path_to);
    case ENV_UNLINK:
        return disk_unlink(disk, directory, flight->path);
    default:
        return disk_mkdir(disk, directory, flight->path);
    }
}

bool is_path_op(enum env_op_kind kind)
{
    return kind == ENV_OPEN || kind == ENV_RENAME || kind == ENV_UNLINK || kind == ENV_MKDIR;
}

static int32_t perform(struct flight *flight)
{
    if (flight->op.kind == ENV_CLOSE)
        return file_close(flight->env->process, flight->op.file);
    return is_path_op(flight->op.kind) ? do_path_op(flight) : do_file_op(flight);
}

static const char *const kind_names[] = {
    [ENV_OPEN] = "open",   [ENV_CLOSE] = "close",   [ENV_READ] = "read",     [ENV_WRITE] = "write",
    [ENV_FSYNC] = "fsync", [ENV_RENAME] = "rename", [ENV_UNLINK] = "unlink", [ENV_MKDIR] = "mkdir",
};

/* The moment at which a file operation takes effect; its completion may come later. */
static void on_effect(struct world *world, void *who, uint64_t what)
{
    struct flight *flight = who;
    struct machine *machine = flight->env->process->machine;
    (void)world, (void)what;
    if (flight->env->process->is_dead) {
        flight_end(flight);
        return;
    }
    world_trace(machine->world, (uint64_t)flight->op.kind << 32 | (uint32_t)flight->op.file);
    int32_t result = perform(flight);
    world_say(machine->world, "actor %u: %s %d %s +%llu %u: %d", flight->env->number,
              kind_names[flight->op.kind], flight->op.file, flight->path,
              (unsigned long long)flight->op.offset, flight->op.bytes, result);
    finish(flight, result, 0, stream_skewed(chance(machine, STREAM_DISK), 20 * MICROSECOND_NS));
}

static uint64_t disk_delay_ns(struct machine *machine)
{
    const struct disk_knobs *knobs = disk_knobs(machine->disk);
    struct stream *disk = chance(machine, STREAM_DISK);
    uint64_t delay = MICROSECOND_NS + stream_skewed(disk, knobs->latency_ns_max);
    if (stream_hit(disk, knobs->slow_one_in))
        delay += stream_below(disk, knobs->slow_ns_max);
    return delay;
}

void start_file_op(struct flight *flight)
{
    struct machine *machine = flight->env->process->machine;
    flight->mark = disk_mark(machine->disk);
    if (flight->op.kind == ENV_WRITE && stream_hit(chance(machine, STREAM_DISK), 2)) {
        flight->copy = malloc(flight->op.bytes + 1u);
        CHECK(flight->copy != NULL);
        memcpy(flight->copy, flight->op.data, flight->op.bytes);
    }
    world_at(machine->world, world_now(machine->world) + disk_delay_ns(machine), on_effect, flight,
             0);
}
