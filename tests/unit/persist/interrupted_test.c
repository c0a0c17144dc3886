/* A round of compaction that is not left to come to its end: the process is killed, or the power cut,
 * before each thing that it would have changed or synced next. What is there then is whole, nothing is
 * lost, and the next round succeeds. And each of its syncs is needed: without it, that is not so. */
#include "tests/unit/persist/shop_log.h"

struct ending {
    bool power_cut;      /* or the process killed */
    uint64_t names_kept; /* as memory_cut has it */
};
static const struct ending killed, power_cut = {true, NAMES_LOST},
                                   power_cut_but_for_names = {true, NAMES_KEPT};

/* Every step of a round that changes or syncs anything, in their order; `name` is how a name begins. */
static const struct memory_step steps[] = {
    {ENV_OPEN, "lanes.tmp"},      {ENV_UNLINK, "lanes.tmp"},     {ENV_WRITE, "lanes.tmp"},
    {ENV_OPEN, "snapshot.tmp"},   {ENV_WRITE, "snapshot.tmp"},   {ENV_FSYNC, "snapshot.tmp"},
    {ENV_RENAME, "snapshot.tmp"}, {ENV_FSYNC, MEMORY_DATA_NAME}, {ENV_OPEN, "manifest.tmp"},
    {ENV_WRITE, "manifest.tmp"},  {ENV_FSYNC, "manifest.tmp"},   {ENV_RENAME, "manifest.tmp"},
    {ENV_UNLINK, "snapshot-"},    {ENV_OPEN, "archiving.tmp"},   {ENV_WRITE, "archiving.tmp"},
    {ENV_FSYNC, "archiving.tmp"}, {ENV_RENAME, "archiving.tmp"}, {ENV_FSYNC, "archive/"},
    {ENV_RENAME, "log-"},
};
enum { STEPS = sizeof steps / sizeof *steps };

static void end(struct fixture *f, struct ending ending)
{
    if (ending.power_cut)
        memory_cut(f->env, ending.names_kept);
    else
        memory_kill(f->env);
}

static bool same_bytes(const struct memory_file *a, const struct memory_file *b)
{
    return b != NULL && a->bytes == b->bytes && memcmp(a->data, b->data, a->bytes) == 0;
}

static bool is_whole(struct fixture *f, const char *name)
{
    static _Alignas(BLOCK_BYTES) uint8_t block[SNAPSHOT_BLOCK_BYTES];
    struct snapshot_reader reader;
    return snapshot_verify(&reader, f->env, MEMORY_DIRECTORY, name, f->start.begin.log_id,
                           (void *)block) == 0;
}

static bool has_groups(const struct memory_file *file)
{
    const struct group_head *first = (const void *)(file->data + BLOCK_BYTES);
    return file->links > 0 && strncmp(file->name, "log-", 4) == 0 && first->magic == GROUP_MAGIC;
}

/* What has the name of a snapshot is one; what has a name in the archive is what had it before;
 * and what had groups in the directory is there still, or is in the archive. */
static bool files_are_whole(struct fixture *f, uint32_t *archived)
{
    bool whole = true;
    *archived = 0;
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        const struct memory_file *file = &f->env->files[i], *was = &f->before->files[i];
        bool is_archived = file->links > 0 && file->directory == MEMORY_ARCHIVE &&
                           strcmp(file->name, "archiving.tmp") != 0;
        if (file->links > 0 && strncmp(file->name, "snapshot-", 9) == 0)
            whole &= is_whole(f, file->name);
        if (is_archived)
            whole &= same_bytes(file, memory_find(f->before, file->name)) ||
                     same_bytes(file, memory_find_in(f->before, MEMORY_ARCHIVE, file->name));
        if (has_groups(was))
            whole &= memory_find(f->env, was->name) != NULL ||
                     memory_find_in(f->env, MEMORY_ARCHIVE, was->name) != NULL;
        *archived += is_archived;
    }
    return whole;
}

static bool starts_again(struct fixture *f)
{
    memory_kill(f->env);
    if (!begin(f) || shop_hash(f->found) != shop_hash(f->shop))
        return false;
    shop_audit(f->found);
    serve(f);
    return true;
}

static bool goes_on(struct fixture *f)
{
    f->env->clock_ns += UINT64_C(100000000000);
    return (f->report.snapshot == f->shop->seq || compact(f)) && starts_again(f) &&
           f->report.groups == 0;
}

/* So much of the past that a round has everything to do. */
static void prepare(struct fixture *f, struct ending ending)
{
    f->archive = MEMORY_ARCHIVE;
    restart(f);
    for (uint32_t round = 0; round < 2; round++) {
        trade(f, 130);
        assert_true(compact(f));
    }
    trade(f, 900); /* a lane goes beyond its chunk in memory */
    end(f, ending);
    memory_copy(f->before, f->env);
}

