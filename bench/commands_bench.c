/* bench/commands_bench.c - every command but the placing of an order (order_bench.c), in process: as
 * many different orders or SKUs as there are iterations, each brought by the commands before it to
 * where the one that is measured belongs. */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "bench/orders.h"
#include "bench/shop.h"

enum { MANY = 10000, FEW = 500, STEPS_MAX = 12, COMMAND_ROOM = 1024, ORDER_TOTAL = 2 * 1999 };

_Static_assert((int)MANY <= (int)BENCH_SKUS, "a SKU each");

static uint8_t *commands; /* the measured ones, one behind the other */

/* Completes a command of `fixed_bytes` by a text; its bytes. */
static uint32_t finish(void *command, uint32_t op, uint32_t fixed_bytes, const char *text)
{
    struct command *head = command;
    uint32_t text_bytes = (uint32_t)strlen(text);
    memcpy((char *)command + fixed_bytes, text, text_bytes);
    head->op = (uint16_t)op;
    head->bytes = (fixed_bytes + text_bytes + 7u) & ~7u;
    return head->bytes;
}

static uint8_t length(const char *text)
{
    return (uint8_t)strlen(text);
}

static uint32_t write_money(struct order_money *money, uint32_t op, const char *order)
{
    char text[128];
    bool notice = op == OP_PAYMENT_NOTICE;
    bool refund = op >= OP_REFUND_CREATE && op <= OP_REFUND_LOSE;
    bool create = op == OP_PAYMENT_CREATE;
    money->amount = create || notice ? ORDER_TOTAL : MONEY_NOT_SAID;
    money->kind = notice ? NOTICE_CAPTURED : 0;
    money->currency = notice ? CURRENCY('C', 'N', 'Y') : 0;
    const char *const said[MONEY_TEXTS] = {[MONEY_ORDER] = order,
                                           [MONEY_PAYMENT] = "p-1",
                                           [MONEY_REFUND] = refund ? "f-1" : "",
                                           [MONEY_METHOD] = create || notice ? "alipay" : "",
                                           [MONEY_REASON] = "",
                                           [MONEY_KEY] = notice ? "n-1" : ""};
    text[0] = 0;
    for (uint32_t i = 0; i < MONEY_TEXTS; i++) {
        money->text_bytes[i] = length(said[i]);
        strcat(text, said[i]);
    }
    return finish(money, op, sizeof *money, text);
}

static uint32_t write_parcel(struct order_parcel *parcel, uint32_t op, const char *order,
                             bool handed_over)
{
    char text[64];
    uint32_t fixed_bytes = sizeof *parcel;
    parcel->choice = op == OP_RETURN_CREATE      ? RETURN_GOODS
                     : op == OP_SHIPMENT_RESOLVE ? RESOLVE_REFUND
                     : op != OP_SHIPMENT_FAIL    ? 0
                     : handed_over               ? FAIL_LOST
                                                 : FAIL_PICK_SHORT;
    parcel->text_bytes[PARCEL_ORDER] = length(order);
    parcel->text_bytes[PARCEL_ID] = 3;
    if (op == OP_RETURN_INSPECT || op == OP_RETURN_CREATE) {
        parcel->line_count = 2;
        fixed_bytes += 2 * (uint32_t)sizeof parcel->lines[0];
        for (uint32_t i = 0; i < 2; i++)
            parcel->lines[i] = (struct parcel_line){.line = i + 1, .units = 1};
    }
    snprintf(text, sizeof text, "%s%s", order, op >= OP_RETURN_CREATE ? "r-1" : "s-1");
    return finish(parcel, op, fixed_bytes, text);
}

static uint32_t write_scan(struct order_scans *scans, const char *order)
{
    char text[64];
    scans->scan_count = 1;
    scans->order_bytes = length(order);
    scans->shipment_bytes = 3;
    scans->scans[0] = (struct parcel_scan){.at_ns = 1, .code_bytes = 10};
    snprintf(text, sizeof text, "%ss-1in_transit", order);
    return finish(scans, OP_SHIPMENT_SCAN, sizeof *scans + sizeof scans->scans[0], text);
}

static uint32_t write_act(struct order_act *act, uint32_t op, const char *order)
{
    act->decision = op == OP_ORDER_REVIEW ? REVIEW_ACCEPT : 0;
    act->text_bytes[ACT_ORDER] = length(order);
    return finish(act, op, sizeof *act, order);
}

