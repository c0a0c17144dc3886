#include "tests/sim/oracle.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static void draw_lines(struct oracle *oracle, struct order_wish *wish)
{
    struct stream *workload = world_stream(oracle->run->world, STREAM_WORKLOAD);
    wish->line_count = 1 + (uint32_t)stream_skewed(workload, ORDER_WISH_LINES - 1);
    for (uint32_t i = 0; i < wish->line_count; i++)
        wish->lines[i] = (struct command_line){
            .sku = oracle->skus[stream_below(workload, oracle->sku_count)].sku,
            .units = 1 + (uint32_t)stream_skewed(workload, 5),
            .unit_price = 1 + (int64_t)stream_skewed(workload, 100000)};
}

static void draw_basket(struct oracle *oracle, struct order_wish *wish)
{
    struct stream *workload = world_stream(oracle->run->world, STREAM_WORKLOAD);
    wish->line_count = oracle->sku_count;
    for (uint32_t i = 0; i < wish->line_count; i++) {
        uint32_t to = (uint32_t)stream_below(workload, i + 1);
        wish->lines[i] = wish->lines[to];
        wish->lines[to] =
            (struct command_line){.sku = oracle->skus[i].sku, .units = 1, .unit_price = 100};
    }
}

struct order_fact *oracle_new_order(struct oracle *oracle)
{
    struct run *run = oracle->run;
    struct stream *workload = world_stream(run->world, STREAM_WORKLOAD);
    CHECK(oracle->order_count < ORACLE_ORDERS_MAX);
    struct order_fact *order = &oracle->orders[oracle->order_count++];
    snprintf(order->id, sizeof order->id, "o-%u", oracle->order_count);
    snprintf(order->customer, sizeof order->customer, "c%u",
             (unsigned)stream_below(workload, RUSH_BUYERS));
    struct order_wish *wish = &order->wish;
    *wish = (struct order_wish){
        .id = order->id, .customer = order->customer, .currency = CURRENCY('C', 'N', 'Y')};
    if (oracle->rush.on)
        draw_basket(oracle, wish);
    else
        draw_lines(oracle, wish);
    for (uint32_t i = 0; i < wish->line_count; i++)
        order->total += wish->lines[i].unit_price * wish->lines[i].units;
    wish->discount = stream_hit(workload, 3) ? -1 : 0;
    order->total += wish->discount;
    return order;
}

static struct sku_fact *fact_of(struct oracle *oracle, uint32_t sku)
{
    for (uint32_t i = 0; i < oracle->sku_count; i++)
        if (oracle->skus[i].sku == sku)
            return &oracle->skus[i];
    run_fail(oracle->run, "an answer speaks of SKU %u, which nobody made", sku);
}

const char *oracle_code(const struct oracle *oracle, uint32_t sku)
{
    for (uint32_t i = 0; i < oracle->sku_count; i++)
        if (oracle->skus[i].sku == sku)
            return oracle->skus[i].code;
    run_fail(oracle->run, "a client speaks of SKU %u, which nobody made", sku);
}

uint32_t oracle_number(const struct oracle *oracle, const char *code)
{
    for (uint32_t i = 0; i < oracle->sku_count; i++)
        if (strcmp(oracle->skus[i].code, code) == 0)
            return oracle->skus[i].sku;
    run_fail(oracle->run, "an answer speaks of %s, which nobody made", code);
}

void oracle_asks_create(struct oracle *oracle, struct order_fact *order, struct order_fact *was)
{
    for (uint32_t i = 0; i < order->wish.line_count; i++)
        was->received[i] = fact_of(oracle, order->wish.lines[i].sku)->received;
    for (uint32_t i = 0; order->asked == 0 && i < order->wish.line_count; i++)
        fact_of(oracle, order->wish.lines[i].sku)->wanted += order->wish.lines[i].units;
    was->asked_ns = world_now(oracle->run->world);
    if (order->asked++ == 0)
        order->asked_ns = was->asked_ns;
    order->waiting++;
}

static void is_there(struct oracle *oracle, struct order_fact *order)
{
    order->known = ORDER_IS_THERE;
    if (order->there_ns == 0)
        order->there_ns = world_now(oracle->run->world);
}

static void is_gone(struct oracle *oracle, struct order_fact *order)
{
    if (order->gone_ns == 0)
        order->gone_ns = world_now(oracle->run->world);
}

