/* spate-model - random histories of a shop, core against a model that is slow and obvious.
 *
 * Every episode begins with an empty shop of one to four shards, in a process of its own, and ends with
 * its journal put through recovery into another number of shards, which must arrive at the same state.
 * After every step the answers agree; after every hundred the equations are recomputed and all stock is
 * compared; and in every second episode the shop goes on in shards loaded from images, so that whatever an
 * image forgets is missed from then on.
 *
 * An episode that fails is taken again with ever fewer of its steps, as long as it fails, and what is
 * left is printed as a script. Whatever is left out, the numbers of orders, transfers and keys stay what
 * they were, so that the steps that are left mean the same things. */
#include "tests/model/history.h"

#include <sys/wait.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/order.h"
#include "core/refund.h"
#include "core/return.h"
#include "core/shape.h"
#include "core/shipment.h"
#include "tools/options.h"

static const struct step *const tables[] = {order_steps,  act_steps,   money_steps,
                                            parcel_steps, stock_steps, time_steps};

/* ---- an episode ------------------------------------------------------------------------------------- */

struct episode {
    uint64_t seed;
    uint64_t number;
    uint32_t step_count;
    bool is_less; /* some steps may be left out */
    bool skipped[EPISODE_STEPS];
};

/* What all processes of a run share: what has been taken; how many steps the episode that was taken
 * whole last has begun; and the numbers before each of them. */
struct shared {
    struct tally tally;
    uint32_t begun;
    struct numbers before[EPISODE_STEPS];
};

/* A shop without SKUs and stock has little to say. */
static uint32_t weight_of(const struct history *h, const struct step *step)
{
    return step->opens && h->number < OPENING_STEPS ? 60 * step->weight : step->weight;
}

static uint32_t draw_step(struct history *h, const struct step **step)
{
    uint32_t sum = 0, index = 0;
    for (uint32_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct step *s = tables[t]; s->name != NULL; s++)
            sum += weight_of(h, s);
    uint64_t at = draw(h, sum);
    for (uint32_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (*step = tables[t]; (*step)->name != NULL; (*step)++, index++) {
            if (at < weight_of(h, *step))
                return index;
            at -= weight_of(h, *step);
        }
    return index;
}

static void compare_all(struct history *h)
{
    for (uint32_t i = 0; i < h->shop->shard_count; i++) {
        const char *broken = shard_audit(h->shop->shards[i]);
        if (broken != NULL)
            disagree(h, "recomputed from scratch, this does not hold: %s", broken);
    }
    for (uint32_t sku = 0; sku < NAIVE_SKUS; sku++)
        compare_stock(h, sku);
    compare_tasks(h);
}

/* The journal, put through recovery into another number of shards. */
static void compare_recovered(struct history *h)
{
    uint32_t shard_count = 1 + (uint32_t)draw(h, 4);
    struct shop *again = shop_replay(h->shop, shard_count);
    if (shop_hash(again) != shop_hash(h->shop))
        disagree(h, "%u shards that are recovered from the journal have another state",
                 shard_count);
    shop_close(again);
}

static void go_through_images(struct history *h)
{
    uint64_t hash = shop_hash(h->shop), clock_ns = h->shop->clock_ns;
    h->shop = shop_reopen(h->shop, 1 + (uint32_t)draw(h, 4));
    if (shop_hash(h->shop) != hash)
        disagree(h, "%u shards that are loaded from images have another state",
                 h->shop->shard_count);
    /* Awake at this moment, by both clocks: no time was missed. */
    shop_wake(h->shop);
    h->shop->clock_ns = clock_ns;
    shop_wake(h->shop);
}

/* Payments and refunds, as the slices of one episode leave them; by a digest of their names. */
struct child_state {
    uint64_t name;
    uint8_t state;
};
enum { CHILDREN_MAX = 1 << 16 };

static uint8_t *child_state(struct child_state *table, const char *texts, uint32_t bytes)
{
    uint64_t name = digest(texts, bytes, 1);
    uint64_t at = name % CHILDREN_MAX;
    while (table[at].name != 0 && table[at].name != name)
        at = (at + 1) % CHILDREN_MAX;
    table[at].name = name;
    return &table[at].state;
}

static void count_money(struct tally *tally, struct child_state *table, const struct slice *slice)
{
    const struct slice_payment *payment = (const void *)slice;
    const struct slice_refund *refund = (const void *)slice;
    if (slice->kind == SLICE_PAYMENT) {
        uint32_t bytes = payment->text_bytes[0] + payment->text_bytes[1];
        uint8_t *state = child_state(table, (const char *)(payment + 1), bytes);
        tally->payment_moves[*state][payment->state]++;
        *state = payment->state;
    } else if (slice->kind == SLICE_REFUND) {
        uint32_t bytes = 0;
        for (uint32_t i = 0; i < SLICE_REFUND_REASON; i++)
            bytes += refund->text_bytes[i];
        uint8_t *state = child_state(table, (const char *)(refund + 1), bytes);
        tally->refund_moves[*state][refund->state]++;
        *state = refund->state;
    }
}

static void count_parcels(struct tally *tally, const struct slice *slice)
{
    const struct slice_shipment_moved *shipment = (const void *)slice;
    const struct slice_return_moved *r = (const void *)slice;
    if (slice->kind == SLICE_SHIPMENT_MOVED)
        tally->shipment_moves[shipment->from][shipment->to]++;
    if (slice->kind == SLICE_RETURN_MOVED)
        tally->return_moves[r->from][r->to]++;
}

static void count_slices(struct tally *tally, struct child_state *table, const struct event *event)
{
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        const struct slice_order_moved *moved = (const void *)slice;
        if (slice->kind == SLICE_ORDER_PLACED)
            tally->moves[0][((const struct slice_order_placed *)(const void *)slice)->state]++;
        if (slice->kind == SLICE_ORDER_MOVED)
            tally->moves[moved->from][moved->to]++;
        count_money(tally, table, slice);
        count_parcels(tally, slice);
    }
}

