#include "persist/sparse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "persist/segment.h"

enum { PROBE_BYTES = 64 << 10, READ_BYTES = SPARSE_STRIDE_BYTES };
static const uint64_t NOWHERE = UINT64_MAX;

void sparse_init(struct sparse *sparse, void *zeroed_memory, int32_t directory, int32_t archive,
                 uint64_t log_id)
{
    uint8_t *at = zeroed_memory;
    *sparse = (struct sparse){
        .directory = directory, .archive = archive, .log_id = log_id, .file = -1, .window = at};
    at += SPARSE_WINDOW_BYTES;
    sparse->names = (char *)at;
    at += SPARSE_NAMES_BYTES;
    sparse->entries = (void *)at;
    at += SPARSE_ENTRIES * sizeof *sparse->entries;
    sparse->places = (void *)at;
}

/* ---- segments ---------------------------------------------------------------------------------------- */

static int compare_places(const void *left, const void *right)
{
    const struct sparse_place *a = left, *b = right;
    return a->serial != b->serial ? (a->serial < b->serial ? -1 : 1) : a->directory - b->directory;
}

/* Names are sorted: what finds no room is the newest here, and so the directory goes before the
 * archive. */
static void add_places(struct sparse *sparse, int32_t directory)
{
    const char *name = sparse->names;
    int32_t count = env_list(sparse->env, directory, sparse->names, SPARSE_NAMES_BYTES);
    if (count < 0)
        sparse->error = count;
    for (int32_t i = 0; i < count && sparse->place_count < SPARSE_SEGMENTS;
         i++, name += strlen(name) + 1) {
        uint64_t serial = segment_serial(name);
        if (serial != 0)
            sparse->places[sparse->place_count++] = (struct sparse_place){serial, directory};
    }
}

void sparse_begin(struct sparse *sparse, struct env *env)
{
    sparse->env = env;
    sparse->error = 0;
    sparse->place_count = 0;
    add_places(sparse, sparse->directory);
    if (sparse->archive >= 0)
        add_places(sparse, sparse->archive);
    qsort(sparse->places, sparse->place_count, sizeof sparse->places[0], compare_places);
}

void sparse_end(struct sparse *sparse)
{
    if (sparse->file >= 0)
        (void)!env_do(sparse->env, &(struct env_op){.kind = ENV_CLOSE, .file = sparse->file});
    sparse->file = -1;
}

/* False: it has just been put away; or it cannot be opened, which is an error. */
static bool open_place(struct sparse *sparse, const struct sparse_place *place)
{
    char name[SEGMENT_NAME_BYTES];
    if (sparse->file >= 0 && compare_places(&sparse->open, place) == 0)
        return true;
    sparse_end(sparse);
    segment_name(name, place->serial);
    sparse->file = segment_open(sparse->env, place->directory, name, O_RDONLY);
    int64_t bytes = sparse->file < 0 ? sparse->file : env_file_bytes(sparse->env, sparse->file);
    if (bytes < 0 && bytes != -ENOENT)
        sparse->error = (int32_t)bytes;
    if (bytes < 0)
        return false;
    sparse->open = *place;
    sparse->file_bytes = (uint64_t)bytes;
    sparse->seed = group_seed(sparse->log_id, place->serial);
    return true;
}

/* Into the window at `at`: whole blocks from `offset` on. How many bytes there are. */
static uint32_t read_at(struct sparse *sparse, uint64_t offset, uint32_t bytes, uint64_t at)
{
    int32_t got = env_do(sparse->env, &(struct env_op){.kind = ENV_READ,
                                                       .file = sparse->file,
                                                       .offset = offset,
                                                       .data = sparse->window + at,
                                                       .bytes = bytes});
    if (got < 0) {
        sparse->error = got;
        return 0;
    }
    sparse->read_bytes += (uint32_t)got;
    return (uint32_t)got & ~(uint32_t)(BLOCK_BYTES - 1);
}

/* ---- entries ----------------------------------------------------------------------------------------- */

/* Looks from block to block for a write. At most so far as the longest write that could cover them. */
static struct sparse_entry probe(struct sparse *sparse, uint64_t stride)
{
    uint64_t offset = stride == 0 ? BLOCK_BYTES : stride * SPARSE_STRIDE_BYTES;
    uint64_t end = offset + WRITE_BYTES_MAX;
    while (offset < end) {
        uint32_t got = read_at(sparse, offset, PROBE_BYTES, 0);
        for (uint32_t at = 0; at < got; at += BLOCK_BYTES) {
            const struct group_head *head = (const void *)(sparse->window + at);
            if (!group_head_valid(head, sparse->log_id, sparse->seed))
                continue;
            if (head->kind == GROUP_EVENTS)
                return (struct sparse_entry){sparse->open.serial, stride, head->seq, offset + at};
            if (head->kind == GROUP_END)
                return (struct sparse_entry){.seq = NOWHERE};
            end = offset + at + BLOCK_BYTES + WRITE_BYTES_MAX;
        }
        if (got < PROBE_BYTES)
            break;
        offset += got;
    }
    return (struct sparse_entry){.seq = NOWHERE};
}