static uint32_t write_list(struct order_list *list, uint32_t number, bool of_customer)
{
    char text[32] = "";
    list->limit = 100;
    if (of_customer)
        snprintf(text, sizeof text, "c%u", (unsigned)((uint64_t)number * 2654435761u % 1000000));
    list->slot = (uint16_t)(number % SLOT_COUNT);
    list->customer_bytes = length(text);
    return finish(list, OP_ORDER_LIST, sizeof *list, text);
}

static uint32_t write_sku(void *at, uint32_t op, uint32_t number)
{
    char code[16];
    struct sku_put *put = at;
    struct sku_resolve *resolve = at;
    struct stock_get *get = at;
    snprintf(code, sizeof code, "SKU-%04u", number);
    if (op == OP_SKU_PUT) {
        put->list_price = 2000;
        put->currency = CURRENCY('C', 'N', 'Y');
        put->code_bytes = 8;
        return finish(put, op, sizeof *put, code);
    }
    if (op == OP_SKU_RESOLVE) {
        resolve->code_bytes = 8;
        return finish(resolve, op, sizeof *resolve, code);
    }
    get->sku = bench_shop.skus[number];
    return finish(get, op, sizeof *get, "");
}

static uint32_t write_receive(struct stock_receive *receive, uint32_t number)
{
    char text[32];
    receive->ok_units = 10;
    receive->sku = bench_shop.skus[number];
    receive->warehouse_bytes = 2;
    receive->key_bytes = 8;
    snprintf(text, sizeof text, "w1r-%06u", number);
    return finish(receive, OP_STOCK_RECEIVE, sizeof *receive, text);
}

static uint32_t write_change(struct stock_change *change, uint32_t op, uint32_t number)
{
    char text[32];
    change->units = op == OP_STOCK_COUNT ? BENCH_STOCK - 1 : 5;
    change->if_version = op == OP_STOCK_COUNT ? 1 : STOCK_ANY_VERSION;
    change->sku = bench_shop.skus[number];
    change->warehouse_bytes = 2;
    change->key_bytes = 8;
    snprintf(text, sizeof text, "w1%c-%06u", (int)('a' + op % 26), number);
    return finish(change, op, sizeof *change, text);
}

static uint32_t write_policy(struct stock_policy *policy, uint32_t number)
{
    policy->safety = 10;
    policy->reorder_point = (uint64_t)BENCH_STOCK * 2;
    policy->if_version = STOCK_ANY_VERSION;
    policy->sku = bench_shop.skus[number];
    policy->warehouse_bytes = 2;
    return finish(policy, OP_STOCK_POLICY, sizeof *policy, "w1");
}

static uint32_t write_transfer(void *at, uint32_t op, uint32_t number)
{
    struct transfer_ship *ship = at;
    struct transfer_receive *receive = at;
    struct transfer_get *get = at;
    if (op == OP_TRANSFER_SHIP) {
        ship->units = 5;
        ship->sku = bench_shop.skus[number];
        ship->from_bytes = ship->to_bytes = 2;
        ship->id_bytes = 3;
        return finish(ship, op, sizeof *ship, "w1w2t-1");
    }
    if (op == OP_TRANSFER_RECEIVE) {
        receive->ok = 5;
        receive->sku = bench_shop.skus[number];
        receive->id_bytes = 3;
        return finish(receive, op, sizeof *receive, "t-1");
    }
    get->sku = bench_shop.skus[number];
    get->id_bytes = 3;
    return finish(get, op, sizeof *get, "t-1");
}

static uint32_t write_cells(struct cell_list *cells, uint32_t number)
{
    cells->slot = (uint16_t)(number % SLOT_COUNT);
    cells->limit = CELL_LIST_MAX;
    cells->wanted = CELLS_WARNED;
    return finish(cells, OP_CELL_LIST, sizeof *cells, "");
}

static uint32_t write_warehouse(struct warehouse_put *warehouse, uint32_t number)
{
    warehouse->priority = 2 + number;
    warehouse->id_bytes = 2;
    return finish(warehouse, OP_WAREHOUSE_PUT, sizeof *warehouse, "w2");
}

