#include "tests/sim/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

struct content {
    uint8_t *at;
    uint64_t bytes;
    uint64_t capacity;
};

struct entry {
    char name[DISK_NAME_BYTES];
    struct inode *inode;
};

/* Sorted by name. */
struct names {
    struct entry *at;
    uint32_t count;
    uint32_t capacity;
};

enum pending_kind { PENDING_WRITE, PENDING_SIZE, PENDING_LINK, PENDING_UNLINK, PENDING_RENAME };

struct pending {
    uint64_t number;
    enum pending_kind kind;
    uint32_t bytes;
    uint64_t offset;
    uint8_t *data;
    struct inode *inode;
    char name[DISK_NAME_BYTES];
    char name_to[DISK_NAME_BYTES];
};

/* A file or a directory, twice: as programs see it, and as it would come back. */
struct inode {
    uint32_t number;
    bool is_directory;
    bool is_reachable;
    struct content now;
    struct content durable;
    struct names names_now;
    struct names names_durable;
    struct pending *pending; /* in the order of their numbers */
    uint32_t pending_count;
    uint32_t pending_capacity;
    struct inode *parent;
    struct inode *next; /* of all inodes */
    uint64_t rot_offset;
    uint8_t rot; /* the bit that has flipped there; 0: none, or it was written over */
};

struct disk {
    struct world *world;
    struct disk_knobs knobs;
    struct inode *root;
    struct inode *all;
    uint64_t used_bytes;
    uint64_t number;
    uint32_t inode_count;
};

static struct stream *chance(struct disk *disk)
{
    return world_stream(disk->world, STREAM_DISK);
}

/* --- contents --- */

static void content_reach(struct content *content, uint64_t bytes)
{
    if (bytes > content->capacity) {
        uint64_t capacity = bytes > content->capacity * 2 ? bytes : content->capacity * 2;
        content->at = realloc(content->at, capacity);
        CHECK(content->at != NULL);
        memset(content->at + content->capacity, 0, capacity - content->capacity);
        content->capacity = capacity;
    }
    if (bytes > content->bytes)
        content->bytes = bytes;
}

static void content_write(struct content *content, uint64_t offset, const void *data,
                          uint64_t bytes)
{
    content_reach(content, offset + bytes);
    if (bytes != 0)
        memcpy(content->at + offset, data, bytes);
}

static void content_cut(struct content *content, uint64_t bytes)
{
    if (bytes < content->bytes)
        memset(content->at + bytes, 0, content->bytes - bytes);
    content_reach(content, bytes);
    content->bytes = bytes;
}

static void content_copy(struct content *to, const struct content *from)
{
    content_cut(to, 0);
    content_write(to, 0, from->at, from->bytes);
}

static void content_free(struct content *content)
{
    free(content->at);
    *content = (struct content){0};
}

static void write_over_rot(struct inode *inode, uint64_t offset, uint64_t bytes)
{
    if (inode->rot_offset >= offset && inode->rot_offset - offset < bytes)
        inode->rot = 0;
}

/* --- names --- */

static uint32_t names_place(const struct names *names, const char *name)
{
    uint32_t at = 0;
    while (at < names->count && strcmp(names->at[at].name, name) < 0)
        at++;
    return at;
}

static struct inode *names_find(const struct names *names, const char *name)
{
    uint32_t at = names_place(names, name);
    if (at == names->count || strcmp(names->at[at].name, name) != 0)
        return NULL;
    return names->at[at].inode;
}

static void names_remove(struct names *names, const char *name)
{
    if (names_find(names, name) == NULL)
        return;
    uint32_t at = names_place(names, name);
    names->count--;
    memmove(&names->at[at], &names->at[at + 1], (names->count - at) * sizeof *names->at);
}

/* A file has one name, also if an earlier change of it never came to be durable. */
static void names_forget(struct names *names, const struct inode *inode)
{
    for (uint32_t i = names->count; i-- > 0;)
        if (names->at[i].inode == inode)
            names_remove(names, names->at[i].name);
}

