#include "tests/model/history.h"

static void id_of(uint32_t order, char out[16])
{
    snprintf(out, 16, "o-%u", order);
}

/* ---- placing ---------------------------------------------------------------------------------------- */

static uint32_t draw_lines(struct history *h, struct naive_line lines[NAIVE_LINES])
{
    uint32_t count = 1 + (uint32_t)draw(h, draw(h, 3) == 0 ? NAIVE_LINES : 2);
    uint32_t known = draw(h, 40) == 0 ? NAIVE_SKUS : 0;
    bool costs = draw(h, 12) != 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
        for (uint32_t tries = 0; known == 0 && !h->naive.skus[sku].known && tries < 64; tries++)
            sku = (uint32_t)draw(h, NAIVE_SKUS);
        lines[i] = (struct naive_line){.sku = sku,
                                       .units = 1 + (uint32_t)draw(h, draw(h, 4) == 0 ? 30 : 3),
                                       .unit_price = costs ? (int64_t)draw(h, 5000) : 0};
    }
    return count;
}

/* Further texts that an order may have, and the values that they are drawn from; 0: it has none. */
static const struct {
    enum order_text which;
    const char *values[3];
} further[NAIVE_TEXTS] = {
    {ORDER_PAY_METHOD, {NULL, "alipay", "card"}},
    {ORDER_CAMPAIGN, {NULL, "c11", "11.11, all day"}},
    {ORDER_SHIP_TO, {NULL, "a-77", "3, Long Lane"}},
    {ORDER_DELIVERY, {NULL, "express", "to the door"}},
};

/* Discounts, now and then for all that the lines cost, and what comes on top. A total below 0 is no
 * request at all (command_check). */
static void draw_adjustments(struct history *h, struct naive_create *asked)
{
    struct naive_buyer *buyer = &asked->buyer;
    int64_t sum = 0;
    for (uint32_t i = 0; i < asked->line_count; i++)
        sum += asked->lines[i].units * asked->lines[i].unit_price;
    buyer->adjustment_count = (uint8_t)draw(h, NAIVE_ADJUSTMENTS + 1);
    for (uint32_t i = 0; i < buyer->adjustment_count; i++) {
        buyer->kinds[i] = (uint8_t)draw(h, ADJUST_OTHER + 1);
        buyer->amounts[i] = (int64_t)draw(h, 3000);
        if (buyer->kinds[i] == ADJUST_DISCOUNT)
            buyer->amounts[i] = draw(h, 8) == 0 ? -sum : -(int64_t)draw(h, (uint64_t)sum + 1);
        sum += buyer->amounts[i];
    }
}

static void draw_create(struct history *h, struct naive_create *asked)
{
    struct naive_buyer *buyer = &asked->buyer;
    asked->line_count = (uint8_t)draw_lines(h, asked->lines);
    asked->foreign = draw(h, 30) == 0;
    asked->too_old = draw(h, 40) == 0;
    buyer->customer = (uint8_t)draw(h, NAIVE_CUSTOMERS);
    buyer->channel = (uint8_t)draw(h, NAIVE_CHANNELS + 1);
    buyer->region = (uint8_t)draw(h, NAIVE_REGIONS + 1);
    buyer->single = draw(h, 3) == 0;
    for (uint32_t i = 0; i < NAIVE_TEXTS; i++)
        buyer->texts[i] = draw(h, 2) == 0 ? 0 : (uint8_t)draw(h, 3);
    if (draw(h, 2) == 0)
        draw_adjustments(h, asked);
    if (draw(h, 4) == 0)
        buyer->pay_by_ns =
            h->naive.now_ns + draw(h, UINT64_C(3000) * 1000000000) * (draw(h, 20) != 0);
}

static void tell_order(const struct history *h, const char *id, const struct naive_create *asked)
{
    char text[256];
    const struct naive_buyer *buyer = &asked->buyer;
    int bytes =
        snprintf(text, sizeof text, "order.create %s c%u ch%u r%u%s%s%s", id, buyer->customer,
                 buyer->channel, buyer->region, buyer->single ? " in one parcel" : "",
                 asked->foreign ? " in USD" : "", asked->too_old ? ", too old" : "");
    for (uint32_t i = 0; i < asked->line_count; i++)
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, " SKU-%u x %u at %lld",
                          asked->lines[i].sku, asked->lines[i].units,
                          (long long)asked->lines[i].unit_price);
    for (uint32_t i = 0; i < buyer->adjustment_count; i++)
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, " %+lld",
                          (long long)buyer->amounts[i]);
    tell(h, "%s", text);
}

