/* tests/sim/disk.h - a simulated disk with its file system: what is durable, and what is only
 * pending.
 *
 * A read sees everything that was written. A loss of power sees what is durable; and of each write
 * that is still pending it keeps all, nothing, some of its sectors, or leaves garbage where it
 * would have stood, each on its own. Names are pending likewise: a file that was synced can be gone
 * because its directory was not. Only file-system semantics stand here; how long an operation takes
 * and what is in flight when the process dies is for env_sim.c.
 *
 * Results are those of the kernel: >= 0, or a negative errno. */
#ifndef SPATE_TESTS_SIM_DISK_H
#define SPATE_TESTS_SIM_DISK_H

#include "tests/sim/world.h"

struct disk;
struct inode;

enum { SECTOR_BYTES = 512, DISK_NAME_BYTES = 64 };

struct disk_knobs {
    uint64_t capacity_bytes;
    uint32_t keep_one_in; /* of pending writes at a loss of power; the others by chance too */
    uint32_t garble_one_in;
    uint32_t tear_one_in;
    uint32_t failed_sync_one_in;
    uint32_t failed_write_one_in;
    uint32_t failed_read_one_in;
    uint32_t short_write_one_in;
    uint64_t latency_ns_max; /* of one operation; skewed towards nothing */
    uint32_t slow_one_in;    /* much longer */
    uint64_t slow_ns_max;
};

struct disk *disk_open(struct world *world);
void disk_close(struct disk *disk);
struct world *disk_world(struct disk *disk);
struct disk_knobs *disk_knobs(struct disk *disk);
struct inode *disk_root(struct disk *disk);

/* Paths go from `directory` ('/' at the front: from the root). */
int32_t disk_find(struct disk *disk, struct inode *directory, const char *path, uint32_t flags,
                  struct inode **out);
int32_t disk_rename(struct disk *disk, struct inode *directory, const char *from, const char *to);
int32_t disk_unlink(struct disk *disk, struct inode *directory, const char *path);
int32_t disk_mkdir(struct disk *disk, struct inode *directory, const char *path);
int32_t disk_list(struct disk *disk, struct inode *directory, char *names, uint32_t capacity_bytes);

int32_t disk_read(struct disk *disk, struct inode *inode, uint64_t offset, void *data,
                  uint32_t bytes);
/* `durable`: has reached the medium when this returns (DSYNC). May fail or be short by the knobs. */
int32_t disk_write(struct disk *disk, struct inode *inode, uint64_t offset, const void *data,
                   uint32_t bytes, bool durable);
/* A write that nobody waits for any more: it arrives, wholly or up to some sector, or never. */
void disk_write_lost(struct disk *disk, struct inode *inode, uint64_t offset, const void *data,
                     uint32_t bytes);

/* A sync covers what was written before its mark was taken. A failed one marks what it did not
 * write as clean all the same; the next one succeeds. */
uint64_t disk_mark(const struct disk *disk);
int32_t disk_sync(struct disk *disk, struct inode *inode, uint64_t mark);

/* The power fails: afterwards reads see what has survived. */
void disk_lose_power(struct disk *disk);

bool inode_is_directory(const struct inode *inode);
uint32_t inode_number(const struct inode *inode);
uint64_t inode_bytes(const struct inode *inode);
uint64_t disk_free_bytes(const struct disk *disk);

/* Bit rot: flips one bit of what is durable and stands as it was written, one in a file at a time.
 * False if the file has no such byte. disk_heal undoes what nobody has written over since. */
bool disk_flip(struct inode *inode, uint64_t offset, uint32_t bit);
void disk_heal(struct disk *disk);
/* Flips some bit of some file of that directory; says where. False: it is a file that nothing can be said
 * of. `with_segments`: also of the log itself. */
bool disk_rot(struct disk *disk, const char *directory, bool with_segments);

#endif
