/* A reader and the writer of one catalogue entry under every interleaving of their loads and stores, up
 * to a bound of preemptions. Both are stacks; before each atomic operation the explorer chooses who
 * goes on. Depth first over all choices: a run is the list of its choices. */
#define SPATE_EXPLORE
#include "core/catalogue.c" /* the very code, over the explorer's atomics */
#include "core/table.c"

#include <stdlib.h>
#include <ucontext.h>

#include "tests/unit/test.h"

enum { STACK_BYTES = 64 << 10, CHOICES_MAX = 256, PREEMPTIONS_MAX = 5, CHANGES = 4 };

enum actor { WRITER, READER, ACTORS };

static struct explorer {
    ucontext_t main;
    ucontext_t contexts[ACTORS];
    bool done[ACTORS];
    enum actor current;
    uint32_t preemptions;
    uint8_t choices[CHOICES_MAX]; /* 0: go on, 1: the other one */
    uint32_t choice_count;
    uint32_t given_count; /* choices of the run before that are made again */
    struct catalogue *catalogue;
    uint32_t sku;
    uint64_t seen_max; /* over all runs */
    const char *failure;
} x;

static enum actor other(void)
{
    return x.current == WRITER ? READER : WRITER;
}

static void switch_to(enum actor next)
{
    enum actor from = x.current;
    x.current = next;
    swapcontext(&x.contexts[from], &x.contexts[next]);
}

static void point(void)
{
    if (x.done[other()] || x.preemptions == PREEMPTIONS_MAX)
        return;
    if (x.choice_count >= x.given_count)
        x.choices[x.choice_count] = 0;
    if (x.choices[x.choice_count++] == 0)
        return;
    x.preemptions++;
    switch_to(other());
}

uint64_t atomic_load(const struct atomic64 *cell)
{
    point();
    return cell->value;
}

void atomic_store(struct atomic64 *cell, uint64_t value)
{
    point();
    cell->value = value;
}

/* ---- the two ----------------------------------------------------------------------------------- */

static const struct text code = {"SKU-17", 6};

static struct catalogue_sku entry_of_change(uint64_t seen)
{
    struct catalogue_sku entry = {.seen = seen, .list_price = (int64_t)seen * 31, .sku = x.sku};
    entry.currency = (uint32_t)seen * 17;
    entry.flags = (uint8_t)seen;
    entry.code_bytes = (uint8_t)code.bytes;
    memcpy(entry.code, code.at, code.bytes);
    return entry;
}

static void write_changes(void)
{
    for (uint64_t seen = 1; seen <= CHANGES; seen++) {
        struct catalogue_sku entry = entry_of_change(seen);
        catalogue_publish(x.catalogue, &entry);
    }
}

static void fail_run(const char *why)
{
    if (x.failure == NULL)
        x.failure = why;
}

/* Once there, an entry stays, and is whole, and only moves on. */
static uint64_t read_one(uint64_t seen_before, bool must_be_there)
{
    struct catalogue_sku read;
    if (!catalogue_read(x.catalogue, x.sku, &read)) {
        if (must_be_there)
            fail_run("what has been found cannot be read");
        return 0;
    }
    struct catalogue_sku expected = entry_of_change(read.seen);
    if (memcmp(&read, &expected, sizeof read) != 0)
        fail_run("an entry of two changes mixed");
    if (read.seen < seen_before)
        fail_run("an entry has gone back");
    if (read.seen > x.seen_max)
        x.seen_max = read.seen;
    return read.seen;
}

static void read_changes(void)
{
    uint64_t seen = read_one(0, false);
    uint32_t found = catalogue_find(x.catalogue, code);
    if (found != 0 && found != x.sku)
        fail_run("another number was found");
    read_one(seen, found != 0 || seen != 0);
}

static void run_actor(int actor)
{
    if (actor == WRITER)
        write_changes();
    else
        read_changes();
    x.done[actor] = true;
    if (!x.done[other()])
        switch_to(other());
    swapcontext(&x.contexts[actor], &x.main);
}

/* ---- all runs ---------------------------------------------------------------------------------- */

static void forget_entry(void)
{
    uint64_t place = place_of(x.catalogue, x.sku);
    struct table *table = &x.catalogue->tables[sku_slot(x.sku)];
    memset(&x.catalogue->entries[place], 0, sizeof x.catalogue->entries[place]);
    memset(table->entries, 0, table_bytes(table->capacity));
    table->used_count = 0;
}

static void run(uint8_t stacks[ACTORS][STACK_BYTES])
{
    forget_entry();
    x.done[WRITER] = x.done[READER] = false;
    x.preemptions = 0;
    x.choice_count = 0;
    x.current = WRITER;
    for (int i = 0; i < ACTORS; i++) {
        getcontext(&x.contexts[i]);
        x.contexts[i].uc_stack.ss_sp = stacks[i];
        x.contexts[i].uc_stack.ss_size = STACK_BYTES;
        makecontext(&x.contexts[i], (void (*)(void))(uintptr_t)run_actor, 1, i);
    }
    swapcontext(&x.main, &x.contexts[WRITER]);
}

/* The next run in depth-first order; false: that was the last. */
static bool next_run(void)
{
    while (x.choice_count > 0 && x.choices[x.choice_count - 1] == 1)
        x.choice_count--;
    if (x.choice_count == 0)
        return false;
    x.choices[x.choice_count - 1] = 1;
    x.given_count = x.choice_count;
    return true;
}

static void no_interleaving_shows_an_entry_that_was_never_published(void **state)
{
    (void)state;
    const struct catalogue_options options = {.sku_count_max = 1};
    static uint8_t stacks[ACTORS][STACK_BYTES];
    size_t bytes = (catalogue_bytes(&options) + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, bytes);
    memset(memory, 0, bytes);
    x.catalogue = catalogue_init(memory, &options);
    x.sku = hash_slot(key_hash(code)) << SKU_INDEX_BITS | 1;
    uint32_t run_count = 0;
    do {
        run(stacks);
        run_count++;
        if (x.failure != NULL)
            fail_msg("run %u: %s", run_count, x.failure);
    } while (next_run());
    assert_true(run_count > 1000);
    assert_int_equal(x.seen_max, CHANGES);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_interleaving_shows_an_entry_that_was_never_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