/* An order's history is one line: no answer is older than what was known when it was asked for. */
static void saw_version(struct oracle *oracle, struct order_fact *order,
                        const struct order_fact *was, uint32_t version)
{
    if (version < was->version)
        run_fail(oracle->run, "order %s is answered with version %u after version %u", order->id,
                 version, was->version);
    if (version > order->version) {
        order->version = version;
        order->digest = 0;
    }
}

/* And one version looks the same to everybody. */
static void saw_record(struct oracle *oracle, struct order_fact *order,
                       const struct result_order *seen)
{
    uint64_t digest = XXH3_64bits(&seen->head + 1, seen->head.bytes - sizeof seen->head) | 1;
    if (seen->currency == 0 || seen->version != order->version)
        return; /* heard over HTTP, which leaves some of it out; or others have seen a later one */
    if (order->digest != 0 && order->digest != digest)
        run_fail(oracle->run, "order %s is seen in two ways, both of them version %u", order->id,
                 order->version);
    order->digest = digest;
}

static void note_refusal(struct oracle *oracle, const struct order_fact *order,
                         const struct order_fact *was)
{
    if (oracle->refusal_count == REFUSALS_MAX)
        return;
    struct refusal *refusal = &oracle->refusals[oracle->refusal_count++];
    *refusal = (struct refusal){.order = (uint32_t)(order - oracle->orders),
                                .asked_ns = was->asked_ns,
                                .answered_ns = world_now(oracle->run->world)};
    memcpy(refusal->received, was->received, sizeof refusal->received);
}

bool oracle_is_later(const struct result *result)
{
    return result->code == CODE_BUSY || result->code == CODE_STORAGE_FULL ||
           result->code == CODE_RATE_LIMITED || result->code == CODE_FULL;
}

static _Noreturn void fail_code(struct oracle *oracle, const char *what, const char *id,
                                const struct result *result)
{
    const struct code_facts *facts = code_facts(result->code);
    run_fail(oracle->run, "%s of %s is answered %s", what, id,
             facts == NULL ? "by a code that there is not" : facts->name);
}

/* Refusing is wrong if there was enough of every SKU when it was asked, even for all orders that
 * anybody has asked for until now. */
static bool is_plentiful(struct oracle *oracle, const struct order_fact *was)
{
    for (uint32_t i = 0; i < was->wish.line_count; i++)
        if (fact_of(oracle, was->wish.lines[i].sku)->wanted > was->received[i])
            return false;
    return true;
}

bool oracle_created(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                    const struct result *result)
{
    struct run *run = oracle->run;
    order->waiting--;
    if (oracle_is_later(result))
        return false;
    bool limited = result->code == CODE_LIMIT && oracle->rush.limit != 0;
    if (result->code == CODE_OUT_OF_STOCK || limited) {
        if (was->known == ORDER_IS_THERE)
            run_fail(run, "order %s is there, and yet refused", order->id);
        if (!limited && is_plentiful(oracle, was))
            run_fail(run, "order %s is refused, though there is enough for everybody", order->id);
        if (!limited)
            note_refusal(oracle, order, was);
        if (order->waiting == 0 && order->known == ORDER_OPEN)
            order->known = ORDER_REFUSED;
        return true;
    }
    if (result->code != CODE_CREATED && result->code != CODE_REPLAYED)
        fail_code(oracle, "creating", order->id, result);
    order->created += result->code == CODE_CREATED;
    if (result->code == CODE_CREATED && (was->known == ORDER_IS_THERE || order->created > 1))
        run_fail(run, "order %s is placed twice", order->id);
    if (result->code == CODE_REPLAYED && order->asked == 1)
        run_fail(run, "order %s is known before it was asked for", order->id);
    const struct result_placed *placed = (const void *)result;
    if (result->kind == RESULT_ORDER_PLACED && placed->total != order->total)
        run_fail(run, "order %s costs %lld instead of %lld", order->id, (long long)placed->total,
                 (long long)order->total);
    if (result->kind == RESULT_ORDER_PLACED && result->code == CODE_CREATED)
        saw_version(oracle, order, was, placed->version);
    is_there(oracle, order);
    return true;
}

bool oracle_other_body(struct oracle *oracle, const struct order_fact *was,
                       const struct result *result)
{
    if (oracle_is_later(result))
        return false;
    if (result->code != CODE_KEY_REUSED)
        fail_code(oracle, "creating something else under the id", was->id, result);
    return true;
}

