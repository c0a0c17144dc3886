/* tests/unit/core/parcels.h - commands about shipments and returns, for tests. */
#ifndef SPATE_TESTS_UNIT_CORE_PARCELS_H
#define SPATE_TESTS_UNIT_CORE_PARCELS_H

#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

struct parcel_said {
    const char *order;
    const char *id;
    uint8_t choice; /* enum parcel_choice */
    uint32_t line_count;
    struct parcel_line lines[8];
    const char *texts[PARCEL_TEXTS]; /* but for the first two */
};

static inline void parcel_of(union shop_command *command, enum op op,
                             const struct parcel_said *said)
{
    memset(command, 0, sizeof *command);
    struct order_parcel *parcel = &command->parcel;
    parcel->choice = said->choice;
    parcel->line_count = (uint16_t)said->line_count;
    memcpy(parcel->lines, said->lines, said->line_count * sizeof said->lines[0]);
    char *at = (char *)(parcel->lines + said->line_count);
    for (uint32_t i = 0; i < PARCEL_TEXTS; i++) {
        const char *text = i == PARCEL_ORDER ? said->order
                           : i == PARCEL_ID  ? said->id
                                             : said->texts[i];
        size_t bytes = text != NULL ? strlen(text) : 0;
        parcel->text_bytes[i] = (uint8_t)bytes;
        if (bytes > 0)
            memcpy(at, text, bytes);
        at += bytes;
    }
    shop_head(&command->head, (uint16_t)op, (size_t)(at - (char *)parcel));
}

static inline uint64_t parcel_send(struct shop *shop, enum op op, struct parcel_said said)
{
    union shop_command *command = malloc(sizeof *command);
    parcel_of(command, op, &said);
    uint64_t request = shop_send(shop, &command->head);
    free(command);
    return request;
}

static inline const struct result *parcel(struct shop *shop, enum op op, struct parcel_said said)
{
    uint64_t request = parcel_send(shop, op, said);
    shop_run(shop);
    return shop_answer(shop, request);
}

/* Without lines or anything else. */
static inline const struct result *parcel_do(struct shop *shop, enum op op, const char *order,
                                             const char *id)
{
    return parcel(shop, op, (struct parcel_said){.order = order, .id = id});
}

static inline const struct result *parcel_choose(struct shop *shop, enum op op, const char *order,
                                                 const char *id, enum parcel_choice choice)
{
    return parcel(shop, op,
                  (struct parcel_said){.order = order, .id = id, .choice = (uint8_t)choice});
}

static inline void parcel_scan_of(union shop_command *command, const char *order, const char *id,
                                  const char *code, uint64_t at_ns)
{
    memset(command, 0, sizeof *command);
    struct order_scans *scans = (void *)command;
    scans->scan_count = 1;
    scans->order_bytes = (uint8_t)strlen(order);
    scans->shipment_bytes = (uint8_t)strlen(id);
    scans->scans[0] = (struct parcel_scan){.at_ns = at_ns, .code_bytes = (uint8_t)strlen(code)};
    int bytes = sprintf((char *)(scans->scans + 1), "%s%s%s", order, id, code);
    shop_head(&command->head, OP_SHIPMENT_SCAN,
              sizeof *scans + sizeof scans->scans[0] + (size_t)bytes);
}

static inline const struct result *parcel_scan(struct shop *shop, const char *order, const char *id,
                                               const char *code, uint64_t at_ns)
{
    union shop_command command;
    parcel_scan_of(&command, order, id, code, at_ns);
    return shop_ask(shop, &command.head);
}

static inline const struct result_order *parcel_order(struct shop *shop, const char *id)
{
    const struct result *result = shop_get(shop, id);
    assert_int_equal(result->kind, RESULT_ORDER);
    return (const void *)result;
}

/* The one child of an answer. */
static inline const struct child *parcel_child(const struct result *result, enum child_kind kind)
{
    assert_int_equal(result->kind, RESULT_CHILD);
    const struct child *child = result_children((const void *)result);
    assert_int_equal(child->kind, kind);
    return child;
}

/* Pays all of an order at once. */
static inline void parcel_pay(struct shop *shop, const char *order)
{
    int64_t total = parcel_order(shop, order)->total;
    const struct shop_money said = {
        .order = order, .payment = "p-1", .method = "alipay", .amount = total};
    assert_int_equal(shop_money(shop, OP_PAYMENT_CREATE, said)->code, CODE_CREATED);
    assert_int_equal(
        shop_money(shop, OP_PAYMENT_CAPTURE, (struct shop_money){.order = order, .payment = "p-1"})
            ->code,
        CODE_OK);
    assert_int_equal(parcel_order(shop, order)->state, ORDER_PAID);
}

/* Order "o" of 2 units of the first SKU and 3 of the second, at 100 each, paid. */
static inline void parcel_paid(struct shop *shop, uint32_t skus[2])
{
    shop_stock_up(shop, skus, 2, 10);
    const struct shop_line lines[] = {{skus[0], 2, 100}, {skus[1], 3, 100}};
    assert_int_equal(shop_order(shop, "o", lines, 2)->code, CODE_CREATED);
    parcel_pay(shop, "o");
}

/* What refunds of the order's payment have been opened for. */
static inline int64_t parcel_refunds(struct shop *shop, const char *order)
{
    const struct result *result =
        shop_money(shop, OP_PAYMENT_GET, (struct shop_money){.order = order, .payment = "p-1"});
    const struct child_payment *payment = (const void *)parcel_child(result, CHILD_PAYMENT);
    return payment->refund_pending + payment->refunded;
}

#endif
