/* Through libspate: some clients, each with a connection to every shard. */
#include "tools/target_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/values.h"

enum {
    CLIENTS_MAX = 256,
    BLOCK = 64, /* neighbours that go through the same client, in few frames */
};

struct binary_target {
    struct spate *clients[CLIENTS_MAX];
    uint32_t client_count;
    uint32_t client_next; /* whose answers come next */
    const struct trace *trace;
    const uint32_t *numbers;
    struct spate *refused;
};

/* The list of addresses, beginning with its `first`th. */
static char *rotated(const char *addresses, uint32_t first)
{
    size_t bytes = strlen(addresses);
    char *list = malloc(bytes + 1);
    const char *at = addresses;
    if (list == NULL)
        return NULL;
    for (; first > 0; first--) {
        const char *comma = strchr(at, ',');
        at = comma != NULL ? comma + 1 : addresses;
    }
    size_t behind = strlen(at);
    memcpy(list, at, behind);
    if (at != addresses) {
        list[behind] = ',';
        memcpy(list + behind + 1, addresses, (size_t)(at - addresses) - 1);
    }
    list[bytes] = '\0';
    return list;
}

struct binary_target *binary_target_open(const struct target_options *options,
                                         const struct trace *trace, const uint32_t *numbers)
{
    struct binary_target *target = calloc(1, sizeof *target);
    if (target == NULL)
        return NULL;
    target->trace = trace;
    target->numbers = numbers;
    for (uint32_t i = 0; i < options->connections && i < CLIENTS_MAX; i++) {
        char *addresses = rotated(options->addresses, i);
        const struct spate_options client = {.address = addresses,
                                             .token = options->token,
                                             .open_max =
                                                 options->open_max / options->connections + 1};
        target->clients[i] = addresses != NULL ? spate_open(&client) : NULL;
        int error = errno;
        free(addresses);
        if (target->clients[i] == NULL) {
            binary_target_close(target);
            errno = error;
            return NULL;
        }
        target->client_count++;
    }
    return target;
}

void binary_target_close(struct binary_target *target)
{
    for (uint32_t i = 0; i < target->client_count; i++)
        spate_close(target->clients[i]);
    free(target);
}

/* ---- what is sent ---------------------------------------------------------------------------------------- */

static bool send_sku(struct binary_target *target, struct spate *client,
                     const struct trace_event *event, uint64_t tag)
{
    char code[TRACE_NAME_BYTES];
    trace_name_of(target->trace, TRACE_SKUS, event->a, code);
    const struct spate_sku sku = {.code = code,
                                  .currency = target->trace->head->currency,
                                  .list_price = event->amount,
                                  .max_per_order = event->b,
                                  .flash = event->flags & TRACE_FLASH};
    return spate_sku_put(client, &sku, tag);
}

static bool send_receipt(struct binary_target *target, struct spate *client,
                         const struct trace_event *event, uint64_t pass, uint64_t tag)
{
    char warehouse[TRACE_NAME_BYTES], key[RECEIPT_KEY_BYTES];
    trace_name_of(target->trace, TRACE_WAREHOUSES, event->b, warehouse);
    receipt_key(target->trace, event, pass, key);
    const struct spate_receipt receipt = {.sku = target->numbers[event->a],
                                          .warehouse = warehouse,
                                          .key = key,
                                          .ok_units = (uint64_t)event->amount};
    return spate_stock_receive(client, &receipt, tag);
}

static bool send_order(struct binary_target *target, struct spate *client,
                       const struct trace_event *event, uint64_t pass, uint64_t tag)
{
    struct spate_line lines[TRACE_LINES_MAX];
    char id[TRACE_NAME_BYTES], customer[TRACE_NAME_BYTES], region[TRACE_NAME_BYTES];
    const struct trace_line *from = trace_lines(event);
    for (uint32_t i = 0; i < event->line_count; i++)
        lines[i] = (struct spate_line){.sku = target->numbers[from[i].sku],
                                       .units = from[i].units,
                                       .unit_price = from[i].unit_price};
    trace_order_id(target->trace, event->order, pass, id);
    trace_name_of(target->trace, TRACE_CUSTOMERS, event->a, customer);
    trace_name_of(target->trace, TRACE_REGIONS, event->b, region);
    const struct spate_order order = {
        .id = id,
        .customer = customer,
        .currency = target->trace->head->currency,
        .region = region,
        .pay_by_ns = event->flags & TRACE_DEPOSIT ? DEPOSIT_PAY_BY_S * 1000000000 : 0,
        .lines = lines,
        .line_count = event->line_count};
    return spate_order_create(client, &order, tag);
}

