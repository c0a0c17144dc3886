/* bench/rules_bench.c - what 100 rules cost an order that none of them decides: every one of them
 * has been looked at. Half of the rules are about a line, the order has three. */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "bench/orders.h"
#include "core/check.h"
#include "core/rules.h"

enum { ORDERS = 256, LINES = 3 };

static struct rules rules;
static struct rules_line lines[ORDERS][LINES];
static struct rules_order orders[ORDERS];
static struct {
    struct slice_rules_put put;
    char text[RULES_BYTES_MAX];
} slice;

static void set_text(struct rules_order *order, enum rules_field field, const char *text)
{
    order->text[field] = (struct text){text, (uint32_t)strlen(text)};
    order->value[field] = rules_text_value(order->text[field]);
}

static void begin(void)
{
    static const char *const channels[] = {"online", "store", "app"};
    static char customers[ORDERS][16];
    uint64_t random = 1;
    slice.put.head.kind = SLICE_RULES_PUT;
    slice.put.text_bytes = bench_rules(slice.text);
    rules_apply(&rules, &slice.put.head);
    for (uint32_t i = 0; i < ORDERS; i++) {
        struct rules_order *order = &orders[i];
        *order = (struct rules_order){.lines = lines[i], .line_count = LINES};
        for (uint32_t k = 0; k < LINES; k++) {
            int64_t price = 1 + (int64_t)(bench_random(&random) % 10000);
            int64_t units = 1 + (int64_t)(bench_random(&random) % 3);
            lines[i][k] = (struct rules_line){{price, units, price, 0}};
            order->value[RULES_TOTAL] += price * units;
            order->value[RULES_UNITS] += units;
        }
        order->value[RULES_LINES] = LINES;
        snprintf(customers[i], sizeof customers[i], "c%u", i);
        set_text(order, RULES_CUSTOMER, customers[i]);
        set_text(order, RULES_CHANNEL, channels[i % 3]);
        set_text(order, RULES_REGION, "sh");
    }
}

static void look(uint64_t iterations)
{
    static uint32_t at;
    uint64_t found = 0;
    for (uint64_t i = 0; i < iterations; i++)
        found += rules_look(&rules, &orders[at++ % ORDERS]) != NULL;
    CHECK(found == 0);
}

const struct bench rules_benches[] = {
    {.name = "rules/look, 100 rules, 3 lines", .setup = begin, .run = look, .items = 1},
    {0},
};
