#include "bench/orders.h"

#include <stdio.h>
#include <string.h>

/* What makes the load costs the server, which shares its cores: no printf for each order. */
static uint32_t write_number(char *out, uint64_t number, uint32_t digits_min)
{
    char digits[20];
    uint32_t count = 0;
    for (; number > 0 || count < digits_min; number /= 10)
        digits[count++] = (char)('0' + number % 10);
    for (uint32_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

uint32_t bench_order_id(char *out, uint64_t number)
{
    memcpy(out, "2020111100", 10);
    return 10 + write_number(out + 10, number, 8);
}

uint32_t bench_order(void *out, uint64_t number, const uint32_t *skus, uint32_t line_count)
{
    char texts[64];
    uint32_t id_bytes = bench_order_id(texts, number);
    memcpy(texts + id_bytes, "138000", 6);
    uint32_t text_bytes =
        id_bytes + 6 + write_number(texts + id_bytes + 6, number * 2654435761u % 1000000, 6);

    struct order_create *create = out;
    uint32_t bytes =
        ((uint32_t)(sizeof *create + line_count * sizeof create->lines[0]) + text_bytes + 7u) & ~7u;
    memset(create, 0, bytes);
    create->currency = CURRENCY('C', 'N', 'Y');
    create->line_count = (uint16_t)line_count;
    create->text_bytes[ORDER_ID] = (uint8_t)id_bytes;
    create->text_bytes[ORDER_CUSTOMER] = (uint8_t)(text_bytes - id_bytes);
    for (uint32_t i = 0; i < line_count; i++)
        create->lines[i] = (struct command_line){.sku = skus[i], .units = 1, .unit_price = 1999};
    memcpy(create->lines + line_count, texts, text_bytes);
    create->head.op = OP_ORDER_CREATE;
    create->head.request = number;
    create->head.bytes = bytes;
    return bytes;
}

uint32_t bench_rules(char *out)
{
    static const char *const sorts[] = {
        "total >= %u00000000 then review",
        "line.price * 100 < sku.price * %u then reject price_mismatch",
        "line.units > 5%u and sku.flash then reject limit",
        "channel == store%u and total > 100000 then review",
        "customer in (x%u, y2, z3) then reject blocked",
        "region == r%u and not pay_method in (alipay, card) then review",
        "line.units > 100%u then review",
        "campaign == \"11.11-%u\" and units > 20 then reject limit",
        "line.price == 0 and line.units > 1%u then review",
        "lines > 20%u or units > 500 then review",
    };
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < 100; i++) {
        bytes += (uint32_t)sprintf(out + bytes, "rule r%u on order.create when ", i);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        bytes += (uint32_t)sprintf(out + bytes, sorts[i % 10], 1 + i / 10);
#pragma GCC diagnostic pop
        out[bytes++] = '\n';
    }
    return bytes;
}
