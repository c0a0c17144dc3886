#include "persist/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- names ------------------------------------------------------------------------------------- */

void snapshot_name(char out[SNAPSHOT_NAME_BYTES], uint64_t seq)
{
    snprintf(out, SNAPSHOT_NAME_BYTES, "snapshot-%020llu.img", (unsigned long long)seq);
}

/* 0: not the name of a snapshot. */
static uint64_t seq_of(const char *name)
{
    char again[SNAPSHOT_NAME_BYTES];
    if (strncmp(name, "snapshot-", 9) != 0)
        return 0;
    uint64_t seq = strtoull(name + 9, NULL, 10);
    snapshot_name(again, seq);
    return strcmp(name, again) == 0 ? seq : 0;
}

uint32_t snapshot_list(const char *names, uint32_t count, uint64_t seqs[SNAPSHOTS_MAX])
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++, names += strlen(names) + 1) {
        uint64_t seq = seq_of(names);
        uint32_t at = found;
        if (seq == 0)
            continue;
        for (; at > 0 && seqs[at - 1] < seq; at--)
            if (at < SNAPSHOTS_MAX)
                seqs[at] = seqs[at - 1];
        if (at < SNAPSHOTS_MAX)
            seqs[at] = seq;
        found += found < SNAPSHOTS_MAX;
    }
    return found;
}

struct place snapshot_place(const struct snapshot_head *head)
{
    return (struct place){head->serial, head->offset, head->seq + 1, head->chain};
}

/* ---- sums -------------------------------------------------------------------------------------- */

static uint64_t head_sum(struct snapshot_head head)
{
    head.checksum = 0;
    return XXH3_64bits(&head, sizeof head);
}

static uint64_t block_sum(const struct snapshot_head *head, uint64_t number,
                          const struct snapshot_block *block)
{
    const uint64_t which[] = {head->log_id, head->seq, number};
    uint64_t seed = XXH3_64bits(which, sizeof which);
    return XXH3_64bits_withSeed(&block->bytes, block->bytes - sizeof block->sum, seed);
}

static uint64_t block_offset(uint64_t number)
{
    return BLOCK_BYTES + number * SNAPSHOT_BLOCK_BYTES;
}

/* ---- writing ----------------------------------------------------------------------------------- */

static int32_t write_all(struct env *env, int32_t file, uint64_t offset, void *data, uint32_t bytes)
{
    int32_t wrote = env_do(
        env, &(struct env_op){
                 .kind = ENV_WRITE, .file = file, .offset = offset, .data = data, .bytes = bytes});
    if (wrote < 0)
        return wrote;
    return (uint32_t)wrote == bytes ? 0 : -ENOSPC;
}

static void close_file(struct env *env, int32_t *file)
{
    if (*file >= 0)
        (void)!env_do(env, &(struct env_op){.kind = ENV_CLOSE, .file = *file});
    *file = -1;
}

static void begin_block(struct snapshot_writer *writer)
{
    *writer->block = (struct snapshot_block){.bytes = sizeof *writer->block};
}

int32_t snapshot_create(struct snapshot_writer *writer, struct env *env, int32_t directory,
                        void *block, const struct snapshot_head *facts)
{
    *writer = (struct snapshot_writer){
        .env = env, .directory = directory, .head = *facts, .block = block, .file = -1};
    writer->head.magic = SNAPSHOT_MAGIC;
    writer->head.version = SNAPSHOT_VERSION;
    begin_block(writer);
    writer->file = segment_open(env, directory, SNAPSHOT_MAKING, O_CREAT | O_TRUNC | O_WRONLY);
    return writer->file < 0 ? writer->file : 0;
}

static int32_t write_block(struct snapshot_writer *writer, uint64_t bytes)
{
    struct snapshot_block *block = writer->block;
    uint64_t number = writer->head.block_count++;
    block->sum = block_sum(&writer->head, number, block);
    memset((char *)block + block->bytes, 0, bytes - block->bytes);
    int32_t error =
        write_all(writer->env, writer->file, block_offset(number), block, (uint32_t)bytes);
    begin_block(writer);
    return error;
}

int32_t snapshot_add(struct snapshot_writer *writer, const struct record *record)
{
    int32_t error = 0;
    if (writer->block->bytes + record->bytes > SNAPSHOT_BLOCK_BYTES)
        error = write_block(writer, SNAPSHOT_BLOCK_BYTES);
    struct snapshot_block *block = writer->block;
    memcpy((char *)block + block->bytes, record, record->bytes);
    block->bytes += record->bytes;
    block->record_count++;
    writer->head.record_count++;
    writer->head.record_bytes += record->bytes;
    writer->head.state_hash += record_hash(record);
    return error;
}

