#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules.h"

/* Compiled as a shard does it. */
static struct rules *rules_of(const char *text)
{
    uint32_t bytes = (uint32_t)strlen(text);
    struct slice_rules_put *put = calloc(1, sizeof *put + bytes);
    struct rules *rules = calloc(1, sizeof *rules);
    put->head.kind = SLICE_RULES_PUT;
    put->text_bytes = bytes;
    memcpy(put + 1, text, bytes);
    rules_apply(rules, &put->head);
    free(put);
    return rules;
}

static struct rules_line line_of(int64_t price, int64_t units, int64_t sku_price, int64_t flash)
{
    return (struct rules_line){{price, units, sku_price, flash}};
}

struct shopper {
    struct rules_order order;
    struct rules_line lines[3];
};

static void set_text(struct rules_order *order, enum rules_field field, const char *text)
{
    order->text[field] = text_of(text);
    order->value[field] = rules_text_value(order->text[field]);
}

/* Three lines: 1 of 100 at list price; 7 of 50, list price 60; 2 of 30 from a flash sale. */
static void a_shopper(struct shopper *s)
{
    memset(s, 0, sizeof *s);
    s->lines[0] = line_of(100, 1, 100, 0);
    s->lines[1] = line_of(50, 7, 60, 0);
    s->lines[2] = line_of(30, 2, 30, 1);
    s->order.lines = s->lines;
    s->order.line_count = 3;
    s->order.value[RULES_TOTAL] = 510;
    s->order.value[RULES_UNITS] = 10;
    s->order.value[RULES_LINES] = 3;
    s->order.value[RULES_CURRENCY] = CURRENCY('C', 'N', 'Y');
    set_text(&s->order, RULES_CUSTOMER, "c1");
    set_text(&s->order, RULES_CHANNEL, "online");
    set_text(&s->order, RULES_REGION, "");
    set_text(&s->order, RULES_PAY_METHOD, "alipay");
    set_text(&s->order, RULES_CAMPAIGN, "1111 caf\xc3\xa9");
    set_text(&s->order, RULES_DELIVERY, "");
}

/* Whether the condition holds for the shopper. */
static bool holds(const char *condition)
{
    char text[2048];
    struct shopper s;
    a_shopper(&s);
    snprintf(text, sizeof text, "rule one on order.create when %s then review\n", condition);
    struct rules *rules = rules_of(text);
    bool found = rules_look(rules, &s.order) != NULL;
    free(rules);
    return found;
}

static void a_condition_means_what_it_says(void **state)
{
    (void)state;
    assert_true(holds("total >= 510"));
    assert_false(holds("total > 510"));
    assert_true(holds("total <= 510"));
    assert_false(holds("total < 510"));
    assert_true(holds("total == 5_10"));
    assert_false(holds("total != 510"));
    assert_true(holds("500 < total"));
    assert_true(holds("units == 10 and lines == 3"));
    assert_true(holds("currency == CNY"));
    assert_true(holds("currency not in (EUR, USD)"));
    assert_true(holds("channel == online"));
    assert_false(holds("channel == onlin"));
    assert_true(holds("channel != \"on line\""));
    assert_true(holds("region == \"\""));
    assert_true(holds("campaign == \"1111 caf\xc3\xa9\""));
    assert_true(holds("customer in (c0, c1, c2)"));
    assert_false(holds("customer in (c0, c2)"));
    assert_true(holds("not customer in (c0, c2)"));
    assert_true(holds("total in (1, 510)"));
    assert_true(holds("not (total > 600 or channel == store)"));
    assert_true(holds("not not total == 510"));
}

static void and_binds_closer_than_or_and_not_closest(void **state)
{
    (void)state;
    assert_true(holds("total == 510 or units == 0 and units == 1"));
    assert_false(holds("(total == 510 or units == 0) and units == 1"));
    assert_true(holds("not units == 0 and total == 510"));
    assert_false(holds("not (units == 0 or total == 510)"));
}

static void sums_and_products_are_reckoned_in_whole_numbers(void **state)
{
    (void)state;
    assert_true(holds("total * 2 + 1 == 1021"));
    assert_true(holds("total - 10 * units == 410"));
    assert_true(holds("(total - 10) * units == 5000"));
    assert_true(holds("100 - total == -410"));
    assert_true(holds("-total == 0 - 510"));
    assert_true(holds("total == 500 + 2 * 5"));
    assert_true(holds("total - (units - (lines - 1)) == 502"));
    assert_true(holds("line.price * 100 < sku.price * 90"));
    assert_false(holds("line.price * 100 < sku.price * 80"));
}

static void what_leaves_64_bits_stays_at_their_end(void **state)
{
    (void)state;
    assert_true(holds("total * 9223372036854775807 == 9223372036854775807"));
    assert_true(holds("total * 9223372036854775807 * -1 < -9223372036854775806"));
    assert_true(holds("total + 9223372036854775807 > total"));
}