static uint32_t write_costs(struct region_costs *costs, uint32_t number)
{
    costs->row_count = 1;
    costs->warehouse_count = 1;
    costs->region_bytes = 2;
    costs->warehouse_bytes[0] = 2;
    costs->rows[0] = (struct cost_row){.distance = 10 + number, .weight = 3};
    return finish(costs, OP_REGION_COSTS, sizeof *costs + sizeof costs->rows[0], "shw1");
}

static uint32_t write_rules(struct rules_put *put, uint32_t number)
{
    char text[64];
    put->text_bytes = (uint32_t)snprintf(
        text, sizeof text, "rule all on order.create when total >= %u then review\n", number);
    return finish(put, OP_RULES_PUT, sizeof *put, text);
}

/* Command `number` of that sort, at zeros; its bytes. */
static uint32_t write_command(void *at, uint32_t op, uint32_t number, bool handed_over)
{
    char order[32];
    const uint32_t skus[2] = {bench_shop.skus[number % BENCH_SKUS],
                              bench_shop.skus[(number + 977) % BENCH_SKUS]};
    struct order_get *get = at;
    struct order_cancel *cancel = at;
    snprintf(order, sizeof order, "2020111100%08u", number);
    switch (op) {
    case OP_ORDER_CREATE:
        return bench_order(at, number, skus, 2);
    case OP_ORDER_GET:
        get->id_bytes = length(order);
        return finish(at, op, sizeof *get, order);
    case OP_ORDER_CANCEL:
        cancel->id_bytes = length(order);
        return finish(at, op, sizeof *cancel, order);
    case OP_ORDER_REVIEW:
    case OP_ORDER_CONFIRM:
        return write_act(at, op, order);
    case OP_ORDER_LIST:
        return write_list(at, number, handed_over);
    case OP_SHIPMENT_SCAN:
        return write_scan(at, order);
    case OP_RULES_PUT:
        return write_rules(at, number);
    case OP_RULES_GET:
    case OP_AUDIT:
        return finish(at, op, sizeof(struct command), "");
    case OP_SKU_PUT:
    case OP_SKU_RESOLVE:
    case OP_SKU_GET:
    case OP_STOCK_GET:
        return write_sku(at, op, number);
    case OP_STOCK_RECEIVE:
        return write_receive(at, number);
    case OP_STOCK_POLICY:
        return write_policy(at, number);
    case OP_TRANSFER_SHIP:
    case OP_TRANSFER_RECEIVE:
    case OP_TRANSFER_GET:
        return write_transfer(at, op, number);
    case OP_CELL_LIST:
        return write_cells(at, number);
    case OP_WAREHOUSE_PUT:
        return write_warehouse(at, number);
    case OP_REGION_COSTS:
        return write_costs(at, number);
    default:
        if (op <= OP_PAYMENT_NOTICE)
            return write_money(at, op, order);
        if (op <= OP_RETURN_CLOSE)
            return write_parcel(at, op, order, handed_over);
        return write_change(at, op, number);
    }
}

static bool once(uint32_t op)
{
    return op == OP_WAREHOUSE_PUT || op == OP_RULES_PUT;
}

/* All steps but the last, for everybody; then the last is written down. Of a list, that the orders
 * stand there before it means: those of a customer. */
static void begin(uint32_t count, const uint16_t *steps)
{
    bool handed_over = false;
    bench_shop_open(MANY, 20, 4 * MANY, NULL); /* payments, shipments and returns take room too */
    if (commands == NULL)
        commands = bench_memory((uint64_t)MANY * COMMAND_ROOM);
    for (; steps[0] != 0; steps++) {
        uint32_t now = steps[1] != 0 && once(steps[0]) ? 1 : steps[1] != 0 ? MANY : count;
        uint8_t *at = commands;
        handed_over |= steps[0] == OP_SHIPMENT_HAND_OVER || steps[0] == OP_ORDER_GET;
        memset(commands, 0, (uint64_t)MANY * COMMAND_ROOM);
        for (uint32_t i = 0; i < now; i++) {
            struct command_fault fault;
            uint32_t bytes = write_command(at, steps[0], i, handed_over);
            CHECK(command_check((const void *)at, bytes, &fault) == CODE_OK);
            at += bytes;
        }
        if (steps[1] != 0)
            for (const void *next = commands; next != at;) {
                (void)bench_shop_ask(next);
                next = (const char *)next + ((const struct command *)next)->bytes;
            }
    }
}

