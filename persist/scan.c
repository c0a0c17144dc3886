#include "persist/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

void scan_begin(struct scan *scan, struct env *env, int32_t directory,
                const struct manifest *manifest, void *memory, struct place from)
{
    uint8_t *at = memory;
    *scan = (struct scan){
        .env = env,
        .manifest = manifest,
        .directory = directory,
        .at = from,
        .file = -1,
        .windows = {{.read = at + CARRY_BYTES},
                    {.read = at + CARRY_BYTES + READ_BYTES + CARRY_BYTES}},
    };
}

struct place scan_first(const struct manifest *manifest)
{
    return (struct place){
        .serial = manifest->begin_serial,
        .offset = manifest->begin_offset,
        .seq = manifest->begin_seq,
        .chain = manifest->begin_chain,
    };
}

/* ---- bytes of a segment, with one read ahead ---------------------------------------------------- */

static void read_ahead(struct scan *scan)
{
    uint64_t offset = scan->windows[scan->current].end;
    struct window *next = &scan->windows[1 - scan->current];
    next->offset = offset;
    scan->reading = offset < scan->file_bytes;
    if (!scan->reading)
        return;
    env_submit(scan->env, &(struct env_op){.kind = ENV_READ,
                                           .file = scan->file,
                                           .offset = offset,
                                           .data = next->read,
                                           .bytes = READ_BYTES});
    env_flush(scan->env);
}

void scan_pause(struct scan *scan, uint64_t until_ns)
{
    struct env_done done;
    if (env_reap(scan->env, &done, 1, until_ns) == 0)
        return;
    scan->has_read = true;
    scan->read_got = done.result;
}

void scan_rest(struct scan *scan)
{
    while (scan->reading && !scan->has_read)
        scan_pause(scan, UINT64_MAX);
}

static int32_t finish_read(struct scan *scan)
{
    scan_rest(scan);
    scan->reading = scan->has_read = false;
    return scan->read_got;
}

/* The window that was read ahead becomes the current one, in front of it what is left of the other
 * from `offset` on. 1, or 0: the file ends here. */
static int32_t turn_window(struct scan *scan, uint64_t offset)
{
    if (!scan->reading)
        return 0;
    int32_t got = finish_read(scan);
    if (got < 0)
        return got;
    const struct window *old = &scan->windows[scan->current];
    struct window *next = &scan->windows[1 - scan->current];
    uint64_t left = scan->file_bytes - next->offset;
    bool last = (uint64_t)got >= left;
    uint64_t fresh = last ? left : (uint64_t)got & ~(uint64_t)(BLOCK_BYTES - 1);
    if (fresh == 0)
        return -EIO;
    next->carried_bytes = old->end > offset ? old->end - offset : 0;
    memcpy(next->read - next->carried_bytes,
           old->read + (int64_t)(old->end - old->offset) - next->carried_bytes,
           next->carried_bytes);
    next->end = next->offset + fresh;
    scan->read_bytes += fresh;
    scan->current = 1 - scan->current;
    read_ahead(scan);
    return 1;
}

/* `bytes` at `offset` of the open segment, which never goes back; NULL if it has no so many (or
 * *error). */
static const void *look_at(struct scan *scan, uint64_t offset, uint64_t bytes, int32_t *error)
{
    *error = 0;
    if (bytes > CARRY_BYTES || offset + bytes > scan->file_bytes)
        return NULL;
    while (offset + bytes > scan->windows[scan->current].end)
        if ((*error = turn_window(scan, offset)) <= 0)
            return NULL;
    *error = 0;
    const struct window *window = &scan->windows[scan->current];
    return window->read + (int64_t)(offset - window->offset);
}

/* ---- segments ----------------------------------------------------------------------------------- */

void scan_end(struct scan *scan)
{
    if (scan->reading)
        (void)finish_read(scan);
    if (scan->file >= 0)
        (void)!env_do(scan->env, &(struct env_op){.kind = ENV_CLOSE, .file = scan->file});
    scan->file = -1;
}