/* One round that may change so much. */
struct trial {
    struct ending ending;
    struct memory_step deaf;
    uint64_t changes;
    bool finished;             /* none of that has stopped it */
    struct memory_step before; /* what it was stopped before */
    uint32_t archived;
    uint32_t names; /* that were undecided when it ended */
};

static bool survives(struct fixture *f, struct trial *trial)
{
    memory_copy(f->env, f->before);
    restart(f);
    f->env->stopped_at.name[0] = 0;
    f->env->changes_left = trial->changes;
    f->env->deaf = trial->deaf;
    trial->finished = compact(f);
    trial->before = f->env->stopped_at;
    if (trial->finished && strcmp(trial->deaf.name, MEMORY_DATA_NAME) != 0)
        memory_sync_names(f->env, MEMORY_DIRECTORY); /* as the log does for its next segment */
    trial->names = memory_undecided_names(f->env);
    end(f, trial->ending);
    if (!starts_again(f) || !files_are_whole(f, &trial->archived))
        return false;
    if (trial->finished && f->report.snapshot != f->shop->seq)
        return false;
    return goes_on(f);
}

/* The one that the trial has ended before. */
static uint32_t step_of(const struct trial *trial)
{
    for (uint32_t i = 0; i < STEPS; i++)
        if (steps[i].kind == trial->before.kind &&
            strncmp(steps[i].name, trial->before.name, strlen(steps[i].name)) == 0)
            return i;
    fail_msg("no step is known that does %u to %s", trial->before.kind, trial->before.name);
    return 0;
}

static void interrupt_everywhere(struct fixture *f, struct ending ending)
{
    uint32_t interrupted[STEPS] = {0};
    struct trial trial = {.ending = ending};
    prepare(f, ending);
    for (; !trial.finished; trial.changes++) {
        if (!survives(f, &trial))
            fail_msg("ended before %u of %s: %s", trial.before.kind, trial.before.name,
                     f->report.message);
        if (!trial.finished)
            interrupted[step_of(&trial)]++;
    }
    for (uint32_t i = 0; i < STEPS; i++)
        if (interrupted[i] == 0)
            fail_msg("no round has ended before %u of %s", steps[i].kind, steps[i].name);
    assert_true(trial.archived > 0);
}

static void a_round_can_be_killed_before_each_of_its_steps(void **state)
{
    interrupt_everywhere(*state, killed);
}

static void power_can_be_cut_before_each_step_of_a_round(void **state)
{
    interrupt_everywhere(*state, power_cut);
}

static void power_can_be_cut_when_names_have_reached_the_device_before_bytes(void **state)
{
    interrupt_everywhere(*state, power_cut_but_for_names);
}

/* Each name alone, and all but each. */
static void power_can_be_cut_when_some_names_have_reached_the_device_and_others_not(void **state)
{
    struct fixture *f = *state;
    struct trial trial = {.ending = power_cut};
    uint32_t mixed = 0;
    prepare(f, power_cut);
    for (; !trial.finished; trial.changes++)
        for (uint32_t number = 0; number == 0 || number < 2 * trial.names; number++) {
            uint64_t one = UINT64_C(1) << number / 2;
            trial.ending.names_kept = number % 2 == 0 ? one : ~one;
            if (!survives(f, &trial))
                fail_msg("ended before %u of %s: %s", trial.before.kind, trial.before.name,
                         f->report.message);
            mixed += trial.names > 1;
        }
    assert_in_range(mixed, 20, 100000);
}

/* Whether some cut of power is felt when this sync is left out. */
static bool is_felt(struct fixture *f, const struct memory_step *sync, struct ending ending)
{
    struct trial trial = {.ending = ending, .deaf = *sync};
    for (; !trial.finished; trial.changes++)
        if (!survives(f, &trial))
            return true;
    return false;
}

static void a_cut_of_power_is_felt_if_any_sync_of_a_round_is_left_out(void **state)
{
    struct fixture *f = *state;
    prepare(f, power_cut);
    for (uint32_t i = 0; i < STEPS; i++)
        if (steps[i].kind == ENV_FSYNC && !is_felt(f, &steps[i], power_cut) &&
            !is_felt(f, &steps[i], power_cut_but_for_names))
            fail_msg("nobody misses the sync of %s", steps[i].name);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_round_can_be_killed_before_each_of_its_steps),
        TEST(power_can_be_cut_before_each_step_of_a_round),
        TEST(power_can_be_cut_when_names_have_reached_the_device_before_bytes),
        TEST(power_can_be_cut_when_some_names_have_reached_the_device_and_others_not),
        TEST(a_cut_of_power_is_felt_if_any_sync_of_a_round_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
