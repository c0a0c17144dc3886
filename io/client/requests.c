/* io/client/requests.c - writes what is asked as commands of the protocol. What cannot be written as
 * one is refused here, before it takes a place. */
#include "io/client/client.h"

#include <string.h>

_Static_assert(sizeof(struct spate_line) == sizeof(struct command_line), "copied as they are");
_Static_assert(sizeof(struct spate_adjustment) == sizeof(struct adjustment), "likewise");
_Static_assert((int)SPATE_PAYMENT_CREATE == OP_PAYMENT_CREATE &&
                   (int)SPATE_PAYMENT_FAIL == OP_PAYMENT_FAIL &&
                   (int)SPATE_REFUND_FAIL == OP_REFUND_FAIL &&
                   (int)SPATE_SHIPMENT_DELIVER == OP_SHIPMENT_DELIVER &&
                   (int)SPATE_RETURN_CLOSE == OP_RETURN_CLOSE && SPATE_ALL == MONEY_NOT_SAID,
               "numbers of the protocol");
_Static_assert(sizeof(struct spate_cost) == sizeof(struct cost_row), "copied as they are");
_Static_assert(sizeof(struct spate_parcel_line) == sizeof(struct parcel_line),
               "copied as they are");

static uint32_t text_bytes(const char *text)
{
    return text != NULL ? (uint32_t)strnlen(text, UINT8_MAX + 1) : 0;
}

/* Where the next text goes. */
static char *text_put(char *at, const char *text, uint32_t bytes)
{
    if (bytes > 0)
        memcpy(at, text, bytes);
    return at + bytes;
}

static uint32_t currency_of(const char *text)
{
    return CURRENCY((uint8_t)text[0], (uint8_t)text[1], (uint8_t)text[2]);
}

static bool currency_fits(const char *text)
{
    return text_bytes(text) == 3;
}

static bool is_within(uint32_t bytes, uint32_t bytes_max)
{
    return bytes > 0 && bytes <= bytes_max;
}

bool spate_order_create(struct spate *client, const struct spate_order *order, uint64_t tag)
{
    const char *const texts[ORDER_TEXTS] = {
        [ORDER_ID] = order->id,
        [ORDER_CUSTOMER] = order->customer,
        [ORDER_CHANNEL] = order->channel,
        [ORDER_REGION] = order->region,
        [ORDER_PAY_METHOD] = order->pay_method,
        [ORDER_CAMPAIGN] = order->campaign,
        [ORDER_SHIP_TO] = order->ship_to,
        [ORDER_DELIVERY] = order->delivery,
    };
    uint32_t lengths[ORDER_TEXTS];
    uint32_t line_bytes = order->line_count * (uint32_t)sizeof(struct command_line);
    uint32_t adjustment_bytes = order->adjustment_count * (uint32_t)sizeof(struct adjustment);
    if (order->line_count > ORDER_LINES_MAX || order->adjustment_count > ADJUSTMENTS_MAX ||
        !currency_fits(order->currency))
        return false;
    uint32_t bytes = (uint32_t)sizeof(struct order_create) + line_bytes + adjustment_bytes;
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        lengths[i] = text_bytes(texts[i]);
        bytes += lengths[i];
        if (lengths[i] > TEXT_BYTES_MAX)
            return false;
    }
    struct order_create *create = call_begin(client, OP_ORDER_CREATE, bytes, tag);
    if (create == NULL)
        return false;
    create->head.flags = order->want_record ? COMMAND_WANT_RECORD : 0;
    create->issued_at_ns = order->issued_at_ns;
    create->pay_by_ns = order->pay_by_ns;
    create->currency = currency_of(order->currency);
    create->line_count = (uint16_t)order->line_count;
    create->adjustment_count = (uint8_t)order->adjustment_count;
    create->prefer = order->single_parcel ? PREFER_SINGLE_PARCEL : PREFER_NONE;
    char *at = text_put((char *)create->lines, (const char *)order->lines, line_bytes);
    at = text_put(at, (const char *)order->adjustments, adjustment_bytes);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        create->text_bytes[i] = (uint8_t)lengths[i];
        at = text_put(at, texts[i], lengths[i]);
    }
    return call_ask(client);
}

bool spate_order_get(struct spate *client, const char *id, uint64_t tag)
{
    uint32_t bytes = text_bytes(id);
    struct order_get *get =
        is_within(bytes, ID_BYTES_MAX)
            ? call_begin(client, OP_ORDER_GET, (uint32_t)sizeof *get + bytes, tag)
            : NULL;
    if (get == NULL)
        return false;
    get->id_bytes = (uint8_t)bytes;
    text_put((char *)(get + 1), id, bytes);
    return call_ask(client);
}

