#include "persist/scan.h"

#include <errno.h>
#include <fcntl.h>

void scan_begin(struct scan *scan, struct env *env, int32_t directory,
                const struct manifest *manifest, void *buffer, uint32_t buffer_bytes,
                uint64_t serial, uint64_t first_seq)
{
    *scan = (struct scan){
        .env = env,
        .manifest = manifest,
        .directory = directory,
        .buffer = buffer,
        .buffer_bytes = buffer_bytes,
        .serial = serial,
        .offset = BLOCK_BYTES,
        .next_seq = first_seq,
        .file = -1,
    };
}

void scan_end(struct scan *scan)
{
    if (scan->file >= 0)
        (void)!env_do(scan->env, &(struct env_op){.kind = ENV_CLOSE, .file = scan->file});
    scan->file = -1;
}

static void go_to(struct scan *scan, uint64_t serial)
{
    scan_end(scan);
    scan->serial = serial;
    scan->offset = BLOCK_BYTES;
}

/* Fills the window from the block of `offset` on. What lies beyond the end of the file reads as
 * nothing: the window is shorter. */
static int32_t read_window(struct scan *scan, uint64_t offset)
{
    scan->window_at = offset & ~(uint64_t)(BLOCK_BYTES - 1);
    scan->window_bytes = 0;
    while (scan->window_bytes < scan->buffer_bytes) {
        int32_t got =
            env_do(scan->env, &(struct env_op){.kind = ENV_READ,
                                               .file = scan->file,
                                               .offset = scan->window_at + scan->window_bytes,
                                               .data = scan->buffer + scan->window_bytes,
                                               .bytes = scan->buffer_bytes - scan->window_bytes});
        if (got < 0)
            return got;
        scan->window_bytes += (uint32_t)got;
        scan->bytes += (uint32_t)got;
        if (got == 0 || got % BLOCK_BYTES != 0)
            return 0;
    }
    return 0;
}

/* `bytes` at `offset` of the segment; NULL if it has no so many (or *error). */
static const void *look_at(struct scan *scan, uint64_t offset, uint64_t bytes, int32_t *error)
{
    if (bytes > scan->buffer_bytes - BLOCK_BYTES || offset + bytes > scan->segment_bytes)
        return NULL;
    bool inside =
        offset >= scan->window_at && offset + bytes <= scan->window_at + scan->window_bytes;
    if (!inside) {
        *error = read_window(scan, offset);
        if (*error < 0 || offset + bytes > scan->window_at + scan->window_bytes)
            return NULL;
    }
    return scan->buffer + (offset - scan->window_at);
}

/* 1: open; 0: there is no such segment, or it is not one of ours; or an error. */
static int32_t open_segment(struct scan *scan)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, scan->serial);
    int32_t file = env_do(scan->env, &(struct env_op){.kind = ENV_OPEN,
                                                      .file = scan->directory,
                                                      .path = name,
                                                      .flags = O_RDONLY | O_DIRECT});
    if (file == -ENOENT)
        return 0;
    if (file < 0)
        return file;
    scan->file = file;
    scan->window_bytes = 0;
    scan->segment_bytes = BLOCK_BYTES;
    int32_t error = 0;
    const struct segment_head *head = look_at(scan, 0, BLOCK_BYTES, &error);
    if (error < 0)
        return error;
    if (head == NULL || !segment_head_valid(head) || head->version > FORMAT_VERSION ||
        head->log_id != scan->manifest->log_id || head->serial != scan->serial) {
        scan_end(scan);
        return 0;
    }
    scan->segment_bytes = head->bytes;
    scan->seed = group_seed(head->log_id, head->serial);
    return 1;
}

/* Heads of epochs that the table does not name belong to a start that never came to serve. */
static void note_witness(struct scan *scan, const struct group_head *head, uint64_t offset)
{
    uint64_t last = manifest_epoch_last(scan->manifest, head->epoch);
    uint64_t witness = head->witness < last ? head->witness : last;
    if (witness <= scan->witness)
        return;
    scan->witness = witness;
    scan->witness_serial = scan->serial;
    scan->witness_offset = offset;
}

static bool is_next(const struct scan *scan, const struct group_head *head)
{
    return head->seq == scan->next_seq &&
           head->epoch == manifest_epoch(scan->manifest, head->seq)->epoch &&
           (!scan->chained || head->chain == scan->chain);
}

/* The next head at or behind scan->offset that is valid; NULL if the block there begins with none. */
static const struct group_head *next_head(struct scan *scan, int32_t *error)
{
    for (;;) {
        const struct group_head *head = look_at(scan, scan->offset, sizeof *head, error);
        if (*error < 0)
            return NULL;
        if (head != NULL && group_head_valid(head, scan->manifest->log_id, scan->seed))
            return head;
        if (scan->offset % BLOCK_BYTES == 0)
            return NULL;
        scan->offset = (scan->offset + BLOCK_BYTES - 1) & ~(uint64_t)(BLOCK_BYTES - 1);
    }
}

static const struct group_head *take_group(struct scan *scan, const struct group_head *head,
                                           int32_t *error)
{
    uint64_t bytes = sizeof *head + (uint64_t)head->event_bytes;
    if (!is_next(scan, head))
        return NULL;
    head = look_at(scan, scan->offset, bytes, error);
    if (head == NULL || !group_body_valid(head, scan->seed))
        return NULL;
    note_witness(scan, head, scan->offset);
    scan->offset += bytes;
    scan->next_seq++;
    scan->chain = head->head_sum;
    scan->chained = true;
    return head;
}

const struct group_head *scan_next(struct scan *scan, int32_t *error)
{
    *error = 0;
    for (;;) {
        uint64_t begins = manifest_epoch(scan->manifest, scan->next_seq)->first_serial;
        if (scan->serial < begins)
            go_to(scan, begins);
        if (scan->file < 0 && (*error = open_segment(scan)) <= 0)
            return NULL;
        *error = 0;
        const struct group_head *head = next_head(scan, error);
        if (head == NULL)
            return NULL;
        switch ((enum group_kind)head->kind) {
        case GROUP_EVENTS:
            return take_group(scan, head, error);
        case GROUP_WITNESS:
            note_witness(scan, head, scan->offset);
            scan->offset += sizeof *head;
            break;
        case GROUP_END:
            note_witness(scan, head, scan->offset);
            go_to(scan, scan->serial + 1);
            break;
        }
    }
}

int32_t scan_witnesses(struct scan *scan, uint64_t last_serial)
{
    uint64_t offset = (scan->offset + BLOCK_BYTES - 1) & ~(uint64_t)(BLOCK_BYTES - 1);
    for (; scan->serial <= last_serial; go_to(scan, scan->serial + 1), offset = BLOCK_BYTES) {
        int32_t error = 0;
        if (scan->file < 0 && (error = open_segment(scan)) < 0)
            return error;
        const struct group_head *head;
        for (; scan->file >= 0 && (head = look_at(scan, offset, sizeof *head, &error)) != NULL;
             offset += BLOCK_BYTES)
            if (group_head_valid(head, scan->manifest->log_id, scan->seed))
                note_witness(scan, head, offset);
        if (error < 0)
            return error;
    }
    return 0;
}
