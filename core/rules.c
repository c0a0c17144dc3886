#include "core/rules.h"

#include <string.h>

#include "core/digest.h"
#include "core/rules_compile.h"

uint64_t rules_hash(struct text text)
{
    return digest(text.at, text.bytes, SLICE_RULES_PUT);
}

int64_t rules_text_value(struct text text)
{
    return (int64_t)digest(text.at, text.bytes, 0);
}

bool rules_check(struct text text, struct rules_fault *fault)
{
    return rules_compile(text, NULL, fault);
}

/* ---- looking ----------------------------------------------------------------------------------- */

/* Where the values of each 16 names stand. Nothing nests deeper than RULE_DEPTH_MAX, and each level
 * keeps two values at most. */
enum { BETWEEN_VALUES = RULES_CONSTANT - RULES_BETWEEN, BASES = RULES_CONSTANT / 16 + 1 };
_Static_assert(2 * RULE_DEPTH_MAX + 2 <= BETWEEN_VALUES, "as many as emit_value may name");

static int64_t value_of(const int64_t *const bases[BASES], uint8_t name)
{
    return bases[name / 16][name % 16];
}

static bool same_text(const struct rules *rules, const struct rules_test *test, struct text text)
{
    return text.bytes == test->text_bytes &&
           memcmp(text.at, rules->text + test->text_at, text.bytes) == 0;
}

const struct rule *rules_look(const struct rules *rules, const struct rules_order *order)
{
    int64_t between[BETWEEN_VALUES];
    const int64_t *bases[BASES] = {order->value, NULL,         between,     between + 16,
                                   between + 32, between + 48, order->value};
    uint32_t line = 0;
    const struct rules_test *test = rules->tests;
    for (;;) {
        bases[RULES_CONSTANT / 16] = &test->constant;
        int64_t left = value_of(bases, test->left);
        bool yes = false;
        switch ((enum rules_test_kind)test->kind) {
        case TEST_SAME:
            yes = left == value_of(bases, test->right);
            break;
        case TEST_LESS:
            yes = left < value_of(bases, test->right);
            break;
        case TEST_AT_MOST:
            yes = left <= value_of(bases, test->right);
            break;
        case TEST_TEXT: /* the digests first: they nearly always differ */
            yes = left == test->constant && same_text(rules, test, order->text[test->left]);
            break;
        case TEST_ADD:
            between[test->target - RULES_BETWEEN] = rules_add(left, value_of(bases, test->right));
            test++;
            continue;
        case TEST_SUBTRACT:
            between[test->target - RULES_BETWEEN] =
                rules_subtract(left, value_of(bases, test->right));
            test++;
            continue;
        case TEST_MULTIPLY:
            between[test->target - RULES_BETWEEN] =
                rules_multiply(left, value_of(bases, test->right));
            test++;
            continue;
        case TEST_EACH_LINE:
            line = 0;
            bases[RULES_LINE_PRICE / 16] = order->lines[0].value;
            test++;
            continue;
        case TEST_NEXT_LINE:
            yes = ++line < order->line_count;
            if (yes)
                bases[RULES_LINE_PRICE / 16] = order->lines[line].value;
            break;
        case TEST_DECIDED:
            return &rules->rules[test->yes];
        case TEST_NONE:
            return NULL;
        }
        test = &rules->tests[yes ? test->yes : test->no];
    }
}

struct text rule_name(const struct rules *rules, const struct rule *rule)
{
    return (struct text){rules->text + rule->name_at, rule->name_bytes};
}

struct text rule_reason(const struct rules *rules, const struct rule *rule)
{
    return (struct text){rules->text + rule->reason_at, rule->reason_bytes};
}

/* ---- applying ---------------------------------------------------------------------------------- */

static void note_fields(struct rules *rules)
{
    rules->fields = 0;
    rules->ask_lines = false;
    for (uint32_t i = 0; i < rules->test_count; i++) {
        const uint8_t names[] = {rules->tests[i].left, rules->tests[i].right};
        for (uint32_t side = 0; side < 2; side++)
            if (names[side] < RULES_ORDER_FIELDS)
                rules->fields |= 1u << names[side];
        rules->ask_lines |= rules->tests[i].kind == TEST_EACH_LINE;
    }
}

static void take_over(struct rules *rules, uint64_t hash, uint32_t number, struct text text)
{
    struct rules_fault fault;
    memcpy(rules->text, text.at, text.bytes);
    rules->text_bytes = text.bytes;
    rules->hash = hash;
    rules->number = number;
    CHECK(rules_compile((struct text){rules->text, text.bytes}, rules, &fault));
    note_fields(rules);
}

void rules_apply(struct rules *rules, const struct slice *slice)
{
    const struct slice_rules_put *put = (const void *)slice;
    take_over(rules, put->hash, put->number,
              (struct text){(const char *)(put + 1), put->text_bytes});
}

/* ---- images ------------------------------------------------------------------------------------ */

bool rules_image(const struct rules *rules, uint64_t *at, struct pile *out)
{
    if (rules->number == 0 || (*at)++ > 0)
        return false;
    struct record *record = record_begin(out, TOPOLOGY_SLOT);
    struct part_rules *part =
        record_part(out, record, PART_RULES, sizeof *part + rules->text_bytes);
    part->hash = rules->hash;
    part->number = rules->number;
    part->text_bytes = rules->text_bytes;
    memcpy(part + 1, rules->text, rules->text_bytes);
    return true;
}

bool rules_part_valid(const struct part_rules *part)
{
    struct text text = {(const char *)(part + 1), part->text_bytes};
    struct rules_fault fault;
    return part->head.bytes >= sizeof *part && part->text_bytes <= RULES_BYTES_MAX &&
           part->head.bytes == bytes_padded((uint32_t)sizeof *part + part->text_bytes) &&
           part->hash == rules_hash(text) && rules_check(text, &fault);
}

void rules_load(struct rules *rules, const struct part_rules *part)
{
    take_over(rules, part->hash, part->number,
              (struct text){(const char *)(part + 1), part->text_bytes});
}