static void count_events(const struct history *h)
{
    const struct shop_pile *journal = &h->shop->journal;
    struct child_state *table = calloc(CHILDREN_MAX, sizeof *table);
    if (table == NULL)
        exit(71);
    for (size_t at = 0; at < journal->used;) {
        uint64_t head[2];
        memcpy(head, journal->at + at, sizeof head);
        at += sizeof head;
        for (uint64_t i = 0; i < head[1]; i++) {
            const struct event *event = (const void *)(journal->at + at);
            h->tally->events[event->kind]++;
            count_slices(h->tally, table, event);
            at += event->bytes;
        }
    }
    free(table);
}

static void reseed(struct history *h, uint64_t number)
{
    h->random = h->seed;
    h->random = draw(h, UINT64_MAX) ^ h->episode;
    h->random = draw(h, UINT64_MAX) ^ number;
}

static void open_shop(struct history *h)
{
    struct shard_options options = shop_options();
    options.retry_count_max = 2 * EPISODE_KEYS;
    options.review_deadline_ns = UINT64_C(1500) * 1000000000;
    options.order_count_max = EPISODE_ORDERS;
    options.expiry_grace_ns = UINT64_C(600) * 1000000000;
    options.retention_ns = UINT64_C(1200) * 1000000000;
    options.remainder_ns = UINT64_C(1200) * 1000000000;
    reseed(h, UINT64_MAX);
    uint32_t shard_count = 1 + (uint32_t)draw(h, 4);
    h->shop = shop_open_with(&options, shard_count, draw(h, UINT64_MAX));
    h->asked = calloc(EPISODE_ORDERS, sizeof *h->asked);
    h->naive = (struct naive){.now_ns = h->shop->now_ns,
                              .payment_deadline_ns = options.payment_deadline_ns,
                              .review_deadline_ns = options.review_deadline_ns,
                              .grace_ns = options.expiry_grace_ns,
                              .retention_ns = options.retention_ns,
                              .remainder_ns = options.remainder_ns,
                              .orders = calloc(EPISODE_ORDERS, sizeof *h->naive.orders),
                              .keys = calloc(EPISODE_KEYS, sizeof *h->naive.keys),
                              .transfers = calloc(EPISODE_KEYS, sizeof *h->naive.transfers)};
    if (h->naive.transfers == NULL || h->asked == NULL || h->naive.orders == NULL ||
        h->naive.keys == NULL)
        exit(71);
    h->shop->clock_ns = 1;
    shop_wake(h->shop);
}

static void close_shop(struct history *h)
{
    shop_close(h->shop);
    free(h->asked);
    free(h->naive.orders);
    free(h->naive.keys);
    free(h->naive.transfers);
}

static void keep_numbers(const struct history *h, struct shared *shared)
{
    shared->before[h->number] =
        (struct numbers){h->naive.order_count, h->naive.transfer_count, h->naive.key_count};
    shared->begun = (uint32_t)h->number + 1;
}

static void take_numbers(struct history *h, const struct numbers *before)
{
    h->naive.order_count = before->order;
    h->naive.transfer_count = before->transfer;
    h->naive.key_count = before->key;
}