static void a_rule_that_speaks_of_a_line_is_about_one_line_at_a_time(void **state)
{
    (void)state;
    assert_true(holds("line.units > 5"));
    assert_true(holds("sku.flash"));
    assert_false(holds("line.units > 5 and sku.flash"));
    assert_true(holds("line.price != sku.price"));
    assert_true(holds("line.units == 2 and sku.flash and total == 510"));
    assert_true(holds("not sku.flash and line.price == 100"));
    assert_false(holds("line.units > 7"));
}

static void the_first_rule_that_matches_decides(void **state)
{
    (void)state;
    struct shopper s;
    a_shopper(&s);
    struct rules *rules = rules_of("# the day's rules\n"
                                   "rule never on order.create when total < 0 then reject no\n"
                                   "rule a-line on order.create\n"
                                   "    when line.units > 5     # seven\n"
                                   "    then reject too_many\n"
                                   "rule all on order.create when total > 0 then accept");
    const struct rule *rule = rules_look(rules, &s.order);
    assert_non_null(rule);
    assert_int_equal(rule->verdict, RULES_REJECT);
    assert_int_equal(rule_name(rules, rule).bytes, 6);
    assert_memory_equal(rule_name(rules, rule).at, "a-line", 6);
    assert_int_equal(rule_reason(rules, rule).bytes, 8);
    assert_memory_equal(rule_reason(rules, rule).at, "too_many", 8);
    s.lines[1].value[1] = 5;
    rule = rules_look(rules, &s.order);
    assert_int_equal(rule->verdict, RULES_ACCEPT);
    s.order.value[RULES_TOTAL] = 0;
    assert_null(rules_look(rules, &s.order));
    free(rules);
}

static void no_rules_match_nothing(void **state)
{
    (void)state;
    struct shopper s;
    a_shopper(&s);
    struct rules *rules = calloc(1, sizeof *rules);
    assert_null(rules_look(rules, &s.order));
    free(rules);
    rules = rules_of("# nothing yet\n");
    assert_null(rules_look(rules, &s.order));
    free(rules);
}

static void assert_fault(const char *text, uint32_t line, uint32_t column, const char *message)
{
    struct rules_fault fault;
    assert_false(rules_check(text_of(text), &fault));
    if (strstr(fault.message, message) == NULL || fault.line != line || fault.column != column)
        fail_msg("%s\nis said to be wrong at %u:%u: %s", text, fault.line, fault.column,
                 fault.message);
}

static void assert_condition_fault(const char *condition, uint32_t column, const char *message)
{
    char text[2048];
    snprintf(text, sizeof text, "rule one on order.create when\n%s then review\n", condition);
    assert_fault(text, 2, column, message);
}

static void a_fault_says_where_and_what(void **state)
{
    (void)state;
    assert_condition_fault("totl > 5", 1, "unknown field `totl`; did you mean `total`?");
    assert_condition_fault("total > 5 and line.pice > 1", 15, "did you mean `line.price`?");
    assert_condition_fault("total > shoe", 9, "unknown field `shoe`");
    assert_condition_fault("total-5 > 1", 1, "did you mean `total`?");
    assert_condition_fault("total = 5", 7, "did you mean `==`?");
    assert_condition_fault("total > 5.5", 9, "smallest coins");
    assert_condition_fault("total > 9223372036854775808", 9, "larger than");
    assert_condition_fault("total", 1, "compare it with something");
    assert_condition_fault("channel > store", 1, "compared with ==");
    assert_condition_fault("channel == total", 12, "stands in quotes");
    assert_condition_fault("channel == 1688", 12, "stands in quotes");
    assert_condition_fault("channel == 1688shop", 12, "begins with a digit");
    assert_condition_fault("currency == CNX", 13, "unknown currency `CNX`");
    assert_condition_fault("sku.flash == 1", 1, "true or false by itself");
    assert_condition_fault("5 > 3", 1, "one side is to be a field");
    assert_condition_fault("\"caf\xc3\xa9\" == channel and", 2, "the field comes first");
    assert_condition_fault("campaign == \"caf\xc3\xa9\" and totl > 1", 24, "unknown field `totl`");
    assert_condition_fault("total > 1 and", 15, "found `then`");
    assert_condition_fault("(total > 1", 12, "expected `)`");
    assert_condition_fault("total > 1)", 10, "expected `and`, `or` or `then`");
    assert_condition_fault("total > 1 > 0", 11, "expected `and`, `or` or `then`");
    assert_condition_fault("channel in online", 12, "a list behind `in`");
    assert_condition_fault("channel in (online store)", 20, "expected `,` or `)`");
    assert_condition_fault("channel in ()", 13, "expected a field, a number or a text");
    assert_condition_fault("total ? 5", 7, "no meaning");
    assert_condition_fault("channel == \"online", 13 - 1, "no closing quote");
    assert_condition_fault("channel == \"on\tline\"", 12, "no control characters");
    assert_condition_fault("total - units-lines > 5", 9, "a minus stands between spaces");
    assert_condition_fault("price > 5", 1, "there are total, units, lines");
    assert_condition_fault("total + channel > 5", 9, "expected a number, but `channel` is none");
    assert_fault("rules x", 1, 1, "expected `rule`, found `rules`");
    assert_fault("rule", 1, 5, "the name of the rule");
    assert_fault("rule a on order.pay when", 1, 11, "expected `order.create`");
    assert_fault("rule a on order.create when total > 1 then reject", 1, 50, "a reason");
    assert_fault("rule a on order.create when total > 1 then refuse", 1, 44, "found `refuse`");
    assert_fault("rule a on order.create when total > 1 then review 5", 1, 51, "or the end");
    assert_fault("rule a on order.create when total > 1 then review\n"
                 "rule a on order.create when total > 2 then review",
                 2, 6, "there is a rule `a` already");
}