static void order_command(const struct history *h, union shop_command *command, const char *id,
                          const struct naive_create *asked)
{
    static const char *const channels[] = {"online", "store", NULL};
    static const char *const customers[] = {"c0", "c1", "c2"};
    static const char *const regions[] = {"r0", "r1", "r2", NULL};
    const struct naive_buyer *buyer = &asked->buyer;
    struct shop_line lines[NAIVE_LINES];
    for (uint32_t i = 0; i < asked->line_count; i++)
        lines[i] = (struct shop_line){number_of(h, asked->lines[i].sku), asked->lines[i].units,
                                      asked->lines[i].unit_price};
    const char *said[ORDER_TEXTS] = {
        [ORDER_ID] = id,
        [ORDER_CUSTOMER] = customers[buyer->customer],
        [ORDER_CHANNEL] = channels[buyer->channel],
        [ORDER_REGION] = regions[buyer->region],
    };
    for (uint32_t i = 0; i < NAIVE_TEXTS; i++)
        said[further[i].which] = further[i].values[buyer->texts[i]];
    shop_order_texts(command, said, lines, asked->line_count);
    command->create.prefer = buyer->single ? PREFER_SINGLE_PARCEL : PREFER_NONE;
    command->create.pay_by_ns = buyer->pay_by_ns;
    command->create.issued_at_ns = asked->too_old ? 1 : h->shop->now_ns;
    if (asked->foreign)
        command->create.currency = CURRENCY('U', 'S', 'D');
    for (uint32_t i = 0; i < buyer->adjustment_count; i++)
        shop_adjust(command, buyer->kinds[i], buyer->amounts[i]);
}

static void send_order(struct history *h, const struct step *step, uint32_t order,
                       const struct naive_create *asked)
{
    union shop_command command;
    char id[16];
    id_of(order, id);
    tell_order(h, id, asked);
    order_command(h, &command, id, asked);
    enum code expected = naive_order_create(&h->naive, order, asked);
    const struct result *result = agree(h, step, &command.head, expected);
    const struct result_placed *placed = (const void *)result;
    if ((expected == CODE_CREATED || expected == CODE_REPLAYED) &&
        result->kind != RESULT_ORDER_PLACED)
        disagree(h, "%s: the answer does not say what was placed", step->name);
    if (expected == CODE_CREATED && placed->total != naive_total(&h->naive.orders[order]))
        disagree(h, "the total is %lld in core, %lld in the model", (long long)placed->total,
                 (long long)naive_total(&h->naive.orders[order]));
}

static void create(struct history *h, const struct step *step)
{
    uint32_t order = h->naive.order_count++;
    draw_create(h, &h->asked[order]);
    send_order(h, step, order, &h->asked[order]);
}

/* When it was sent makes no difference. */
static void create_again(struct history *h, const struct step *step)
{
    uint32_t order;
    if (!draw_placed(h, &order))
        return;
    struct naive_create asked = h->asked[order];
    asked.too_old = draw(h, 2) == 0;
    send_order(h, step, order, &asked);
}

/* One thing is another. */
static void create_other(struct history *h, const struct step *step)
{
    uint32_t order;
    if (!draw_placed(h, &order))
        return;
    struct naive_create asked = h->asked[order];
    struct naive_buyer *buyer = &asked.buyer;
    uint64_t what = draw(h, 9);
    uint32_t text = (uint32_t)draw(h, NAIVE_TEXTS);
    asked.lines[0].units += what == 0;
    asked.lines[0].unit_price += what == 1;
    buyer->customer = (uint8_t)((buyer->customer + (what == 2)) % NAIVE_CUSTOMERS);
    buyer->channel = (uint8_t)((buyer->channel + (what == 3)) % (NAIVE_CHANNELS + 1));
    buyer->single ^= what == 4;
    asked.foreign = what == 5;
    buyer->texts[text] = (uint8_t)((buyer->texts[text] + (what == 6)) % 3);
    buyer->pay_by_ns += what == 7;
    if (what == 8 && buyer->adjustment_count == 0)
        buyer->adjustment_count = 1; /* by nothing: and yet it says more */
    else if (what == 8)
        buyer->amounts[0]++;
    send_order(h, step, order, &asked);
}

/* ---- looking ---------------------------------------------------------------------------------------- */