/* The file from `offset` on. 1; 0: there is no such segment; or an error. What another process may
 * have left in the page cache is made durable before it is believed. */
static int32_t open_segment(struct scan *scan, uint64_t serial, uint64_t offset)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, serial);
    int32_t file = segment_open(scan->env, scan->directory, name, O_RDONLY);
    if (file == -ENOENT)
        return 0;
    if (file < 0)
        return file;
    scan->file = file;
    int32_t error = env_do(scan->env, &(struct env_op){.kind = ENV_FSYNC, .file = file});
    if (error < 0)
        return error;
    int64_t bytes = env_file_bytes(scan->env, file);
    if (bytes < 0)
        return (int32_t)bytes;
    scan->file_bytes = (uint64_t)bytes;
    scan->seed = group_seed(scan->manifest->log_id, serial);
    scan->windows[scan->current] = (struct window){.read = scan->windows[scan->current].read,
                                                   .offset = offset & ~(uint64_t)(BLOCK_BYTES - 1),
                                                   .end = offset & ~(uint64_t)(BLOCK_BYTES - 1)};
    read_ahead(scan);
    return 1;
}

/* As open_segment, but its head must say that it is what its name says; 0 also if that is damaged. */
static int32_t open_checked(struct scan *scan)
{
    int32_t error = open_segment(scan, scan->at.serial, 0);
    if (error == 0 && scan->promised)
        return -ENOENT;
    if (error <= 0)
        return error;
    const struct segment_head *head = look_at(scan, 0, BLOCK_BYTES, &error);
    if (error < 0)
        return error;
    enum segment_fault fault =
        head == NULL ? SEGMENT_DAMAGED
                     : segment_head_check(head, scan->manifest->log_id, scan->at.serial);
    switch (fault) {
    case SEGMENT_OK:
        return 1;
    case SEGMENT_DAMAGED:
        return 0;
    case SEGMENT_NEWER:
        return -EPROTO;
    case SEGMENT_FOREIGN:
        return -EXDEV;
    }
    return 0;
}

static void go_to(struct scan *scan, uint64_t serial, bool promised)
{
    scan_end(scan);
    scan->at.serial = serial;
    scan->at.offset = BLOCK_BYTES;
    scan->promised = promised;
}

/* ---- groups -------------------------------------------------------------------------------------- */

static const struct epoch *epoch_here(const struct scan *scan)
{
    return &scan->manifest->epochs[scan->epoch];
}

/* Where at.seq belongs to a later epoch than the group before it, its groups stand elsewhere. */
static void follow_epochs(struct scan *scan)
{
    const struct manifest *manifest = scan->manifest;
    while (scan->epoch + 1 < manifest->epoch_count &&
           manifest->epochs[scan->epoch + 1].first_seq <= scan->at.seq)
        scan->epoch++;
    if (scan->at.serial < epoch_here(scan)->first_serial)
        go_to(scan, epoch_here(scan)->first_serial, false);
}

/* An epoch can speak for its own sequences only; one that the table does not name for none. */
static void note_witness(struct scan *scan, const struct group_head *head, uint64_t serial,
                         uint64_t offset)
{
    uint64_t last = manifest_epoch_last(scan->manifest, head->epoch);
    uint64_t witness = head->witness < last ? head->witness : last;
    if (witness <= scan->witness)
        return;
    scan->witness = witness;
    scan->witness_serial = serial;
    scan->witness_offset = offset;
}

/* The valid head at `*offset`, or, where a write has ended, at the next block. */
static const struct group_head *head_at(struct scan *scan, uint64_t *offset, int32_t *error)
{
    for (;; *offset = block_align(*offset)) {
        const struct group_head *head = look_at(scan, *offset, sizeof *head, error);
        if (*error < 0)
            return NULL;
        if (head != NULL && group_head_valid(head, scan->manifest->log_id, scan->seed))
            return head;
        if (*offset % BLOCK_BYTES == 0)
            return NULL;
    }
}