static void run_episode(const struct episode *episode, struct shared *shared, bool tells)
{
    struct tally *tally = &shared->tally;
    struct history h = {
        .seed = episode->seed, .episode = episode->number, .tells = tells, .tally = tally};
    open_shop(&h);
    tell(&h, "%u shards", h.shop->shard_count);
    for (h.number = 0; h.number < episode->step_count; h.number++) {
        const struct step *step;
        reseed(&h, h.number);
        h.codes = tally->codes[draw_step(&h, &step)];
        if (episode->is_less)
            take_numbers(&h, &shared->before[h.number]);
        else
            keep_numbers(&h, shared);
        if (!episode->skipped[h.number])
            step->take(&h, step);
        if (h.moved_over) {
            forget_over(&h);
            h.moved_over = false;
        }
        naive_settle(&h.naive);
        if (h.number % 100 == 99)
            compare_all(&h);
        if (h.number % 100 == 99 && h.episode % 2 == 1)
            go_through_images(&h);
    }
    compare_all(&h);
    compare_recovered(&h);
    compare_apart(&h);
    count_events(&h);
    close_shop(&h);
}

/* In a process of its own; whether it came to its end. */
static bool survives(const struct episode *episode, struct shared *shared, bool quiet, bool tells)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (quiet && freopen("/dev/null", "w", stderr) == NULL)
            _exit(71);
        alarm(60);
        run_episode(episode, shared, tells);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("spate-model");
        exit(71);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- what went wrong, in as few steps as possible -------------------------------------------------- */

/* True: without these steps it goes wrong as well, and they are left out from now on. */
static bool leave_out(struct episode *episode, struct shared *shared, uint32_t first,
                      uint32_t count)
{
    struct episode less = *episode;
    less.is_less = true;
    for (uint32_t i = first; i < first + count && i < less.step_count; i++)
        less.skipped[i] = true;
    if (survives(&less, shared, true, false))
        return false;
    *episode = less;
    return true;
}

static void shrink(struct episode *episode, struct shared *shared)
{
    for (uint32_t count = episode->step_count / 2; count > 0; count /= 2)
        for (uint32_t first = 0; first < episode->step_count; first += count) {
            uint32_t left = 0;
            for (uint32_t i = first; i < first + count && i < episode->step_count; i++)
                left += !episode->skipped[i];
            if (left > 0)
                leave_out(episode, shared, first, count);
        }
}

static void explain(struct episode *episode, struct shared *shared)
{
    episode->step_count = shared->begun;
    fprintf(stderr, "looking for the shortest script ...\n");
    shrink(episode, shared);
    fprintf(stderr, "with these steps alone it goes wrong:\n");
    survives(episode, shared, false, true);
}

/* ---- coverage --------------------------------------------------------------------------------------- */

static bool print_line(const char *name, const char *what, uint64_t taken, uint64_t needed)
{
    printf("%-28s %-24s %10llu%s\n", name, what, (unsigned long long)taken,
           taken == 0 && needed > 0 ? "  NEVER"
           : taken < needed         ? "  TOO FEW"
                                    : "");
    return taken >= needed;
}

static bool is_listed(const struct step *step, uint32_t code)
{
    for (uint32_t i = 0; step->codes[i] != 0xffff; i++)
        if (step->codes[i] == code)
            return true;
    return false;
}

static bool print_steps(const struct tally *tally, uint64_t needed)
{
    bool whole = true;
    uint32_t index = 0;
    for (uint32_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct step *step = tables[t]; step->name != NULL; step++, index++)
            for (uint32_t code = 0; code < CODE_LIMIT_NUMBER; code++)
                if (tally->codes[index][code] > 0 || is_listed(step, code))
                    whole &= print_line(step->name, code_facts(code)->name,
                                        tally->codes[index][code], needed);
    return whole;
}

/* Every move of a shipment and a return that there is; none may be missing. */
static bool print_parcel_moves(const struct tally *tally, uint64_t needed)
{
    static const struct {
        uint8_t from, to;
    } shipments[] =
        {
#define X(from, move, to, effect) {from, to},
            SHIPMENT_MOVES(X)
#undef X
        },
      returns[] = {
#define X(from, move, to, effect) {from, to},
          RETURN_MOVES(X)
#undef X
      };
    bool whole = true;
    char name[40];
    for (uint32_t i = 0; i < sizeof shipments / sizeof shipments[0]; i++) {
        snprintf(name, sizeof name, "shipment %s", shipment_state_name(shipments[i].from));
        whole &= print_line(name, shipment_state_name(shipments[i].to),
                            tally->shipment_moves[shipments[i].from][shipments[i].to], needed);
    }
    for (uint32_t i = 0; i < sizeof returns / sizeof returns[0]; i++) {
        snprintf(name, sizeof name, "return %s", return_state_name(returns[i].from));
        whole &= print_line(name, return_state_name(returns[i].to),
                            tally->return_moves[returns[i].from][returns[i].to], needed);
    }
    return whole;
}