static void compare_said(const struct history *h, const struct naive_buyer *buyer,
                         const struct result_order *record)
{
    const struct adjustment *adjustments = result_order_adjustments(record);
    for (uint32_t i = 0; i < NAIVE_TEXTS; i++) {
        const char *said = further[i].values[buyer->texts[i]];
        struct text text = result_order_text(record, further[i].which);
        if (said == NULL ? text.bytes != 0
                         : text.bytes != strlen(said) || memcmp(text.at, said, text.bytes) != 0)
            disagree(h, "an order says %.*s in core, %s in the model", (int)text.bytes, text.at,
                     said != NULL ? said : "nothing");
    }
    if (record->adjustment_count != buyer->adjustment_count)
        disagree(h, "an order has %u adjustments in core, %u in the model",
                 record->adjustment_count, buyer->adjustment_count);
    for (uint32_t i = 0; i < buyer->adjustment_count; i++)
        if (adjustments[i].kind != buyer->kinds[i] || adjustments[i].amount != buyer->amounts[i])
            disagree(h, "adjustment %u is %lld in core, %lld in the model", i + 1,
                     (long long)adjustments[i].amount, (long long)buyer->amounts[i]);
}

static void compare_order(const struct history *h, const struct naive_order *order,
                          const struct result_order *record)
{
    if (record->state != order->state || record->total != naive_total(order) ||
        record->version != order->version ||
        record->line_count != (order->is_remainder ? 0 : order->line_count))
        disagree(h, "an order is %s, total %lld, version %u in core; %s, %lld, %u in the model",
                 order_state_name(record->state), (long long)record->total, record->version,
                 order_state_name(order->state), (long long)naive_total(order), order->version);
    if (order->is_remainder && record->child_count == 0)
        return;
    for (uint32_t i = 0; i < order->line_count; i++) {
        const struct result_line *line = &record->lines[i];
        struct text warehouse = {"--", 2};
        if (line->warehouse != WAREHOUSE_NONE)
            warehouse = shard_warehouse(h->shop->shards[0], line->warehouse);
        else if (order->lines[i].warehouse == NAIVE_WAREHOUSES)
            continue; /* rejected: it never had one */
        if ((uint32_t)(warehouse.at[1] - '0') != order->lines[i].warehouse)
            disagree(h, "line %u of an order is in w%c in core, in w%u in the model", i + 1,
                     warehouse.at[1], order->lines[i].warehouse);
        if (line->shipped != naive_shipped(order, i) || line->returned != naive_returned(order, i))
            disagree(h, "line %u of an order: %u shipped, %u returned in core; %u, %u in the model",
                     i + 1, line->shipped, line->returned, naive_shipped(order, i),
                     naive_returned(order, i));
        if (line->units != order->lines[i].units || line->cancelled != order->lines[i].cancelled ||
            line->unit_price != order->lines[i].unit_price)
            disagree(h, "line %u of an order: %u units, %u cancelled in core; %u, %u in the model",
                     i + 1, line->units, line->cancelled, order->lines[i].units,
                     order->lines[i].cancelled);
    }
    compare_said(h, &order->buyer, record);
    uint32_t parcels = 0;
    for (uint32_t i = 0; i < NAIVE_PARCELS; i++)
        parcels += order->parcels.order[i] != 0;
    for (uint32_t i = 0; i < NAIVE_RETURNS; i++)
        parcels += order->parcels.return_order[i] != 0;
    if (record->child_count != order->money.payment_count + order->money.refund_count + parcels)
        disagree(h, "an order has %u children in core, %u in the model", record->child_count,
                 order->money.payment_count + order->money.refund_count + parcels);
    compare_parcels(h, order, compare_children(h, &order->money, result_order_children(record)));
}

static void get(struct history *h, const struct step *step)
{
    union shop_command command;
    char id[16];
    uint32_t order = (uint32_t)draw(h, h->naive.order_count + 2);
    memset(&command, 0, sizeof command.get + 16);
    id_of(order, id);
    tell(h, "order.get %s", id);
    command.get.id_bytes = (uint8_t)strlen(id);
    memcpy(&command.get + 1, id, strlen(id));
    shop_head(&command.head, OP_ORDER_GET, sizeof command.get + strlen(id));
    bool placed = h->naive.orders[order].placed;
    const struct result *result = agree(h, step, &command.head, placed ? CODE_OK : CODE_NOT_FOUND);
    if (placed)
        compare_order(h, &h->naive.orders[order], (const void *)result);
}