static bool is_alive(const struct scan *scan, const struct group_head *head)
{
    uint64_t seq = head->kind == GROUP_EVENTS ? scan->at.seq : scan->at.seq - 1;
    return head->epoch == epoch_here(scan)->epoch && head->seq == seq &&
           head->chain == scan->at.chain;
}

static const struct group_head *take_group(struct scan *scan, uint64_t offset, uint64_t event_bytes,
                                           int32_t *error)
{
    uint64_t bytes = sizeof(struct group_head) + event_bytes;
    const struct group_head *head = look_at(scan, offset, bytes, error);
    if (head == NULL || !group_body_valid(head, scan->seed))
        return NULL;
    scan->at.offset = offset + bytes;
    scan->at.chain = head->head_sum;
    scan->at.seq++;
    return head;
}

const struct group_head *scan_next(struct scan *scan, int32_t *error)
{
    *error = 0;
    for (;;) {
        follow_epochs(scan);
        if (scan->file < 0 && (*error = open_checked(scan)) <= 0)
            return NULL;
        uint64_t offset = scan->at.offset;
        const struct group_head *head = head_at(scan, &offset, error);
        if (head == NULL || !is_alive(scan, head))
            return NULL;
        note_witness(scan, head, scan->at.serial, offset);
        switch ((enum group_kind)head->kind) {
        case GROUP_EVENTS:
            return take_group(scan, offset, head->event_bytes, error);
        case GROUP_WITNESS:
            scan->at.offset = offset + sizeof *head;
            break;
        case GROUP_END:
            go_to(scan, scan->at.serial + 1, (head->flags & GROUP_COPIED) == 0);
            break;
        }
    }
}

/* ---- beyond the last group ------------------------------------------------------------------------ */

/* A block of a write that was never finished, or of one beyond such a write. A recycled segment's old
 * blocks have lower sequences. */
static void note_torn(struct scan *scan, const struct group_head *head)
{
    if (head->magic == GROUP_MAGIC && head->kind == GROUP_EVENTS && head->seq >= scan->at.seq)
        scan->torn_bytes += block_align(sizeof *head + head->event_bytes);
}

static void look_beyond(struct scan *scan, const struct group_head *head, uint64_t serial,
                        uint64_t offset)
{
    if (head->magic != 0)
        scan->blank_from = serial + 1;
    if (!group_head_valid(head, scan->manifest->log_id, scan->seed)) {
        note_torn(scan, head);
        return;
    }
    if (manifest_knows(scan->manifest, head->epoch)) {
        note_torn(scan, head);
        note_witness(scan, head, serial, offset);
    } else if ((head->flags & GROUP_COPIED) == 0) {
        scan->unknown_epoch = head->epoch;
    }
}

static int32_t segment_beyond(struct scan *scan, uint64_t serial, uint64_t offset)
{
    int32_t error = open_segment(scan, serial, offset);
    if (error <= 0)
        return error;
    const struct group_head *head;
    if (offset % BLOCK_BYTES != 0 && (head = look_at(scan, offset, sizeof *head, &error)) != NULL)
        note_torn(scan, head);
    for (offset = block_align(offset);
         error >= 0 && (head = look_at(scan, offset, sizeof *head, &error)) != NULL;
         offset += BLOCK_BYTES)
        look_beyond(scan, head, serial, offset);
    return error;
}

int32_t scan_beyond(struct scan *scan, uint64_t last_serial)
{
    int32_t error = 0;
    uint64_t offset = scan->at.offset;
    scan->blank_from = scan->at.serial + (offset > BLOCK_BYTES ? 1 : 0);
    for (uint64_t serial = scan->at.serial; error >= 0 && serial <= last_serial; serial++) {
        scan_end(scan);
        error = segment_beyond(scan, serial, offset);
        offset = BLOCK_BYTES;
    }
    scan_end(scan);
    return error;
}