static int32_t write_head(struct snapshot_writer *writer)
{
    struct snapshot_head *head = (void *)writer->block;
    memset(head, 0, BLOCK_BYTES);
    writer->head.checksum = head_sum(writer->head);
    *head = writer->head;
    return write_all(writer->env, writer->file, 0, head, BLOCK_BYTES);
}

int32_t snapshot_finish(struct snapshot_writer *writer)
{
    uint64_t last_bytes = block_align(writer->block->bytes);
    writer->head.file_bytes = block_offset(writer->head.block_count) + last_bytes;
    int32_t error = write_block(writer, last_bytes);
    if (error == 0)
        error = write_head(writer);
    if (error == 0)
        error = env_do(writer->env, &(struct env_op){.kind = ENV_FSYNC, .file = writer->file});
    close_file(writer->env, &writer->file);
    return error;
}

void snapshot_abandon(struct snapshot_writer *writer)
{
    close_file(writer->env, &writer->file);
    (void)!env_do(
        writer->env,
        &(struct env_op){.kind = ENV_UNLINK, .file = writer->directory, .path = SNAPSHOT_MAKING});
}

int32_t snapshot_publish(struct env *env, int32_t directory, uint64_t seq)
{
    char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(name, seq);
    int32_t error = env_do(
        env, &(struct env_op){
                 .kind = ENV_RENAME, .file = directory, .path = SNAPSHOT_MAKING, .path_to = name});
    if (error == 0)
        error = env_do(env, &(struct env_op){.kind = ENV_FSYNC, .file = directory});
    return error;
}

/* ---- reading ----------------------------------------------------------------------------------- */

enum { NOT_YET = INT32_MIN }; /* no errno */

static int32_t read_some(struct snapshot_reader *reader, uint64_t offset, uint64_t bytes)
{
    return env_do(reader->env, &(struct env_op){.kind = ENV_READ,
                                                .file = reader->file,
                                                .offset = offset,
                                                .data = reader->block,
                                                .bytes = (uint32_t)bytes});
}

/* The reader has it only if it is right. */
static int32_t read_head(struct snapshot_reader *reader, uint64_t log_id)
{
    struct snapshot_head head;
    int32_t got = read_some(reader, 0, BLOCK_BYTES);
    if (got < (int32_t)sizeof head)
        return got < 0 ? got : -EBADMSG;
    memcpy(&head, reader->block, sizeof head);
    if (head.magic != SNAPSHOT_MAGIC || head.checksum != head_sum(head))
        return -EBADMSG;
    if (head.version != SNAPSHOT_VERSION)
        return -EPROTO;
    if (head.log_id != log_id)
        return -EXDEV;
    int64_t bytes = env_file_bytes(reader->env, reader->file);
    if (bytes < 0)
        return (int32_t)bytes;
    bool fits = (uint64_t)bytes == head.file_bytes && head.block_count > 0 &&
                head.file_bytes > block_offset(head.block_count - 1) &&
                head.file_bytes <= block_offset(head.block_count);
    if (!fits)
        return -EBADMSG;
    reader->head = head;
    return 0;
}

int32_t snapshot_open(struct snapshot_reader *reader, struct env *env, int32_t directory,
                      const char *name, uint64_t log_id, void *block)
{
    *reader = (struct snapshot_reader){.env = env, .block = block, .runs = 1, .file = -1};
    reader->file = segment_open(env, directory, name, O_RDONLY);
    if (reader->file < 0)
        return reader->file;
    int32_t error = read_head(reader, log_id);
    if (error < 0)
        snapshot_close(reader);
    return error;
}

static bool records_valid(struct snapshot_reader *reader)
{
    const struct snapshot_block *block = reader->block;
    const struct record *record = snapshot_records(block);
    uint64_t left = block->bytes - sizeof *block;
    for (uint32_t i = 0; i < block->record_count; i++, record = record_next(record)) {
        if (!record_valid(record, left))
            return false;
        left -= record->bytes;
        if (reader->hashes)
            reader->record_hash += record_hash(record);
    }
    return left == 0;
}