static bool send_money(struct binary_target *target, struct spate *client,
                       const struct trace_event *event, uint64_t pass, uint64_t tag)
{
    char id[TRACE_NAME_BYTES], payment[16], refund[16];
    bool is_new = event->kind == TRACE_PAY, is_refund = event->kind == TRACE_REFUND;
    trace_order_id(target->trace, event->order, pass, id);
    snprintf(payment, sizeof payment, "p-%u", event->b);
    snprintf(refund, sizeof refund, "f-%u", event->b);
    const struct spate_money money = {.order = id,
                                      .payment = payment,
                                      .refund = is_refund ? refund : NULL,
                                      .method = is_new ? "alipay" : NULL,
                                      .reason = is_refund ? "replayed" : NULL,
                                      .amount = is_new || is_refund ? event->amount : SPATE_ALL};
    enum spate_money_act act = is_new                          ? SPATE_PAYMENT_CREATE
                               : is_refund                     ? SPATE_REFUND_CREATE
                               : event->kind == TRACE_PAY_FAIL ? SPATE_PAYMENT_FAIL
                                                               : SPATE_PAYMENT_CAPTURE;
    return spate_order_money(client, act, &money, tag);
}

static bool send_parcel(struct binary_target *target, struct spate *client,
                        const struct trace_event *event, uint64_t pass, uint64_t tag)
{
    struct spate_parcel_line lines[TRACE_LINES_MAX];
    char id[TRACE_NAME_BYTES], parcel_id[16];
    bool is_return = event->kind == TRACE_RETURN;
    trace_order_id(target->trace, event->order, pass, id);
    snprintf(parcel_id, sizeof parcel_id, "%c-%u", is_return ? 'r' : 's', event->b);
    for (uint32_t i = 0; i < event->line_count; i++)
        lines[i] = (struct spate_parcel_line){.line = trace_lines(event)[i].sku,
                                              .units = trace_lines(event)[i].units};
    const struct spate_parcel parcel = {.order = id,
                                        .id = parcel_id,
                                        .reason = is_return ? "replayed" : NULL,
                                        .lines = lines,
                                        .line_count = event->line_count};
    enum spate_parcel_act act = is_return                       ? SPATE_RETURN_CREATE
                                : event->kind == TRACE_SHIP     ? SPATE_SHIPMENT_CREATE
                                : event->kind == TRACE_HANDOVER ? SPATE_SHIPMENT_HAND_OVER
                                                                : SPATE_SHIPMENT_DELIVER;
    return spate_order_parcel(client, act, &parcel, tag);
}

static bool send_act(struct binary_target *target, struct spate *client,
                     const struct trace_event *event, uint64_t pass, uint64_t tag)
{
    char id[TRACE_NAME_BYTES];
    trace_order_id(target->trace, event->order, pass, id);
    return event->kind == TRACE_CANCEL
               ? spate_order_cancel(client, id, "changed my mind", NULL, tag)
               : spate_order_confirm(client, id, NULL, tag);
}

static bool send_costs(struct binary_target *target, struct spate *client,
                       const struct trace_event *event, uint64_t tag)
{
    struct spate_cost rows[TRACE_LINES_MAX];
    char region[TRACE_NAME_BYTES], names[WAREHOUSES_MAX][TRACE_NAME_BYTES];
    const char *warehouses[WAREHOUSES_MAX];
    uint32_t count = 0;
    const struct trace_line *lines = trace_lines(event);
    for (uint32_t i = 0; i < event->line_count; i++) {
        bool known = i > 0 && lines[i].sku == lines[i - 1].sku;
        if (!known && count == WAREHOUSES_MAX)
            return false;
        if (!known) {
            trace_name_of(target->trace, TRACE_WAREHOUSES, lines[i].sku, names[count]);
            warehouses[count] = names[count];
            count++;
        }
        rows[i] = (struct spate_cost){.distance = lines[i].units,
                                      .weight = (uint32_t)lines[i].unit_price,
                                      .warehouse = (uint8_t)(count - 1)};
    }
    trace_name_of(target->trace, TRACE_REGIONS, event->a, region);
    return spate_region_costs(client, region, warehouses, count, rows, event->line_count, tag);
}