static bool may_be(const struct oracle *oracle, const struct order_fact *order,
                   const struct order_fact *was, enum order_state state)
{
    bool was_over = was->cancelled || was->state == ORDER_CANCELLED || was->state == ORDER_EXPIRED;
    if (state == ORDER_PENDING_PAYMENT)
        return !was_over && !was->captured && was->state != ORDER_PAID;
    if (state == ORDER_PAID)
        return !was_over && (order->capture_asked || order->total == 0);
    if (state == ORDER_CANCELLED)
        return order->cancel_asked && was->state != ORDER_EXPIRED;
    return state == ORDER_EXPIRED && oracle->orders_expire && !was->cancelled &&
           was->state != ORDER_CANCELLED && was->state != ORDER_PAID;
}

static void check_state(struct oracle *oracle, const struct order_fact *order,
                        const struct order_fact *was, enum order_state state)
{
    if (!may_be(oracle, order, was, state))
        run_fail(oracle->run, "order %s is %s%s%s; it was %s", order->id, order_state_name(state),
                 was->cancelled ? ", though it was cancelled" : "",
                 was->captured ? ", though it was paid" : "", order_state_name(was->state));
}

struct money_seen {
    uint32_t payments;
    uint32_t asked_refunds;
    int64_t captured;
    int64_t kept;
};

static struct money_seen money_of(const struct result_order *seen)
{
    struct money_seen sum = {0};
    const struct child *child = result_order_children(seen);
    for (uint32_t i = 0; i < seen->child_count; i++, child = child_next(child)) {
        const struct child_payment *payment = (const void *)child;
        const struct child_refund *refund = (const void *)child;
        if (child->kind == CHILD_REFUND) {
            sum.asked_refunds += *(const char *)(refund + 1) == 'f';
            continue;
        }
        sum.payments++;
        sum.captured += payment->captured;
        sum.kept += payment->captured - payment->refund_pending - payment->refunded;
    }
    return sum;
}

static struct linear *history_of(struct oracle *oracle, const struct order_fact *order)
{
    return &oracle->histories[order - oracle->orders];
}

uint32_t oracle_asks(struct oracle *oracle, const struct order_fact *order, enum linear_op op,
                     uint32_t wish)
{
    struct linear *history = history_of(oracle, order);
    if (oracle->orders_expire && history->count == 0)
        (void)linear_ask(history, LINEAR_EXPIRE, 0);
    return linear_ask(history, op, wish);
}

static struct linear_answer said_by(const struct result *result)
{
    const struct result_order *order = (const void *)result;
    const struct result_child *child = (const void *)result;
    const struct result_placed *placed = (const void *)result;
    struct linear_answer answer = {(enum code)result->code, 0,
                                   LINEAR_SAYS_NOTHING,     LINEAR_SAYS_NOTHING,
                                   LINEAR_SAYS_NOTHING,     LINEAR_SAYS_NOTHING};
    if (result->kind == RESULT_ORDER_PLACED && result->code == CODE_CREATED)
        answer.version = placed->version;
    if (result->kind == RESULT_CHILD) {
        answer.version = child->order_version;
        answer.state = child->order_state;
    }
    if (result->kind == RESULT_ORDER) {
        struct money_seen money = money_of(order);
        answer.version = order->version;
        answer.state = order->state;
        answer.payments = (uint8_t)money.payments;
        answer.captured = money.captured != 0;
        answer.refunds = (uint8_t)money.asked_refunds;
    }
    return answer;
}

void oracle_hears(struct oracle *oracle, const struct order_fact *order, uint32_t step,
                  const struct result *result)
{
    struct linear_answer answer = said_by(result);
    if (oracle_is_later(result))
        linear_forget(history_of(oracle, order), step);
    else
        linear_answer(history_of(oracle, order), step, &answer);
}

/* One that costs nothing is paid from the first, and cannot be paid: not what linear.c knows. */
void oracle_check_histories(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->order_count; i++) {
        char words[4096] = "";
        if (oracle->orders[i].total == 0)
            continue;
        enum linear_verdict verdict = linear_check(&oracle->histories[i]);
        oracle->run->totals->histories++;
        oracle->run->totals->histories_cut += oracle->histories[i].is_full;
        if (verdict == LINEAR_EXPLAINED)
            continue;
        oracle->run->totals->histories_undecided += verdict == LINEAR_UNDECIDED;
        linear_print(&oracle->histories[i], words, sizeof words);
        world_say(oracle->run->world, "%s:\n%s", oracle->orders[i].id, words);
        if (verdict == LINEAR_CONTRADICTS)
            run_fail(oracle->run,
                     "what was answered of order %s is no line of what was done with it (--talk "
                     "says it)",
                     oracle->orders[i].id);
    }
}