static struct sparse_entry entry_of(struct sparse *sparse, const struct sparse_place *place,
                                    uint64_t stride)
{
    uint64_t at = (place->serial * (SPARSE_ENTRIES / 64) + stride) % SPARSE_ENTRIES;
    struct sparse_entry *known = &sparse->entries[at];
    if (known->serial == place->serial && known->stride == stride)
        return *known;
    if (!open_place(sparse, place))
        return (struct sparse_entry){.seq = NOWHERE};
    struct sparse_entry found = probe(sparse, stride);
    if (found.serial != 0)
        *known = found;
    return found;
}

/* The last segment whose first group stands at or before that sequence; NULL: there is none. Segments
 * without any group, which nobody has come to use, are passed over. */
static const struct sparse_place *place_of(struct sparse *sparse, uint64_t seq)
{
    uint32_t low = 0, high = sparse->place_count;
    while (low < high && sparse->error == 0) {
        uint32_t middle = low + (high - low) / 2, used = middle;
        uint64_t first = NOWHERE;
        while (used < high && (first = entry_of(sparse, &sparse->places[used], 0).seq) == NOWHERE)
            used++;
        if (first <= seq)
            low = used + 1;
        else
            high = middle;
    }
    return low > 0 ? &sparse->places[low - 1] : NULL;
}

static struct sparse_entry find_entry(struct sparse *sparse, const struct sparse_place *place,
                                      uint64_t seq)
{
    struct sparse_entry best = entry_of(sparse, place, 0);
    uint64_t low = 1;
    uint64_t high = open_place(sparse, place) ? sparse->file_bytes / SPARSE_STRIDE_BYTES : 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct sparse_entry entry = entry_of(sparse, place, middle);
        if (entry.seq <= seq) {
            best = entry;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return best;
}

/* ---- groups ------------------------------------------------------------------------------------------ */

/* The first group at or behind `at` of the window that is all there; NULL: none yet, and *at is where
 * it may begin. */
static const struct group_head *group_from(const struct sparse *sparse, uint64_t *at)
{
    while (*at + sizeof(struct group_head) <= sparse->window_bytes) {
        const struct group_head *head = (const void *)(sparse->window + *at);
        bool is_head = group_head_valid(head, sparse->log_id, sparse->seed);
        if (is_head && *at + sizeof *head + head->event_bytes > sparse->window_bytes)
            return NULL;
        if (is_head && head->kind == GROUP_EVENTS)
            return head;
        *at = (*at & ~(uint64_t)(BLOCK_BYTES - 1)) + BLOCK_BYTES;
    }
    return NULL;
}

static uint64_t behind(const struct sparse *sparse, const struct group_head *head)
{
    uint64_t begin = (uint64_t)((const uint8_t *)head - sparse->window);
    return begin + sizeof *head + head->event_bytes;
}

/* Reads from the entry on until the group is there. */
static const struct group_head *walk_to(struct sparse *sparse, const struct sparse_entry *entry,
                                        uint64_t seq)
{
    uint64_t at = 0;
    sparse->window_bytes = 0;
    while (sparse->error == 0 && sparse->window_bytes + READ_BYTES <= SPARSE_WINDOW_BYTES) {
        uint32_t got =
            read_at(sparse, entry->offset + sparse->window_bytes, READ_BYTES, sparse->window_bytes);
        const struct group_head *head;
        sparse->window_bytes += got;
        for (; (head = group_from(sparse, &at)) != NULL; at = behind(sparse, head))
            if (head->seq >= seq)
                return head->seq == seq && group_body_valid(head, sparse->seed) ? head : NULL;
        if (got < READ_BYTES)
            break;
    }
    return NULL;
}

static const struct group_head *find_group(struct sparse *sparse, uint64_t seq)
{
    const struct sparse_place *place = place_of(sparse, seq);
    if (place == NULL || !open_place(sparse, place))
        return NULL;
    struct sparse_entry entry = find_entry(sparse, place, seq);
    return entry.seq <= seq && open_place(sparse, place) ? walk_to(sparse, &entry, seq) : NULL;
}

/* A segment may be archived, and used again, while it is read: it is looked for once more. */
const struct group_head *sparse_group(struct sparse *sparse, uint64_t seq)
{
    const struct group_head *head = find_group(sparse, seq);
    if (head == NULL && sparse->error == 0) {
        sparse_end(sparse);
        sparse_begin(sparse, sparse->env);
        head = find_group(sparse, seq);
    }
    return head;
}

const struct group_head *sparse_next(const struct sparse *sparse, const struct group_head *head)
{
    uint64_t at = head != NULL ? behind(sparse, head) : 0;
    return group_from(sparse, &at);
}