static void what_is_too_long_or_too_deep_is_refused(void **state)
{
    (void)state;
    static char text[2 * RULES_BYTES_MAX];
    struct rules_fault fault;
    char *at = text + sprintf(text, "rule a on order.create when ");
    for (uint32_t i = 0; i < RULE_DEPTH_MAX + 5; i++)
        *at++ = '(';
    strcpy(at, "total > 1");
    assert_false(rules_check(text_of(text), &fault));
    assert_non_null(strstr(fault.message, "too deeply"));
    at = text + sprintf(text, "rule a on order.create when total in (1");
    for (uint32_t i = 0; i < RULE_TERMS_MAX; i++)
        at += sprintf(at, ",%u", i);
    strcpy(at, ") then accept");
    assert_false(rules_check(text_of(text), &fault));
    assert_non_null(strstr(fault.message, "too long"));
    at = text;
    for (uint32_t rule = 0; rule < 20; rule++) {
        at += sprintf(at, "rule r%u on order.create when total in (1", rule);
        for (uint32_t i = 0; i < 300; i++)
            at += sprintf(at, ",1");
        at += sprintf(at, ") then accept\n");
    }
    assert_false(rules_check(text_of(text), &fault));
    assert_non_null(strstr(fault.message, "too many tests"));
    memset(text, ' ', sizeof text - 1);
    assert_false(rules_check(text_of(text), &fault));
    assert_non_null(strstr(fault.message, "16384"));
}

/* As deep as it may be, and every value that can be under way at once. */
static void the_deepest_condition_is_reckoned(void **state)
{
    (void)state;
    char condition[2048];
    char *at = condition + sprintf(condition, "total == ");
    for (uint32_t i = 0; i + 1 < RULE_DEPTH_MAX; i++)
        at += sprintf(at, "lines - lines + 1 * (");
    at += sprintf(at, "units * 51");
    for (uint32_t i = 0; i + 1 < RULE_DEPTH_MAX; i++)
        at += sprintf(at, ")");
    assert_true(holds(condition));
}

/* Whatever bytes come, they are rules or have a fault somewhere in them. */
static void any_bytes_are_rules_or_have_a_fault(void **state)
{
    (void)state;
    static const char *const words[] = {"rule ",      "a ",       "on ",         "order.create ",
                                        "when ",      "then ",    "review ",     "reject ",
                                        "total ",     "> ",       "1 ",          "( ",
                                        ") ",         "and ",     "or ",         "not ",
                                        "in ",        ", ",       "line.price ", "\"x\" ",
                                        "== ",        "* ",       "- ",          "\n",
                                        "sku.flash ", "channel ", "\xff",        "#",
                                        "\""};
    uint64_t random = 7;
    for (uint32_t round = 0; round < 20000; round++) {
        char text[512] = "rule a on order.create when ";
        size_t bytes = round % 2 == 0 ? strlen(text) : 0;
        for (uint32_t i = 0; i < 30; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            const char *word = words[(random >> 33) % (sizeof words / sizeof words[0])];
            memcpy(text + bytes, word, strlen(word));
            bytes += strlen(word);
        }
        struct rules_fault fault;
        if (rules_check((struct text){text, (uint32_t)bytes}, &fault))
            continue;
        assert_true(fault.line >= 1 && fault.column >= 1 && fault.message[0] != 0);
        assert_true(fault.column <= bytes + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_condition_means_what_it_says),
        cmocka_unit_test(and_binds_closer_than_or_and_not_closest),
        cmocka_unit_test(sums_and_products_are_reckoned_in_whole_numbers),
        cmocka_unit_test(what_leaves_64_bits_stays_at_their_end),
        cmocka_unit_test(a_rule_that_speaks_of_a_line_is_about_one_line_at_a_time),
        cmocka_unit_test(the_first_rule_that_matches_decides),
        cmocka_unit_test(no_rules_match_nothing),
        cmocka_unit_test(a_fault_says_where_and_what),
        cmocka_unit_test(what_is_too_long_or_too_deep_is_refused),
        cmocka_unit_test(the_deepest_condition_is_reckoned),
        cmocka_unit_test(any_bytes_are_rules_or_have_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