/* What was acknowledged is there, nothing is there twice, and an order that has ended keeps none. */
static void check_money(struct oracle *oracle, const struct order_fact *order,
                        const struct order_fact *was, const struct result_order *seen)
{
    struct money_seen money = money_of(seen);
    int64_t due = seen->state == ORDER_PAID ? order->total - money.asked_refunds : 0;
    bool was_asked = order->pay_asked > 0 || order->capture_asked;
    if (money.payments > was_asked || money.payments < (was->pay_created > 0 || was->captured))
        run_fail(oracle->run, "order %s has %u payments", order->id, money.payments);
    if (money.captured != 0 && (money.captured != order->total || !order->capture_asked))
        run_fail(oracle->run, "order %s of %lld: %lld is captured", order->id,
                 (long long)order->total, (long long)money.captured);
    if (was->captured && money.captured != order->total)
        run_fail(oracle->run, "the money of order %s was captured, and is not", order->id);
    if (money.asked_refunds > (order->refund_asked > 0) ||
        money.asked_refunds < (was->refund_created > 0))
        run_fail(oracle->run, "order %s has %u refunds that were asked for", order->id,
                 money.asked_refunds);
    if (money.kept != due)
        run_fail(oracle->run, "order %s is %s and keeps %lld of %lld", order->id,
                 order_state_name(seen->state), (long long)money.kept, (long long)order->total);
}

static void check_order(struct oracle *oracle, const struct order_fact *order,
                        const struct result_order *seen)
{
    const struct order_wish *wish = &order->wish;
    bool same = seen->total == order->total && seen->line_count == wish->line_count;
    for (uint32_t i = 0; same && i < wish->line_count; i++)
        same = seen->lines[i].sku == wish->lines[i].sku &&
               seen->lines[i].units == wish->lines[i].units &&
               seen->lines[i].unit_price == wish->lines[i].unit_price;
    if (!same)
        run_fail(oracle->run, "order %s is not what was asked for", order->id);
}

bool oracle_got(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                const struct result *result)
{
    if (oracle_is_later(result))
        return false;
    if (result->code == CODE_NOT_FOUND) {
        if (was->known == ORDER_IS_THERE)
            run_fail(oracle->run, "order %s was there, and is gone", order->id);
        return true;
    }
    if (result->code != CODE_OK || result->kind != RESULT_ORDER)
        fail_code(oracle, "a look", order->id, result);
    if (order->known == ORDER_REFUSED && order->waiting == 0)
        run_fail(oracle->run, "order %s was refused, and is there", order->id);
    const struct result_order *seen = (const void *)result;
    check_order(oracle, order, seen);
    check_state(oracle, order, was, (enum order_state)seen->state);
    check_money(oracle, order, was, seen);
    saw_version(oracle, order, was, seen->version);
    saw_record(oracle, order, seen);
    is_there(oracle, order);
    if (seen->state == ORDER_CANCELLED || seen->state == ORDER_EXPIRED)
        is_gone(oracle, order);
    if (seen->version == order->version)
        order->state = (enum order_state)seen->state;
    return true;
}

bool oracle_cancelled(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                      const struct result *result)
{
    if (oracle_is_later(result))
        return false;
    if (result->code == CODE_NOT_FOUND && was->known == ORDER_IS_THERE)
        run_fail(oracle->run, "order %s was there, and cannot be cancelled because it is gone",
                 order->id);
    if (result->code == CODE_ILLEGAL || result->code == CODE_NOT_FOUND)
        return true;
    if (result->code != CODE_OK && result->code != CODE_REPLAYED)
        fail_code(oracle, "cancelling", order->id, result);
    order->cancelled = true;
    is_gone(oracle, order);
    is_there(oracle, order);
    return true;
}

/* Answers that leave all as it is: the order is not there, or does not allow it. */
static bool is_no(struct oracle *oracle, const struct order_fact *was, const struct result *result)
{
    if (result->code == CODE_NOT_FOUND && was->known == ORDER_IS_THERE &&
        (was->pay_created > 0 || was->captured))
        run_fail(oracle->run, "the payment of order %s was there, and is gone", was->id);
    return result->code == CODE_NOT_FOUND || result->code == CODE_ILLEGAL ||
           result->code == CODE_LIMIT;
}