static void names_put(struct names *names, const char *name, struct inode *inode)
{
    names_remove(names, name);
    if (names->count == names->capacity) {
        names->capacity = names->capacity * 2 + 8;
        names->at = realloc(names->at, names->capacity * sizeof *names->at);
        CHECK(names->at != NULL);
    }
    uint32_t at = names_place(names, name);
    memmove(&names->at[at + 1], &names->at[at], (names->count - at) * sizeof *names->at);
    names->count++;
    memset(&names->at[at], 0, sizeof *names->at);
    snprintf(names->at[at].name, DISK_NAME_BYTES, "%s", name);
    names->at[at].inode = inode;
}

static void names_copy(struct names *to, const struct names *from)
{
    to->count = 0;
    for (uint32_t i = 0; i < from->count; i++)
        names_put(to, from->at[i].name, from->at[i].inode);
}

/* --- what is pending --- */

static struct pending *pending_add(struct disk *disk, struct inode *inode, enum pending_kind kind)
{
    if (inode->pending_count == inode->pending_capacity) {
        inode->pending_capacity = inode->pending_capacity * 2 + 8;
        inode->pending = realloc(inode->pending, inode->pending_capacity * sizeof *inode->pending);
        CHECK(inode->pending != NULL);
    }
    struct pending *pending = &inode->pending[inode->pending_count++];
    *pending = (struct pending){.number = disk->number++, .kind = kind};
    return pending;
}

static void pending_write(struct disk *disk, struct inode *inode, uint64_t offset, const void *data,
                          uint32_t bytes)
{
    struct pending *pending = pending_add(disk, inode, PENDING_WRITE);
    pending->offset = offset;
    pending->bytes = bytes;
    pending->data = malloc(bytes + 1u);
    CHECK(pending->data != NULL);
    if (bytes != 0)
        memcpy(pending->data, data, bytes);
}

static void pending_name(struct disk *disk, struct inode *directory, enum pending_kind kind,
                         const char *name, const char *name_to, struct inode *inode)
{
    struct pending *pending = pending_add(disk, directory, kind);
    pending->inode = inode;
    snprintf(pending->name, DISK_NAME_BYTES, "%s", name);
    snprintf(pending->name_to, DISK_NAME_BYTES, "%s", name_to);
}

static void pending_apply(struct inode *inode, const struct pending *pending)
{
    switch (pending->kind) {
    case PENDING_WRITE:
        write_over_rot(inode, pending->offset, pending->bytes);
        content_write(&inode->durable, pending->offset, pending->data, pending->bytes);
        break;
    case PENDING_SIZE:
        inode->rot = 0;
        content_cut(&inode->durable, pending->offset);
        break;
    case PENDING_LINK:
        names_put(&inode->names_durable, pending->name, pending->inode);
        break;
    case PENDING_UNLINK:
        if (names_find(&inode->names_durable, pending->name) == pending->inode)
            names_remove(&inode->names_durable, pending->name);
        break;
    case PENDING_RENAME:
        names_forget(&inode->names_durable, pending->inode);
        names_put(&inode->names_durable, pending->name_to, pending->inode);
        break;
    }
}

static void pending_drop(struct inode *inode, uint32_t at)
{
    free(inode->pending[at].data);
    inode->pending_count--;
    memmove(&inode->pending[at], &inode->pending[at + 1],
            (inode->pending_count - at) * sizeof *inode->pending);
}

static void pending_drop_before(struct inode *inode, uint64_t mark)
{
    uint32_t dropped = 0;
    for (; dropped < inode->pending_count && inode->pending[dropped].number < mark; dropped++)
        free(inode->pending[dropped].data);
    if (dropped == 0)
        return;
    inode->pending_count -= dropped;
    memmove(inode->pending, inode->pending + dropped,
            inode->pending_count * sizeof *inode->pending);
}