static bool block_valid(const struct snapshot_reader *reader, uint64_t number, uint64_t got)
{
    const struct snapshot_block *block = reader->block;
    return got >= sizeof *block && block->bytes >= sizeof *block && block->bytes <= got &&
           block->sum == block_sum(&reader->head, number, block);
}

void snapshot_read_ahead(struct snapshot_reader *reader, void *memory, uint32_t runs)
{
    reader->runs = runs;
    reader->first = (uint8_t *)reader->block;
    reader->ahead = memory;
}

/* Which block is read as the so-many'th: the next one of each run by turns. Where the runs are not of
 * the same length, the first ones have one more. */
static uint64_t number_of(const struct snapshot_reader *reader, uint64_t nth)
{
    uint64_t run = nth % reader->runs, longer = reader->head.block_count % reader->runs;
    return run * (reader->head.block_count / reader->runs) + (run < longer ? run : longer) +
           nth / reader->runs;
}

static struct snapshot_block *place_of(const struct snapshot_reader *reader, uint64_t nth)
{
    uint64_t turn = nth % (1 + SNAPSHOT_AHEAD);
    return (void *)(turn == 0 ? reader->first : reader->ahead + (turn - 1) * SNAPSHOT_BLOCK_BYTES);
}

/* As many as there are places for: the block that was looked at last is no longer needed. */
static void ask_ahead(struct snapshot_reader *reader)
{
    uint64_t end = reader->next_block + 1 + SNAPSHOT_AHEAD;
    for (; reader->asked < end && reader->asked < reader->head.block_count; reader->asked++) {
        uint64_t turn = reader->asked % (1 + SNAPSHOT_AHEAD);
        reader->got[turn] = NOT_YET;
        reader->reading++;
        env_submit(reader->env,
                   &(struct env_op){.kind = ENV_READ,
                                    .file = reader->file,
                                    .offset = block_offset(number_of(reader, reader->asked)),
                                    .data = place_of(reader, reader->asked),
                                    .bytes = SNAPSHOT_BLOCK_BYTES,
                                    .user = turn});
    }
    env_flush(reader->env);
}

void snapshot_pause(struct snapshot_reader *reader, uint64_t until_ns)
{
    struct env_done done;
    if (env_reap(reader->env, &done, 1, until_ns) == 0)
        return;
    reader->got[done.user] = done.result;
    reader->reading--;
}

static int32_t read_block(struct snapshot_reader *reader, uint64_t nth)
{
    if (reader->ahead == NULL)
        return read_some(reader, block_offset(nth), SNAPSHOT_BLOCK_BYTES);
    ask_ahead(reader);
    while (reader->got[nth % (1 + SNAPSHOT_AHEAD)] == NOT_YET)
        snapshot_pause(reader, UINT64_MAX);
    reader->block = place_of(reader, nth);
    return reader->got[nth % (1 + SNAPSHOT_AHEAD)];
}

const struct snapshot_block *snapshot_next(struct snapshot_reader *reader, int32_t *error)
{
    *error = 0;
    uint64_t nth = reader->next_block;
    if (nth == reader->head.block_count) {
        *error = reader->hashes && reader->record_hash != reader->head.state_hash ? -EBADMSG : 0;
        return NULL;
    }
    int32_t got = read_block(reader, nth);
    if (got < 0)
        *error = got;
    else if (!block_valid(reader, number_of(reader, nth), (uint64_t)got) || !records_valid(reader))
        *error = -EBADMSG;
    if (*error < 0)
        return NULL;
    reader->next_block++;
    return reader->block;
}

const char *snapshot_fault(int32_t error)
{
    switch (error) {
    case -EBADMSG:
        return "it is damaged";
    case -EPROTO:
        return "it was written by a version of Spate with another format of snapshots; start that "
               "one";
    case -EXDEV:
        return "it belongs to another log";
    }
    return strerror(-error);
}

void snapshot_close(struct snapshot_reader *reader)
{
    while (reader->reading > 0)
        snapshot_pause(reader, UINT64_MAX);
    close_file(reader->env, &reader->file);
}

int32_t snapshot_verify(struct snapshot_reader *reader, struct env *env, int32_t directory,
                        const char *name, uint64_t log_id, void *block)
{
    int32_t error = snapshot_open(reader, env, directory, name, log_id, block);
    reader->hashes = true;
    while (error == 0 && snapshot_next(reader, &error) != NULL)
        continue;
    snapshot_close(reader);
    return error;
}