bool oracle_paid(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                 const struct result *result)
{
    if (oracle_is_later(result))
        return false;
    if (is_no(oracle, was, result))
        return true;
    if (result->code != CODE_CREATED && result->code != CODE_REPLAYED)
        fail_code(oracle, "paying", order->id, result);
    order->pay_created += result->code == CODE_CREATED;
    if (order->pay_created > 1)
        run_fail(oracle->run, "the payment of order %s is made twice", order->id);
    if (result->code == CODE_REPLAYED && order->pay_asked == 1)
        run_fail(oracle->run, "the payment of order %s is known before it was asked for",
                 order->id);
    return true;
}

bool oracle_captured(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                     const struct result *result)
{
    if (oracle_is_later(result))
        return false;
    if (is_no(oracle, was, result))
        return true;
    if (result->code != CODE_OK && result->code != CODE_REPLAYED)
        fail_code(oracle, "capturing", order->id, result);
    if (!order->captured)
        order->captured_ns = world_now(oracle->run->world);
    order->captured = true;
    return true;
}

bool oracle_refunded(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                     const struct result *result)
{
    if (oracle_is_later(result))
        return false;
    if (is_no(oracle, was, result))
        return true;
    if (result->code != CODE_CREATED && result->code != CODE_REPLAYED)
        fail_code(oracle, "refunding", order->id, result);
    order->refund_created += result->code == CODE_CREATED;
    if (order->refund_created > 1)
        run_fail(oracle->run, "the refund of order %s is opened twice", order->id);
    return true;
}

bool oracle_received(struct oracle *oracle, struct sku_fact *sku, uint64_t units,
                     const struct result *result)
{
    if (oracle_is_later(result))
        return false;
    if (result->code != CODE_OK && result->code != CODE_CREATED && result->code != CODE_REPLAYED)
        fail_code(oracle, "receiving", sku->code, result);
    sku->received += units;
    return true;
}

void oracle_check_rush(struct oracle *oracle)
{
    uint32_t sold[RUSH_BUYERS] = {0}, asked[RUSH_BUYERS] = {0};
    uint32_t sold_count = 0;
    for (uint32_t i = 0; i < oracle->order_count; i++) {
        const struct order_fact *order = &oracle->orders[i];
        uint32_t buyer = (uint32_t)(order->customer[1] - '0');
        asked[buyer]++;
        sold[buyer] += order->known == ORDER_IS_THERE;
        sold_count += order->known == ORDER_IS_THERE;
    }
    uint32_t limit = oracle->rush.limit;
    for (uint32_t i = 0; limit != 0 && i < RUSH_BUYERS; i++)
        if (sold[i] != (asked[i] < limit ? asked[i] : limit))
            run_fail(oracle->run, "c%u asked for %u baskets, has %u, and may have %u", i, asked[i],
                     sold[i], limit);
    uint32_t baskets = oracle->rush.baskets;
    uint32_t most = oracle->order_count < baskets ? oracle->order_count : baskets;
    if (limit == 0 && sold_count != most)
        run_fail(oracle->run, "%u baskets were sold to %u buyers, of %u", sold_count,
                 oracle->order_count, baskets);
}

static uint64_t on_hand(const struct result_stock *stock)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < stock->cell_count; i++)
        sum += stock->cells[i].free + stock->cells[i].held + stock->cells[i].reserved +
               stock->cells[i].committed + stock->cells[i].quarantined;
    return sum;
}

static uint64_t units_of(const struct order_fact *order, uint32_t sku)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < order->wish.line_count; i++)
        units += order->wish.lines[i].sku == sku ? order->wish.lines[i].units : 0;
    return units;
}

/* How many units of a SKU orders must have, and may have, at some moment between a question and now. */
struct bounds {
    uint64_t least;
    uint64_t least_paid;
    uint64_t most;
};

static struct bounds bounds_of(const struct oracle *oracle, uint32_t sku, uint64_t asked_ns)
{
    struct bounds bounds = {0};
    for (uint32_t i = 0; i < oracle->order_count; i++) {
        const struct order_fact *order = &oracle->orders[i];
        uint64_t units = order->asked == 0 ? 0 : units_of(order, sku);
        if (units == 0)
            continue;
        bool stays = !order->cancel_asked && !oracle->orders_expire;
        if (stays && order->there_ns != 0 && order->there_ns < asked_ns)
            bounds.least += units;
        if (stays && order->captured_ns != 0 && order->captured_ns < asked_ns)
            bounds.least_paid += units;
        bool never = order->known == ORDER_REFUSED && order->waiting == 0;
        bool over = order->gone_ns != 0 && order->gone_ns < asked_ns;
        if (!never && !over)
            bounds.most += units;
    }
    return bounds;
}