static uint32_t ask_for_list(struct history *h, struct order_list list, uint32_t sku,
                             const char *customer)
{
    uint32_t count = 0;
    for (uint32_t shard = 0; shard < h->shop->shard_count; shard++) {
        union shop_command command;
        const struct result_orders *orders;
        char after[ID_BYTES_MAX] = "";
        uint32_t after_bytes = 0;
        list.cursor = 0;
        do {
            memset(&command, 0, sizeof command.list + 64);
            command.list = list;
            command.list.slot = (uint16_t)shard; /* slot_shard[i] is i % shard_count */
            command.list.customer_bytes = (uint8_t)strlen(customer);
            command.list.after_bytes = (uint8_t)after_bytes;
            struct list_cell *cells = order_list_cells(&command.list);
            for (uint32_t i = 0; i < list.cell_count; i++)
                cells[i] = (struct list_cell){.sku = sku, .warehouse = WAREHOUSE_NONE};
            char *texts = (char *)(cells + list.cell_count);
            memcpy(texts, customer, strlen(customer));
            memcpy(texts + strlen(customer), after, after_bytes);
            shop_head(&command.head, OP_ORDER_LIST,
                      (size_t)(texts - (char *)&command) + strlen(customer) + after_bytes);
            orders = (const void *)ask(h, &command.head);
            if (orders->head.code != CODE_OK)
                disagree(h, "order.list: %s", code_facts(orders->head.code)->name);
            const char *end = (const char *)(orders + 1);
            for (uint32_t i = 0; i < orders->order_count; i++)
                end += ((const struct result *)(const void *)end)->bytes;
            count += orders->order_count;
            list.cursor = orders->cursor;
            after_bytes = strlen(customer) > 0 ? orders->after_bytes : 0;
            memcpy(after, end, after_bytes);
        } while (!orders->is_end);
    }
    return count;
}

static bool is_listed(const struct order_list *list, uint32_t sku, uint32_t customer,
                      const struct naive_order *order)
{
    bool has_sku = list->cell_count == 0;
    for (uint32_t i = 0; i < order->line_count && !order->is_remainder; i++)
        has_sku |= order->lines[i].sku == sku;
    return order->placed && has_sku && (list->states == 0 || (list->states >> order->state & 1)) &&
           (customer == NAIVE_CUSTOMERS || order->buyer.customer == customer);
}

static void list_orders(struct history *h, const struct step *step)
{
    static const char *const customers[] = {"c0", "c1", "c2", ""};
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
    uint32_t customer = (uint32_t)draw(h, NAIVE_CUSTOMERS + 1);
    struct order_list list = {
        .states = draw(h, 2) == 0 ? 0 : (uint32_t)draw(h, 1u << ORDER_STATES),
        .cell_count = (uint8_t)draw(h, 2),
        .limit = (uint16_t)(1 + draw(h, ORDER_LIST_MAX)),
    };
    (void)step;
    tell(h, "order.list %s, states %x, SKU-%u", customers[customer], list.states,
         list.cell_count > 0 ? sku : 99);
    uint32_t expected = 0;
    for (uint32_t i = 0; i < h->naive.order_count; i++)
        expected += is_listed(&list, sku, customer, &h->naive.orders[i]);
    uint32_t count = ask_for_list(h, list, number_of(h, sku), customers[customer]);
    if (count != expected)
        disagree(h, "order.list: %u orders in core, %u in the model", count, expected);
    h->codes[CODE_OK]++;
}

/* ---- rules ---------------------------------------------------------------------------------------- */

static void put_rules(struct history *h, const struct step *step)
{
    static const char *const texts[NAIVE_RULES_MAX] = {
        "# none\n",
        "rule big on order.create when total >= 15000 then review\n",
        "rule many on order.create when line.units > 12 then reject limit\n",
        ("rule many on order.create when line.units > 12 then reject limit\n"
         "rule big on order.create when total >= 15000 then review\n"),
    };
    union shop_command command;
    h->naive.rules = (uint32_t)draw(h, NAIVE_RULES_MAX);
    const char *text = texts[h->naive.rules];
    tell(h, "rules.put %u", h->naive.rules);
    memset(&command, 0, sizeof command.rules + 256);
    command.rules.text_bytes = (uint32_t)strlen(text);
    memcpy(&command.rules + 1, text, strlen(text));
    shop_head(&command.head, OP_RULES_PUT, sizeof command.rules + strlen(text));
    agree(h, step, &command.head, CODE_OK);
}

const struct step order_steps[] = {
    {.name = "order.create",
     .take = create,
     .weight = 30,
     .codes = {CODE_CREATED, CODE_OUT_OF_STOCK, CODE_UNKNOWN_SKU, CODE_CURRENCY_MISMATCH,
               CODE_LIMIT, CODE_INVALID, CODE_EXPIRED_REQUEST, 0xffff}},
    {.name = "order.create, again",
     .take = create_again,
     .weight = 4,
     .codes = {CODE_REPLAYED, 0xffff}},
    {.name = "order.create, other body",
     .take = create_other,
     .weight = 3,
     .codes = {CODE_KEY_REUSED, 0xffff}},
    {.name = "order.get", .take = get, .weight = 6, .codes = {CODE_OK, CODE_NOT_FOUND, 0xffff}},
    {.name = "order.list", .take = list_orders, .weight = 1, .codes = {CODE_OK, 0xffff}},
    {.name = "rules.put", .take = put_rules, .weight = 1, .codes = {CODE_OK, 0xffff}},
    {.name = NULL},
};
