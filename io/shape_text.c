#include "io/shape_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/code.h"
#include "core/order.h"
#include "core/result.h"
#include "io/time_text.h"

_Static_assert((int)TIME_TEXT_BYTES_MAX <= (int)SHAPE_TEXT_BYTES_MAX, "a time fits");

static int64_t as_signed(uint64_t number, uint32_t bytes)
{
    uint32_t unused = 64 - 8 * bytes;
    return (int64_t)(number << unused) >> unused;
}

static const char *name_of(enum shape_type type, uint32_t number)
{
    const struct code_facts *code;
    switch (type) {
    case SHAPE_CODE:
        code = code_facts(number);
        return code != NULL ? code->name : "unknown";
    case SHAPE_ORDER_STATE:
        return order_state_name((enum order_state)number);
    case SHAPE_ORDER_MOVE:
        return order_move_name((enum order_move)number);
    case SHAPE_PAYMENT_STATE:
        return payment_state_name((enum payment_state)number);
    case SHAPE_REFUND_STATE:
        return refund_state_name((enum refund_state)number);
    case SHAPE_SHIPMENT_STATE:
        return shipment_state_name((enum shipment_state)number);
    case SHAPE_SHIPMENT_MOVE:
        return shipment_move_name((enum shipment_move)number);
    case SHAPE_RETURN_STATE:
        return return_state_name((enum return_state)number);
    case SHAPE_RETURN_MOVE:
        return return_move_name((enum return_move)number);
    case SHAPE_END:
    case SHAPE_NUMBER:
    case SHAPE_AMOUNT:
    case SHAPE_HASH:
    case SHAPE_TIME:
    case SHAPE_CURRENCY:
    case SHAPE_SKU:
    case SHAPE_WAREHOUSE:
    case SHAPE_TEXT:
    case SHAPE_ORDER:
    case SHAPE_CHARS:
    case SHAPE_ARRAY:
        break;
    }
    return NULL;
}

bool shape_is_number(const struct shape_item *item)
{
    return item->type == SHAPE_NUMBER || item->type == SHAPE_AMOUNT || item->type == SHAPE_SKU ||
           item->type == SHAPE_WAREHOUSE || item->type == SHAPE_TEXT || item->type == SHAPE_ORDER ||
           item->type == SHAPE_ARRAY;
}

struct text shape_text(const struct shape_item *item, const void *from,
                       char out[SHAPE_TEXT_BYTES_MAX])
{
    const char *chars = (const char *)from + item->offset;
    if (item->type == SHAPE_CHARS)
        return (struct text){chars, (uint32_t)strnlen(chars, item->bytes)};
    uint64_t number = shape_number(item, from);
    const char *name = name_of(item->type, (uint32_t)number);
    if (name != NULL)
        return (struct text){name, (uint32_t)strlen(name)};
    if (item->type == SHAPE_TIME)
        return number == 0 ? (struct text){out, 0} : time_text_print(number, out);
    int bytes;
    if (item->type == SHAPE_AMOUNT)
        bytes = sprintf(out, "%" PRId64, as_signed(number, item->bytes));
    else if (item->type == SHAPE_HASH)
        bytes = sprintf(out, "%016" PRIx64, number);
    else if (item->type == SHAPE_CURRENCY)
        bytes = sprintf(out, "%c%c%c", (int)(number & 255), (int)(number >> 8 & 255),
                        (int)(number >> 16 & 255));
    else
        bytes = sprintf(out, "%" PRIu64, number);
    return (struct text){out, (uint32_t)bytes};
}