/* All lines of an order that was acknowledged are seen by whoever looks afterwards, on whatever shard;
 * none of one that is refused or gone ever is. */
static void check_bounds(struct oracle *oracle, const struct sku_fact *sku, uint64_t asked_ns,
                         const struct result_stock *stock)
{
    struct bounds bounds = bounds_of(oracle, sku->sku, asked_ns);
    uint64_t reserved = 0, committed = 0;
    for (uint32_t i = 0; i < stock->cell_count; i++) {
        reserved += stock->cells[i].reserved;
        committed += stock->cells[i].committed;
    }
    if (reserved + committed < bounds.least || reserved + committed > bounds.most ||
        committed < bounds.least_paid)
        run_fail(oracle->run,
                 "%s: %llu units reserved, %llu committed; orders have at least %llu, of them %llu "
                 "paid, at most %llu",
                 sku->code, (unsigned long long)reserved, (unsigned long long)committed,
                 (unsigned long long)bounds.least, (unsigned long long)bounds.least_paid,
                 (unsigned long long)bounds.most);
}

static bool could_be_served(const struct oracle *oracle, const struct refusal *refusal)
{
    const struct order_fact *refused = &oracle->orders[refusal->order];
    for (uint32_t k = 0; k < refused->wish.line_count; k++) {
        uint32_t sku = refused->wish.lines[k].sku;
        uint64_t used = units_of(refused, sku);
        for (uint32_t i = 0; i < oracle->order_count; i++) {
            const struct order_fact *order = &oracle->orders[i];
            bool was_over = order->gone_ns != 0 && order->gone_ns < refusal->asked_ns;
            if (order != refused && order->known == ORDER_IS_THERE && !was_over &&
                order->asked_ns <= refusal->answered_ns)
                used += units_of(order, sku);
        }
        if (used > refusal->received[k])
            return false;
    }
    return true;
}

void oracle_check_refusals(const struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->refusal_count; i++)
        if (could_be_served(oracle, &oracle->refusals[i]))
            run_fail(oracle->run, "order %s was refused at %.6f s, though there was enough",
                     oracle->orders[oracle->refusals[i].order].id,
                     (double)oracle->refusals[i].answered_ns / 1e9);
}

bool oracle_stock(struct oracle *oracle, struct sku_fact *sku, uint64_t received_before,
                  uint64_t asked_ns, const struct result *result)
{
    if (oracle_is_later(result))
        return false;
    if (result->code != CODE_OK || result->kind != RESULT_STOCK)
        fail_code(oracle, "the stock", sku->code, result);
    uint64_t units = on_hand((const void *)result);
    if (units < received_before || units > sku->received_asked)
        run_fail(oracle->run,
                 "%llu units of %s are on hand; %llu were acknowledged, %llu asked for",
                 (unsigned long long)units, sku->code, (unsigned long long)received_before,
                 (unsigned long long)sku->received_asked);
    check_bounds(oracle, sku, asked_ns, (const void *)result);
    return true;
}

void oracle_check_cell(struct oracle *oracle, const struct sku_fact *sku,
                       const struct result_stock *stock)
{
    uint64_t wanted = 0, paid = 0, reserved = 0, committed = 0, held = 0;
    for (uint32_t i = 0; i < oracle->order_count; i++) {
        const struct order_fact *order = &oracle->orders[i];
        for (uint32_t k = 0; k < order->wish.line_count; k++) {
            bool counts = order->known == ORDER_IS_THERE && order->wish.lines[k].sku == sku->sku;
            if (counts && order->state == ORDER_PENDING_PAYMENT)
                wanted += order->wish.lines[k].units;
            if (counts && order->state == ORDER_PAID)
                paid += order->wish.lines[k].units;
        }
    }
    for (uint32_t i = 0; i < stock->cell_count; i++) {
        reserved += stock->cells[i].reserved;
        committed += stock->cells[i].committed;
        held += stock->cells[i].held;
    }
    if (committed != paid)
        run_fail(oracle->run, "%s: %llu committed for paid orders of %llu units", sku->code,
                 (unsigned long long)committed, (unsigned long long)paid);
    if (reserved != wanted || held != 0 || on_hand(stock) != sku->received)
        run_fail(oracle->run,
                 "%s: %llu reserved for orders of %llu units; %llu held; %llu on hand of %llu",
                 sku->code, (unsigned long long)reserved, (unsigned long long)wanted,
                 (unsigned long long)held, (unsigned long long)on_hand(stock),
                 (unsigned long long)sku->received);
}