bool spate_sku_put(struct spate *client, const struct spate_sku *sku, uint64_t tag)
{
    uint32_t bytes = text_bytes(sku->code);
    if (!is_within(bytes, ID_BYTES_MAX) || !currency_fits(sku->currency))
        return false;
    struct sku_put *put = call_begin(client, OP_SKU_PUT, (uint32_t)sizeof *put + bytes, tag);
    if (put == NULL)
        return false;
    put->list_price = sku->list_price;
    put->currency = currency_of(sku->currency);
    put->max_per_order = sku->max_per_order;
    put->max_per_customer = sku->max_per_customer;
    put->customer_window_s = sku->customer_window_s;
    put->weight_g = sku->weight_g;
    put->flags = sku->flash ? SKU_FLASH : 0;
    put->code_bytes = (uint8_t)bytes;
    text_put((char *)(put + 1), sku->code, bytes);
    return call_ask(client);
}

bool spate_sku_resolve(struct spate *client, const char *code, uint64_t tag)
{
    uint32_t bytes = text_bytes(code);
    struct sku_resolve *resolve =
        is_within(bytes, ID_BYTES_MAX)
            ? call_begin(client, OP_SKU_RESOLVE, (uint32_t)sizeof *resolve + bytes, tag)
            : NULL;
    if (resolve == NULL)
        return false;
    resolve->code_bytes = (uint8_t)bytes;
    text_put((char *)(resolve + 1), code, bytes);
    return call_ask(client);
}

bool spate_stock_get(struct spate *client, uint32_t sku, uint64_t tag)
{
    struct stock_get *get = call_begin(client, OP_STOCK_GET, sizeof *get, tag);
    if (get == NULL)
        return false;
    get->sku = sku;
    return call_ask(client);
}

bool spate_stock_receive(struct spate *client, const struct spate_receipt *receipt, uint64_t tag)
{
    uint32_t warehouse_bytes = text_bytes(receipt->warehouse);
    uint32_t key_bytes = text_bytes(receipt->key);
    if (!is_within(warehouse_bytes, ID_BYTES_MAX) || !is_within(key_bytes, TEXT_BYTES_MAX))
        return false;
    uint32_t bytes = (uint32_t)sizeof(struct stock_receive) + warehouse_bytes + key_bytes;
    struct stock_receive *receive = call_begin(client, OP_STOCK_RECEIVE, bytes, tag);
    if (receive == NULL)
        return false;
    receive->sku = receipt->sku;
    receive->ok_units = receipt->ok_units;
    receive->damaged_units = receipt->damaged_units;
    receive->warehouse_bytes = (uint8_t)warehouse_bytes;
    receive->key_bytes = (uint8_t)key_bytes;
    char *at = text_put((char *)(receive + 1), receipt->warehouse, warehouse_bytes);
    text_put(at, receipt->key, key_bytes);
    return call_ask(client);
}

bool spate_warehouse_put(struct spate *client, const char *id, uint32_t priority, uint64_t tag)
{
    uint32_t bytes = text_bytes(id);
    struct warehouse_put *put =
        is_within(bytes, ID_BYTES_MAX)
            ? call_begin(client, OP_WAREHOUSE_PUT, (uint32_t)sizeof *put + bytes, tag)
            : NULL;
    if (put == NULL)
        return false;
    put->priority = priority;
    put->id_bytes = (uint8_t)bytes;
    text_put((char *)(put + 1), id, bytes);
    return call_ask(client);
}

bool spate_order_cancel(struct spate *client, const char *id, const char *reason, const char *key,
                        uint64_t tag)
{
    uint32_t id_bytes = text_bytes(id), reason_bytes = text_bytes(reason);
    uint32_t key_bytes = text_bytes(key);
    if (!is_within(id_bytes, ID_BYTES_MAX) || reason_bytes > TEXT_BYTES_MAX ||
        key_bytes > TEXT_BYTES_MAX)
        return false;
    uint32_t bytes = (uint32_t)sizeof(struct order_cancel) + id_bytes + reason_bytes + key_bytes;
    struct order_cancel *cancel = call_begin(client, OP_ORDER_CANCEL, bytes, tag);
    if (cancel == NULL)
        return false;
    cancel->id_bytes = (uint8_t)id_bytes;
    cancel->reason_bytes = (uint8_t)reason_bytes;
    cancel->key_bytes = (uint8_t)key_bytes;
    char *at = text_put((char *)(cancel + 1), id, id_bytes);
    at = text_put(at, reason, reason_bytes);
    text_put(at, key, key_bytes);
    return call_ask(client);
}

/* Lengths and bytes of texts that stand behind a command; false: one is too long. */
static bool texts_measure(const char *const *texts, uint32_t count, uint8_t *lengths,
                          uint32_t *bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = text_bytes(texts[i]);
        if (length > TEXT_BYTES_MAX)
            return false;
        lengths[i] = (uint8_t)length;
        *bytes += length;
    }
    return true;
}

static void texts_put(char *at, const char *const *texts, const uint8_t *lengths, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        at = text_put(at, texts[i], lengths[i]);
}

