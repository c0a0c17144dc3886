/* spate log compact, spate log verify --state - what the helper of a server does, from outside. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "persist/archive.h"
#include "persist/compact.h"
#include "tools/log.h"
#include "tools/log_state.h"

/* ---- compact --------------------------------------------------------------------------------------- */

static int open_archive(struct log_state *state, const char *path, int32_t *archive)
{
    *archive = path != NULL ? archive_open(state->env, path) : -1;
    if (path == NULL || *archive >= 0)
        return 0;
    return log_fail(state->command, EXIT_CANNOT_CREATE, "cannot open the archive %s: %s", path,
                    *archive == -ENOTEMPTY ? "it is a data directory" : strerror(-*archive));
}

/* Not beyond what somebody was told: a start may yet give the rest to another epoch. */
static int run(struct log_state *state, int32_t archive)
{
    struct compact_options options = compact_options_default();
    options.directory = state->start.directory;
    options.archive = archive;
    options.seq = state->snapshot_count > 0 ? state->snapshots[0] : 0;
    const struct compact_log log = {.watermark = state->report.witness, .hurry = true};
    if (log.watermark == 0)
        printf("nothing has happened yet\n");
    else if (log.watermark <= options.seq)
        printf("nothing has happened since the snapshot of sequence %" PRIu64 "\n", options.seq);
    if (log.watermark <= options.seq)
        return 0;
    void *memory = log_memory(state->command, compact_bytes(&options));
    if (memory == NULL)
        return EXIT_OS;
    struct compact *compact = compact_init(memory, &options);
    do {
        (void)compact_step(compact, state->env, &log);
        struct compact_progress now = compact_progress(compact);
        log_progress_say(&state->progress, env_clock(state->env), now.what, now.done, now.all);
    } while (compact_is_running(compact));
    log_progress_end(&state->progress);
    struct compact_counts counts = compact_counts(compact);
    if (counts.rounds == 0)
        return log_fail(state->command, counts.damaged ? EXIT_DAMAGED : EXIT_IO, "%s: %s",
                        state->directory, compact_message(compact));
    printf("a snapshot of everything up to sequence %" PRIu64 ": %" PRIu64 " bytes, %" PRIu64
           " ms\n",
           counts.seq, counts.file_bytes, counts.round_ns / 1000000);
    return 0;
}

int log_compact(int argc, char **argv)
{
    const char *archive_path = NULL;
    const struct option options[] = {
        {.name = "archive",
         .value_name = "DIR",
         .help = "where segments go that no snapshot needs; otherwise they are used again",
         .kind = OPTION_TEXT,
         .into = &archive_path},
        {0},
    };
    const struct usage usage = {
        .command = "spate log compact",
        .arguments = "DIR [OPTION...]",
        .summary = "Makes a snapshot of a directory that no server has, and lets go of the log "
                   "behind the one before it.",
        .options = options,
    };
    struct log_state state;
    int32_t archive;
    int end = log_arguments(&usage, argc, argv);
    if (end >= 0)
        return end;
    end = log_state_open(&state, usage.command, argv[0], NULL);
    if (end == 0)
        end = log_state_lock(&state);
    if (end == 0)
        end = open_archive(&state, archive_path, &archive);
    if (end == 0)
        end = run(&state, archive);
    log_state_close(&state);
    return end;
}

/* ---- verify --state -------------------------------------------------------------------------------- */

struct sum {
    uint64_t records;
    uint64_t hash;
    uint32_t equation_count;
    struct equation equations[EQUATIONS_MAX];
};

static void add_records(struct sum *sum, const struct shard *shard)
{
    struct image_walk walk = {0};
    const struct record *record;
    while ((record = shard_image_next(shard, &walk)) != NULL) {
        sum->records++;
        sum->hash += record_hash(record);
    }
}

static void add_equations(struct sum *sum, const struct shard *shard)
{
    struct equation of_slot[EQUATIONS_MAX];
    sum->equation_count = shard_equations(shard, of_slot);
    for (uint32_t i = 0; i < sum->equation_count; i++) {
        sum->equations[i].name = of_slot[i].name;
        sum->equations[i].left += of_slot[i].left;
        sum->equations[i].right += of_slot[i].right;
    }
}

static int add_slots(struct log_state *state, struct sum *sum)
{
    struct shard *shard;
    int end;
    while ((shard = log_state_next(state, &end)) != NULL) {
        const char *wrong = shard_audit(shard);
        if (wrong != NULL)
            return log_fail(state->command, EXIT_DAMAGED,
                            "slot %u: this does not hold when it is counted again: %s",
                            state->fold.slot, wrong);
        add_records(sum, shard);
        add_equations(sum, shard);
    }
    for (uint32_t i = 0; end == 0 && i < sum->equation_count; i++)
        if (sum->equations[i].left != sum->equations[i].right)
            end = log_fail(state->command, EXIT_DAMAGED, "%s: %" PRId64 " is not %" PRId64,
                           sum->equations[i].name, sum->equations[i].left, sum->equations[i].right);
    return end;
}

/* From a snapshot, or (0) from the log alone, to the end; its sum must be that of the others. */
static int look_from(struct log_state *state, uint64_t snapshot, bool first, struct sum *all)
{
    struct sum sum = {0};
    int end = log_state_begin(state, snapshot);
    if (end == 0)
        end = add_slots(state, &sum);
    if (end != 0)
        return end;
    printf("state after sequence %" PRIu64 ": %016" PRIx64 ", %" PRIu64 " records; ",
           state->fold.place.seq - 1, sum.hash, sum.records);
    if (snapshot == 0)
        printf("from the log alone\n");
    else
        printf("from the snapshot of sequence %" PRIu64 "\n", snapshot);
    if (!first && sum.hash != all->hash)
        return log_fail(state->command, EXIT_DAMAGED, "that is not the same state");
    *all = sum;
    return 0;
}

static int compare_noted(const struct log_state *state, const struct sum *sum)
{
    const struct manifest *manifest = &state->manifest;
    if (manifest->state_seq == 0 || manifest->state_seq + 1 != state->start.begin.next_seq)
        return 0;
    if (manifest->state_hash != sum->hash)
        return log_fail(state->command, EXIT_DAMAGED,
                        "the server stopped with another state: %016" PRIx64, manifest->state_hash);
    printf("the server stopped with that state\n");
    return 0;
}

int log_verify_state(const char *command, const char *directory)
{
    struct log_state state;
    struct sum sum = {0};
    int end = log_state_open(&state, command, directory, NULL);
    uint32_t looked = 0;
    for (uint32_t i = 0; end == 0 && i < state.snapshot_count; i++)
        if (state.snapshots[i] + 1 >= state.manifest.begin_seq)
            end = look_from(&state, state.snapshots[i], looked++ == 0, &sum);
    if (end == 0 && state.manifest.begin_seq == 1)
        end = look_from(&state, 0, looked++ == 0, &sum);
    if (end == 0)
        end = compare_noted(&state, &sum);
    log_state_close(&state);
    return end;
}