/* A direct write flushes what the cache still has of those bytes before it. */
static void pending_flush_range(struct inode *inode, uint64_t offset, uint64_t bytes)
{
    for (uint32_t i = 0; i < inode->pending_count;) {
        struct pending *pending = &inode->pending[i];
        bool apart = pending->kind != PENDING_WRITE || pending->offset >= offset + bytes ||
                     pending->offset + pending->bytes <= offset;
        if (apart) {
            i++;
            continue;
        }
        pending_apply(inode, pending);
        pending_drop(inode, i);
    }
}

/* --- the disk --- */

static struct inode *inode_new(struct disk *disk, bool is_directory)
{
    struct inode *inode = calloc(1, sizeof *inode);
    CHECK(inode != NULL);
    inode->number = disk->inode_count++;
    inode->is_directory = is_directory;
    inode->next = disk->all;
    disk->all = inode;
    return inode;
}

static void inode_empty(struct inode *inode)
{
    inode->rot = 0;
    pending_drop_before(inode, UINT64_MAX);
    content_free(&inode->now);
    content_free(&inode->durable);
}

struct disk *disk_open(struct world *world)
{
    struct disk *disk = calloc(1, sizeof *disk);
    CHECK(disk != NULL);
    disk->world = world;
    disk->knobs.capacity_bytes = 1ull << 30;
    disk->root = inode_new(disk, true);
    disk->root->parent = disk->root;
    return disk;
}

void disk_close(struct disk *disk)
{
    while (disk->all != NULL) {
        struct inode *inode = disk->all;
        disk->all = inode->next;
        inode_empty(inode);
        free(inode->pending);
        free(inode->names_now.at);
        free(inode->names_durable.at);
        free(inode);
    }
    free(disk);
}

struct world *disk_world(struct disk *disk)
{
    return disk->world;
}

struct disk_knobs *disk_knobs(struct disk *disk)
{
    return &disk->knobs;
}

struct inode *disk_root(struct disk *disk)
{
    return disk->root;
}

/* --- paths --- */

static struct inode *look_up(struct inode *directory, const char *name)
{
    if (name[0] == 0 || strcmp(name, ".") == 0)
        return directory;
    return strcmp(name, "..") == 0 ? directory->parent : names_find(&directory->names_now, name);
}

/* The directory that a path's last name stands in, and that name. */
static int32_t walk(struct disk *disk, struct inode *directory, const char *path,
                    struct inode **parent, char name[DISK_NAME_BYTES])
{
    if (*path == '/')
        directory = disk->root;
    for (;;) {
        while (*path == '/')
            path++;
        size_t bytes = strcspn(path, "/");
        if (bytes >= DISK_NAME_BYTES)
            return -ENAMETOOLONG;
        memcpy(name, path, bytes);
        name[bytes] = 0;
        path += bytes;
        while (*path == '/')
            path++;
        *parent = directory;
        if (*path == 0)
            return 0;
        directory = look_up(directory, name);
        if (directory == NULL)
            return -ENOENT;
        if (!directory->is_directory)
            return -ENOTDIR;
    }
}

static void cut_to_nothing(struct disk *disk, struct inode *inode)
{
    disk->used_bytes -= inode->now.bytes;
    inode->rot = 0;
    content_cut(&inode->now, 0);
    pending_add(disk, inode, PENDING_SIZE);
}

static struct inode *make(struct disk *disk, struct inode *parent, const char *name,
                          bool is_directory)
{
    struct inode *inode = inode_new(disk, is_directory);
    inode->parent = parent;
    names_put(&parent->names_now, name, inode);
    pending_name(disk, parent, PENDING_LINK, name, "", inode);
    return inode;
}