bool spate_order_confirm(struct spate *client, const char *id, const char *key, uint64_t tag)
{
    const char *const texts[ACT_TEXTS] = {[ACT_ORDER] = id, [ACT_KEY] = key};
    uint8_t lengths[ACT_TEXTS];
    uint32_t bytes = sizeof(struct order_act);
    if (!texts_measure(texts, ACT_TEXTS, lengths, &bytes))
        return false;
    struct order_act *act = call_begin(client, OP_ORDER_CONFIRM, bytes, tag);
    if (act == NULL)
        return false;
    memcpy(act->text_bytes, lengths, sizeof lengths);
    texts_put((char *)(act + 1), texts, lengths, ACT_TEXTS);
    return call_ask(client);
}

bool spate_order_money(struct spate *client, enum spate_money_act act,
                       const struct spate_money *money, uint64_t tag)
{
    const char *const texts[MONEY_TEXTS] = {
        [MONEY_ORDER] = money->order,   [MONEY_PAYMENT] = money->payment,
        [MONEY_REFUND] = money->refund, [MONEY_METHOD] = money->method,
        [MONEY_REASON] = money->reason, [MONEY_KEY] = money->key};
    uint8_t lengths[MONEY_TEXTS];
    uint32_t bytes = sizeof(struct order_money);
    if (!texts_measure(texts, MONEY_TEXTS, lengths, &bytes))
        return false;
    struct order_money *command = call_begin(client, (enum op)act, bytes, tag);
    if (command == NULL)
        return false;
    command->amount = money->amount;
    memcpy(command->text_bytes, lengths, sizeof lengths);
    texts_put((char *)(command + 1), texts, lengths, MONEY_TEXTS);
    return call_ask(client);
}

bool spate_order_parcel(struct spate *client, enum spate_parcel_act act,
                        const struct spate_parcel *parcel, uint64_t tag)
{
    const char *const texts[PARCEL_TEXTS] = {[PARCEL_ORDER] = parcel->order,
                                             [PARCEL_ID] = parcel->id,
                                             [PARCEL_WAREHOUSE] = parcel->warehouse,
                                             [PARCEL_CARRIER] = parcel->carrier,
                                             [PARCEL_TRACKING] = parcel->tracking,
                                             [PARCEL_REASON] = parcel->reason,
                                             [PARCEL_KEY] = parcel->key};
    uint8_t lengths[PARCEL_TEXTS];
    uint32_t line_bytes = parcel->line_count * (uint32_t)sizeof(struct parcel_line);
    uint32_t bytes = (uint32_t)sizeof(struct order_parcel) + line_bytes;
    if (parcel->line_count > ORDER_LINES_MAX ||
        !texts_measure(texts, PARCEL_TEXTS, lengths, &bytes))
        return false;
    struct order_parcel *command = call_begin(client, (enum op)act, bytes, tag);
    if (command == NULL)
        return false;
    command->line_count = (uint16_t)parcel->line_count;
    command->choice = act == SPATE_RETURN_CREATE ? RETURN_GOODS : 0;
    memcpy(command->text_bytes, lengths, sizeof lengths);
    char *at = text_put((char *)command->lines, (const char *)parcel->lines, line_bytes);
    texts_put(at, texts, lengths, PARCEL_TEXTS);
    return call_ask(client);
}

bool spate_region_costs(struct spate *client, const char *region, const char *const *warehouses,
                        uint32_t warehouse_count, const struct spate_cost *rows, uint32_t row_count,
                        uint64_t tag)
{
    uint8_t lengths[WAREHOUSES_MAX] = {0};
    uint32_t region_bytes = text_bytes(region);
    uint32_t row_bytes = row_count * (uint32_t)sizeof(struct cost_row);
    uint32_t bytes = (uint32_t)sizeof(struct region_costs) + row_bytes + region_bytes;
    if (!is_within(region_bytes, ID_BYTES_MAX) || warehouse_count > WAREHOUSES_MAX ||
        row_count > COST_ROWS_MAX || !texts_measure(warehouses, warehouse_count, lengths, &bytes))
        return false;
    struct region_costs *costs = call_begin(client, OP_REGION_COSTS, bytes, tag);
    if (costs == NULL)
        return false;
    costs->row_count = (uint16_t)row_count;
    costs->warehouse_count = (uint8_t)warehouse_count;
    costs->region_bytes = (uint8_t)region_bytes;
    memcpy(costs->warehouse_bytes, lengths, sizeof lengths);
    char *at = text_put((char *)costs->rows, (const char *)rows, row_bytes);
    texts_put(text_put(at, region, region_bytes), warehouses, lengths, warehouse_count);
    return call_ask(client);
}

bool spate_command(struct spate *client, uint32_t op, const void *fields, uint32_t bytes,
                   uint64_t tag)
{
    struct command_fault fault = {0};
    if (bytes > COMMAND_BYTES_MAX || op > UINT16_MAX)
        return false;
    struct command *command =
        call_begin(client, (enum op)op, (uint32_t)sizeof *command + bytes, tag);
    if (command == NULL)
        return false;
    memcpy(command + 1, fields, bytes);
    if (command_check(command, command->bytes, &fault) == CODE_OK)
        return call_ask(client);
    call_drop(client);
    return false;
}