static void run(uint64_t iterations)
{
    (void)bench_shop_run(commands, iterations);
}

/* clang-format off */
#define PAID OP_ORDER_CREATE, OP_PAYMENT_CREATE, OP_PAYMENT_CAPTURE
#define SENT PAID, OP_SHIPMENT_CREATE, OP_SHIPMENT_PICK, OP_SHIPMENT_HAND_OVER
#define DELIVERED SENT, OP_SHIPMENT_DELIVER
#define RETURNED DELIVERED, OP_RETURN_CREATE, OP_RETURN_APPROVE

/* name, how many, what comes before and, last, what is measured */
#define COMMANDS(X) \
    X(order_get,        "order get",            MANY, OP_ORDER_CREATE, OP_ORDER_GET) \
    X(order_cancel,     "order cancel",         MANY, OP_ORDER_CREATE, OP_ORDER_CANCEL) \
    X(order_cancel_paid, "order cancel, paid",  MANY, PAID, OP_ORDER_CANCEL) \
    X(order_review,     "order review",         MANY, OP_RULES_PUT, OP_ORDER_CREATE, OP_ORDER_REVIEW) \
    X(order_confirm,    "order confirm",        MANY, DELIVERED, OP_ORDER_CONFIRM) \
    X(order_list,       "order list, of a slot", FEW, OP_ORDER_CREATE, OP_ORDER_LIST) \
    X(order_list_of,    "order list, of a customer", FEW, OP_ORDER_CREATE, OP_ORDER_GET, OP_ORDER_LIST) \
    X(payment_create,   "payment create",       MANY, OP_ORDER_CREATE, OP_PAYMENT_CREATE) \
    X(payment_get,      "payment get",          MANY, PAID, OP_PAYMENT_GET) \
    X(payment_authorize, "payment authorize",   MANY, OP_ORDER_CREATE, OP_PAYMENT_CREATE, OP_PAYMENT_AUTHORIZE) \
    X(payment_capture,  "payment capture",      MANY, OP_ORDER_CREATE, OP_PAYMENT_CREATE, OP_PAYMENT_CAPTURE) \
    X(payment_fail,     "payment fail",         MANY, OP_ORDER_CREATE, OP_PAYMENT_CREATE, OP_PAYMENT_FAIL) \
    X(payment_void,     "payment void",         MANY, OP_ORDER_CREATE, OP_PAYMENT_CREATE, OP_PAYMENT_AUTHORIZE, OP_PAYMENT_VOID) \
    X(payment_lose,     "payment unknown",      MANY, OP_ORDER_CREATE, OP_PAYMENT_CREATE, OP_PAYMENT_LOSE) \
    X(payment_notice,   "payment notice",       MANY, OP_ORDER_CREATE, OP_PAYMENT_NOTICE) \
    X(refund_create,    "refund create",        MANY, PAID, OP_REFUND_CREATE) \
    X(refund_process,   "refund process",       MANY, PAID, OP_REFUND_CREATE, OP_REFUND_PROCESS) \
    X(refund_succeed,   "refund succeed",       MANY, PAID, OP_REFUND_CREATE, OP_REFUND_SUCCEED) \
    X(refund_fail,      "refund fail",          MANY, PAID, OP_REFUND_CREATE, OP_REFUND_FAIL) \
    X(refund_lose,      "refund unknown",       MANY, PAID, OP_REFUND_CREATE, OP_REFUND_LOSE) \
    X(shipment_create,  "shipment create",      MANY, PAID, OP_SHIPMENT_CREATE) \
    X(shipment_get,     "shipment get",         MANY, SENT, OP_SHIPMENT_GET) \
    X(shipment_pick,    "shipment pick",        MANY, PAID, OP_SHIPMENT_CREATE, OP_SHIPMENT_PICK) \
    X(shipment_hand,    "shipment hand over",   MANY, PAID, OP_SHIPMENT_CREATE, OP_SHIPMENT_HAND_OVER) \
    X(shipment_deliver, "shipment deliver",     MANY, SENT, OP_SHIPMENT_DELIVER) \
    X(shipment_fail,    "shipment fail",        MANY, PAID, OP_SHIPMENT_CREATE, OP_SHIPMENT_PICK, OP_SHIPMENT_FAIL) \
    X(shipment_cancel,  "shipment cancel",      MANY, PAID, OP_SHIPMENT_CREATE, OP_SHIPMENT_CANCEL) \
    X(shipment_resolve, "shipment resolve",     MANY, SENT, OP_SHIPMENT_FAIL, OP_SHIPMENT_RESOLVE) \
    X(shipment_scan,    "shipment scan",        MANY, SENT, OP_SHIPMENT_SCAN) \
    X(return_create,    "return create",        MANY, DELIVERED, OP_RETURN_CREATE) \
    X(return_get,       "return get",           MANY, RETURNED, OP_RETURN_GET) \
    X(return_approve,   "return approve",       MANY, DELIVERED, OP_RETURN_CREATE, OP_RETURN_APPROVE) \
    X(return_refuse,    "return refuse",        MANY, DELIVERED, OP_RETURN_CREATE, OP_RETURN_REFUSE) \
    X(return_ship,      "return ship",          MANY, RETURNED, OP_RETURN_SHIP) \
    X(return_receive,   "return receive",       MANY, RETURNED, OP_RETURN_SHIP, OP_RETURN_RECEIVE) \
    X(return_inspect,   "return inspect",       MANY, RETURNED, OP_RETURN_RECEIVE, OP_RETURN_INSPECT) \
    X(return_close,     "return close",         MANY, RETURNED, OP_RETURN_CLOSE) \
    X(sku_put,          "sku put",              MANY, OP_SKU_PUT) \
    X(sku_resolve,      "sku resolve",          MANY, OP_SKU_RESOLVE) \
    X(sku_get,          "sku get",              MANY, OP_SKU_GET) \
    X(stock_get,        "stock get",            MANY, OP_STOCK_GET) \
    X(stock_receive,    "stock receive",        MANY, OP_STOCK_RECEIVE) \
    X(stock_expect,     "stock expect",         MANY, OP_STOCK_EXPECT) \
    X(stock_adjust,     "stock adjust",         MANY, OP_STOCK_ADJUST) \
    X(stock_quarantine, "stock quarantine",     MANY, OP_STOCK_QUARANTINE) \
    X(stock_clear,      "stock clear",          MANY, OP_STOCK_QUARANTINE, OP_STOCK_CLEAR) \
    X(stock_write_off,  "stock write off",      MANY, OP_STOCK_QUARANTINE, OP_STOCK_WRITE_OFF) \
    X(stock_count,      "stock count",          MANY, OP_STOCK_COUNT) \
    X(stock_policy,     "stock policy",         MANY, OP_STOCK_POLICY) \
    X(cell_list,        "cell list, warned",    FEW,  OP_STOCK_POLICY, OP_CELL_LIST) \
    X(transfer_ship,    "transfer ship",        MANY, OP_WAREHOUSE_PUT, OP_TRANSFER_SHIP) \
    X(transfer_get,     "transfer get",         MANY, OP_WAREHOUSE_PUT, OP_TRANSFER_SHIP, OP_TRANSFER_GET) \
    X(transfer_receive, "transfer receive",     MANY, OP_WAREHOUSE_PUT, OP_TRANSFER_SHIP, OP_TRANSFER_RECEIVE) \
    X(warehouse_put,    "warehouse put",        MANY, OP_WAREHOUSE_PUT) \
    X(region_costs,     "region costs",         MANY, OP_REGION_COSTS) \
    X(rules_put,        "rules put",            FEW,  OP_RULES_PUT) \
    X(rules_get,        "rules get",            MANY, OP_RULES_PUT, OP_RULES_GET) \
    X(audit,            "audit", FEW,  OP_ORDER_CREATE, OP_AUDIT)

#define X(id, name, count, ...)                                                                    \
    static void begin_##id(void)                                                                   \
    {                                                                                              \
        begin(count, (const uint16_t[STEPS_MAX]){__VA_ARGS__});                                    \
    }
COMMANDS(X)
#undef X

const struct bench commands_benches[] = {
#define X(id, name, count, ...) {"command/" name, begin_##id, run, 1, count},
    COMMANDS(X)
#undef X
    {0},
};
/* clang-format on */