int32_t disk_find(struct disk *disk, struct inode *directory, const char *path, uint32_t flags,
                  struct inode **out)
{
    char name[DISK_NAME_BYTES];
    struct inode *parent;
    int32_t result = walk(disk, directory, path, &parent, name);
    if (result < 0)
        return result;
    struct inode *inode = look_up(parent, name);
    if (inode == NULL && (flags & O_CREAT) == 0)
        return -ENOENT;
    if (inode != NULL && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (inode == NULL)
        inode = make(disk, parent, name, false);
    if (!inode->is_directory && (flags & O_DIRECTORY) != 0)
        return -ENOTDIR;
    if (inode->is_directory && (flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if ((flags & O_TRUNC) != 0)
        cut_to_nothing(disk, inode);
    *out = inode;
    return 0;
}

int32_t disk_rename(struct disk *disk, struct inode *directory, const char *from, const char *to)
{
    char name[DISK_NAME_BYTES], name_to[DISK_NAME_BYTES];
    struct inode *parent, *parent_to;
    int32_t result = walk(disk, directory, from, &parent, name);
    if (result == 0)
        result = walk(disk, directory, to, &parent_to, name_to);
    if (result < 0)
        return result;
    struct inode *inode = names_find(&parent->names_now, name);
    if (inode == NULL)
        return -ENOENT;
    struct inode *replaced = names_find(&parent_to->names_now, name_to);
    if (replaced != NULL && replaced != inode)
        disk->used_bytes -= replaced->now.bytes;
    names_remove(&parent->names_now, name);
    names_put(&parent_to->names_now, name_to, inode);
    if (parent == parent_to) {
        pending_name(disk, parent, PENDING_RENAME, name, name_to, inode);
    } else { /* never lost: at worst it stands in both */
        pending_name(disk, parent_to, PENDING_LINK, name_to, "", inode);
        pending_name(disk, parent, PENDING_UNLINK, name, "", inode);
    }
    return 0;
}

int32_t disk_unlink(struct disk *disk, struct inode *directory, const char *path)
{
    char name[DISK_NAME_BYTES];
    struct inode *parent;
    int32_t result = walk(disk, directory, path, &parent, name);
    if (result < 0)
        return result;
    struct inode *inode = names_find(&parent->names_now, name);
    if (inode == NULL)
        return -ENOENT;
    if (inode->is_directory)
        return -EISDIR;
    disk->used_bytes -= inode->now.bytes;
    names_remove(&parent->names_now, name);
    pending_name(disk, parent, PENDING_UNLINK, name, "", inode);
    return 0;
}

int32_t disk_mkdir(struct disk *disk, struct inode *directory, const char *path)
{
    char name[DISK_NAME_BYTES];
    struct inode *parent;
    int32_t result = walk(disk, directory, path, &parent, name);
    if (result < 0)
        return result;
    if (name[0] == 0 || names_find(&parent->names_now, name) != NULL)
        return -EEXIST;
    make(disk, parent, name, true);
    return 0;
}

int32_t disk_list(struct disk *disk, struct inode *directory, char *names, uint32_t capacity_bytes)
{
    (void)disk;
    uint32_t used = 0;
    for (uint32_t i = 0; i < directory->names_now.count; i++) {
        const char *name = directory->names_now.at[i].name;
        uint32_t bytes = (uint32_t)strlen(name) + 1;
        if (bytes > capacity_bytes - used)
            return -ENOBUFS;
        memcpy(names + used, name, bytes);
        used += bytes;
    }
    return (int32_t)directory->names_now.count;
}

/* --- bytes --- */

int32_t disk_read(struct disk *disk, struct inode *inode, uint64_t offset, void *data,
                  uint32_t bytes)
{
    if (inode->is_directory)
        return -EISDIR;
    if (stream_hit(chance(disk), disk->knobs.failed_read_one_in))
        return -EIO;
    if (offset >= inode->now.bytes)
        return 0;
    uint64_t left = inode->now.bytes - offset;
    uint32_t taken = left < bytes ? (uint32_t)left : bytes;
    memcpy(data, inode->now.at + offset, taken);
    return (int32_t)taken;
}

/* What of a write gets through: an error, or some of its bytes. */
static int32_t write_fate(struct disk *disk, const struct inode *inode, uint64_t offset,
                          uint32_t bytes)
{
    if (stream_hit(chance(disk), disk->knobs.failed_write_one_in))
        return -EIO;
    if (bytes > SECTOR_BYTES && stream_hit(chance(disk), disk->knobs.short_write_one_in))
        bytes = (uint32_t)stream_between(chance(disk), 1, bytes / SECTOR_BYTES - 1) * SECTOR_BYTES;
    uint64_t end = offset + bytes;
    if (end <= inode->now.bytes)
        return (int32_t)bytes;
    uint64_t free_bytes = disk_free_bytes(disk);
    if (end - inode->now.bytes <= free_bytes)
        return (int32_t)bytes;
    uint64_t reach = inode->now.bytes + free_bytes / SECTOR_BYTES * SECTOR_BYTES;
    return reach > offset ? (int32_t)(reach - offset) : -ENOSPC;
}

static void write_through(struct disk *disk, struct inode *inode, uint64_t offset, const void *data,
                          uint32_t bytes, bool durable)
{
    if (offset + bytes > inode->now.bytes)
        disk->used_bytes += offset + bytes - inode->now.bytes;
    write_over_rot(inode, offset, bytes);
    content_write(&inode->now, offset, data, bytes);
    if (!durable) {
        pending_write(disk, inode, offset, data, bytes);
        return;
    }
    pending_flush_range(inode, offset, bytes);
    content_write(&inode->durable, offset, data, bytes);
}

int32_t disk_write(struct disk *disk, struct inode *inode, uint64_t offset, const void *data,
                   uint32_t bytes, bool durable)
{
    if (inode->is_directory)
        return -EISDIR;
    int32_t result = write_fate(disk, inode, offset, bytes);
    if (result > 0)
        write_through(disk, inode, offset, data, (uint32_t)result, durable);
    return result;
}

void disk_write_lost(struct disk *disk, struct inode *inode, uint64_t offset, const void *data,
                     uint32_t bytes)
{
    int32_t fate = write_fate(disk, inode, offset, bytes);
    if (fate <= 0 || stream_hit(chance(disk), 3))
        return;
    uint32_t arrives = (uint32_t)fate;
    if (stream_hit(chance(disk), 3))
        arrives = (uint32_t)stream_below(chance(disk), arrives / SECTOR_BYTES + 1) * SECTOR_BYTES;
    write_through(disk, inode, offset, data, arrives, false);
}

uint64_t disk_mark(const struct disk *disk)
{
    return disk->number;
}

int32_t disk_sync(struct disk *disk, struct inode *inode, uint64_t mark)
{
    bool fails = stream_hit(chance(disk), disk->knobs.failed_sync_one_in);
    if (fails && inode->is_directory)
        return -EIO; /* a journal forgets no name */
    for (uint32_t i = 0; i < inode->pending_count && inode->pending[i].number < mark; i++)
        if (!fails || stream_hit(chance(disk), 2))
            pending_apply(inode, &inode->pending[i]);
    pending_drop_before(inode, mark);
    return fails ? -EIO : 0;
}

uint64_t disk_free_bytes(const struct disk *disk)
{
    return disk->used_bytes > disk->knobs.capacity_bytes
               ? 0
               : disk->knobs.capacity_bytes - disk->used_bytes;
}

/* --- loss of power --- */

static void garble(struct disk *disk, uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)stream_next(chance(disk));
}

/* Each sector on its own: as it was, as written, or garbage. */
static void tear(struct disk *disk, struct inode *inode, const struct pending *pending)
{
    content_reach(&inode->durable, pending->offset + pending->bytes);
    write_over_rot(inode, pending->offset, pending->bytes);
    for (uint32_t at = 0; at < pending->bytes;) {
        uint64_t to_end = SECTOR_BYTES - (pending->offset + at) % SECTOR_BYTES;
        uint32_t left = pending->bytes - at;
        uint32_t bytes = to_end < left ? (uint32_t)to_end : left;
        uint8_t *sector = inode->durable.at + pending->offset + at;
        if (stream_hit(chance(disk), disk->knobs.garble_one_in))
            garble(disk, sector, bytes);
        else if (stream_hit(chance(disk), 2))
            memcpy(sector, pending->data + at, bytes);
        at += bytes;
    }
}

static void decide_fate(struct disk *disk, struct inode *inode, const struct pending *pending)
{
    if (stream_hit(chance(disk), disk->knobs.keep_one_in))
        pending_apply(inode, pending);
    else if (pending->kind == PENDING_WRITE && stream_hit(chance(disk), disk->knobs.tear_one_in))
        tear(disk, inode, pending);
    else if (stream_hit(chance(disk), 3))
        pending_apply(inode, pending);
}

static void mark_reachable(struct inode *directory)
{
    directory->is_reachable = true;
    for (uint32_t i = 0; i < directory->names_durable.count; i++) {
        struct inode *inode = directory->names_durable.at[i].inode;
        if (inode->is_directory)
            mark_reachable(inode);
        inode->is_reachable = true;
    }
}

static void come_back(struct disk *disk, struct inode *inode)
{
    for (uint32_t i = 0; i < inode->pending_count; i++)
        decide_fate(disk, inode, &inode->pending[i]);
    pending_drop_before(inode, UINT64_MAX);
    content_copy(&inode->now, &inode->durable);
    names_copy(&inode->names_now, &inode->names_durable);
    inode->is_reachable = false;
}

void disk_lose_power(struct disk *disk)
{
    for (struct inode *inode = disk->all; inode != NULL; inode = inode->next)
        come_back(disk, inode);
    mark_reachable(disk->root);
    disk->used_bytes = 0;
    for (struct inode *inode = disk->all; inode != NULL; inode = inode->next) {
        if (!inode->is_reachable)
            inode_empty(inode);
        disk->used_bytes += inode->now.bytes;
    }
}

bool inode_is_directory(const struct inode *inode)
{
    return inode->is_directory;
}

uint32_t inode_number(const struct inode *inode)
{
    return inode->number;
}

uint64_t inode_bytes(const struct inode *inode)
{
    return inode->now.bytes;
}

/* --- rot --- */

static void flip(struct inode *inode)
{
    inode->now.at[inode->rot_offset] ^= inode->rot;
    inode->durable.at[inode->rot_offset] ^= inode->rot;
}

bool disk_flip(struct inode *inode, uint64_t offset, uint32_t bit)
{
    if (inode->rot != 0 || offset >= inode->now.bytes || offset >= inode->durable.bytes ||
        inode->now.at[offset] != inode->durable.at[offset])
        return false;
    inode->rot = (uint8_t)(1u << bit);
    inode->rot_offset = offset;
    flip(inode);
    return true;
}

void disk_heal(struct disk *disk)
{
    for (struct inode *inode = disk->all; inode != NULL; inode = inode->next) {
        if (inode->rot != 0)
            flip(inode);
        inode->rot = 0;
    }
}

/* Mostly where something stands. */
static uint64_t some_byte(struct disk *disk, const struct inode *inode)
{
    uint64_t offset = stream_below(chance(disk), inode->now.bytes);
    for (uint32_t i = 0; i < 64 && inode->now.bytes != 0 && inode->now.at[offset] == 0; i++)
        offset = stream_skewed(chance(disk), inode->now.bytes - 1);
    return offset;
}

bool disk_rot(struct disk *disk, const char *directory, bool with_segments)
{
    struct inode *parent;
    if (disk_find(disk, disk->root, directory, O_DIRECTORY, &parent) < 0 ||
        parent->names_now.count == 0)
        return false;
    const struct entry *entry =
        &parent->names_now.at[stream_below(chance(disk), parent->names_now.count)];
    uint64_t offset = some_byte(disk, entry->inode);
    bool is_segment = strncmp(entry->name, "log-", 4) == 0;
    if (entry->inode->is_directory || (is_segment && !with_segments) ||
        !disk_flip(entry->inode, offset, (uint32_t)stream_below(chance(disk), 8)))
        return false;
    world_say(disk->world, "%s rots at %llu", entry->name, (unsigned long long)offset);
    return true;
}