/* Every move of a payment and a refund that there is; none may be missing. */
static bool print_child_moves(const struct tally *tally, uint64_t needed)
{
    static const struct {
        uint8_t from, to;
    } payments[] =
        {
#define X(from, move, to, teller) {from, to},
            PAYMENT_MOVES(X)
#undef X
        },
      refunds[] = {
#define X(from, move, to, teller) {from, to},
          REFUND_MOVES(X)
#undef X
      };
    bool whole = true;
    char name[32];
    for (uint32_t i = 0; i < sizeof payments / sizeof payments[0]; i++) {
        snprintf(name, sizeof name, "payment %s", payment_state_name(payments[i].from));
        whole &= print_line(name, payment_state_name(payments[i].to),
                            tally->payment_moves[payments[i].from][payments[i].to], needed);
    }
    for (uint32_t i = 0; i < sizeof refunds / sizeof refunds[0]; i++) {
        snprintf(name, sizeof name, "refund %s", refund_state_name(refunds[i].from));
        whole &= print_line(name, refund_state_name(refunds[i].to),
                            tally->refund_moves[refunds[i].from][refunds[i].to], needed);
    }
    return whole;
}

static bool print_moves(const struct tally *tally, uint64_t needed)
{
    bool whole = true;
    for (uint32_t from = 0; from < ORDER_STATES; from++)
        for (uint32_t to = 0; to < ORDER_STATES; to++)
            if (tally->moves[from][to] > 0)
                whole &= print_line(from == 0 ? "(new)" : order_state_name(from),
                                    order_state_name(to), tally->moves[from][to], needed);
    return whole;
}

static bool print_events(const struct tally *tally, uint64_t needed)
{
    static const uint16_t kinds[] = {
#define X(id, number, name) id,
        EVENTS(X)
#undef X
    };
    bool whole = true;
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t taken = tally->events[kinds[i]];
        whole &= print_line("event", event_name(kinds[i]), taken, needed);
    }
    return whole;
}

/* Every kind of slice has been applied slot by slot, in another order than live. */
static bool print_slices(const struct tally *tally, uint64_t needed)
{
    bool whole = true;
    for (uint32_t kind = 0; kind < EVENT_KINDS_MAX; kind++)
        if (shape_of(kind) != NULL)
            whole &= print_line("slice", shape_of(kind)->name, tally->slices[kind], needed);
    return whole;
}

static bool print_coverage(const struct tally *tally, uint64_t needed)
{
    bool whole = print_steps(tally, needed);
    whole &= print_moves(tally, needed);
    whole &= print_child_moves(tally, needed);
    whole &= print_parcel_moves(tally, needed);
    whole &= print_slices(tally, needed);
    return print_events(tally, needed) && whole;
}

/* ---- the run ---------------------------------------------------------------------------------------- */

static bool run(uint64_t seed, uint64_t step_count, struct shared *shared)
{
    for (uint64_t done = 0, number = 0; done < step_count; number++) {
        struct episode episode = {.seed = seed, .number = number};
        episode.step_count =
            step_count - done < EPISODE_STEPS ? (uint32_t)(step_count - done) : EPISODE_STEPS;
        if (!survives(&episode, shared, false, false)) {
            explain(&episode, shared);
            return false;
        }
        done += episode.step_count;
    }
    return true;
}

/* How often everything must have been taken: a hundred times in a million steps; in a shorter run, which
 * is for looking at one thing, it must have been at all. */
static uint64_t needed_of(uint64_t step_count)
{
    return step_count >= 1000000 ? 100 : step_count >= 300000;
}

int main(int argc, char **argv)
{
    uint64_t step_count = 100000, seed = 1;
    const struct option table[] = {
        {.name = "steps",
         .value_name = "N",
         .help = "how long the run is (100k)",
         .kind = OPTION_COUNT,
         .into = &step_count,
         .min = 1,
         .max = UINT64_C(1000000000000)},
        {.name = "seed",
         .value_name = "S",
         .help = "the same seed goes the same way (1)",
         .kind = OPTION_COUNT,
         .into = &seed},
        {0},
    };
    const struct usage usage = {.command = "spate-model",
                                .arguments = "[OPTION...]",
                                .summary = "Random histories of a shop, compared step by step with "
                                           "a model that is slow and obvious.",
                                .options = table};
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 71;
    if (!run(seed, step_count, shared))
        return 1;
    bool whole = print_coverage(&shared->tally, needed_of(step_count));
    printf("%llu steps of seed %llu: core and model agree%s\n", (unsigned long long)step_count,
           (unsigned long long)seed, whole ? "" : ", but something was taken too rarely");
    return whole ? 0 : 1;
}