bool binary_target_send(struct binary_target *target, const struct trace_event *event,
                        uint64_t pass, uint64_t tag)
{
    /* The same order always goes the same way, so that its requests keep their order. */
    uint64_t way = trace_has_order(event) ? event->order : event->a;
    struct spate *client = target->clients[way / BLOCK % target->client_count];
    char name[TRACE_NAME_BYTES];
    switch (event->kind) {
    case TRACE_WAREHOUSE:
        trace_name_of(target->trace, TRACE_WAREHOUSES, event->a, name);
        return spate_warehouse_put(client, name, event->b, tag);
    case TRACE_SKU:
        return send_sku(target, client, event, tag);
    case TRACE_RECEIVE:
        return send_receipt(target, client, event, pass, tag);
    case TRACE_ORDER:
        return send_order(target, client, event, pass, tag);
    case TRACE_READ:
        trace_order_id(target->trace, event->order, pass, name);
        return spate_order_get(client, name, tag);
    case TRACE_PAY:
    case TRACE_PAY_FAIL:
    case TRACE_CAPTURE:
    case TRACE_REFUND:
        return send_money(target, client, event, pass, tag);
    case TRACE_SHIP:
    case TRACE_HANDOVER:
    case TRACE_DELIVER:
    case TRACE_RETURN:
        return send_parcel(target, client, event, pass, tag);
    case TRACE_CANCEL:
    case TRACE_CONFIRM:
        return send_act(target, client, event, pass, tag);
    case TRACE_COSTS:
        return send_costs(target, client, event, tag);
    case TRACE_READ_STOCK:
        return spate_stock_get(client, target->numbers[event->a], tag);
    default:
        return false;
    }
}

/* ---- the loop --------------------------------------------------------------------------------------------- */

bool binary_target_next(struct binary_target *target, struct spate_result *answer)
{
    for (uint32_t tried = 0; tried < target->client_count; tried++) {
        if (spate_next(target->clients[target->client_next], answer))
            return true;
        target->client_next = (target->client_next + 1) % target->client_count;
    }
    return false;
}

bool binary_target_process(struct binary_target *target)
{
    for (uint32_t i = 0; i < target->client_count; i++)
        if (!spate_process(target->clients[i]))
            target->refused = target->clients[i];
    return target->refused == NULL;
}

void binary_target_wait(struct binary_target *target, uint64_t until_ns)
{
    struct pollfd files[CLIENTS_MAX];
    uint64_t now = clock_ns();
    for (uint32_t i = 0; i < target->client_count; i++) {
        int timeout_ms = spate_timeout_ms(target->clients[i]);
        if (timeout_ms >= 0 && now + (uint64_t)timeout_ms * 1000000 < until_ns)
            until_ns = now + (uint64_t)timeout_ms * 1000000;
        files[i] = (struct pollfd){.fd = spate_fd(target->clients[i]), .events = POLLIN};
    }
    if (until_ns <= now)
        return;
    struct timespec left = {.tv_sec = (time_t)((until_ns - now) / 1000000000),
                            .tv_nsec = (long)((until_ns - now) % 1000000000)};
    ppoll(files, target->client_count, &left, NULL);
}

uint64_t binary_target_open_count(const struct binary_target *target)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < target->client_count; i++)
        count += spate_open_count(target->clients[i]);
    return count;
}

const char *binary_target_error(const struct binary_target *target)
{
    return spate_error(target->refused != NULL ? target->refused : target->clients[0]);
}

uint32_t binary_target_shard(const struct binary_target *target, uint32_t sku)
{
    return spate_sku_shard(target->clients[0], target->numbers[sku]);
}
