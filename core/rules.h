/* core/rules.h - which new orders a person must look at, and which are refused for a reason.
 *
 *   rule big-order   on order.create when total >= 5000000                 then review
 *   rule wrong-price on order.create when line.price != sku.price          then reject price_mismatch
 *   rule known-shop  on order.create when customer in (c1, c2)             then accept
 *
 * core/RULES.md has the language. The rules are looked at in the order in which they stand; the
 * first that matches decides, and its name stands in the order's event. A rule that speaks of a line
 * matches if all of its condition is true of one and the same line.
 *
 * A text of rules is compiled once to tests that jump: where to go on if a test holds, and where if
 * not. So an order costs one or two nanoseconds a test, and nothing is looked up.
 *
 * Every shard has its own copy. The owner of TOPOLOGY_SLOT decides every change and numbers the sets
 * of rules from 1 on; the others apply the same slice as it arrives, between two orders. */
#ifndef SPATE_CORE_RULES_H
#define SPATE_CORE_RULES_H

#include "core/check.h"
#include "core/command.h"
#include "core/event.h"
#include "core/image.h"

enum {
    RULE_BYTES_MIN = 32, /* `rule a on order.create when ...` alone is nearly as long */
    RULE_COUNT_MAX = RULES_BYTES_MAX / RULE_BYTES_MIN,
    RULE_TESTS_MAX = 4000, /* of all rules of a set */
    RULE_TERMS_MAX = 1000, /* of one rule: names, numbers and what joins them */
    RULE_DEPTH_MAX = 30,   /* of parentheses */
};

/* Behind it: the text. */
struct slice_rules_put {
    struct slice head;
    uint64_t hash; /* rules_hash of the text */
    uint32_t number;
    uint32_t text_bytes;
};
_Static_assert(sizeof(struct slice_rules_put) == 24, "as it stands in the log");

/* Behind it: the text. */
struct part_rules {
    struct part head;
    uint64_t hash;
    uint32_t number;
    uint32_t text_bytes;
};
_Static_assert(sizeof(struct part_rules) == 24, "as it stands in images");

/* Where a text is wrong; lines and columns are counted from 1, a column is a character. */
struct rules_fault {
    uint32_t line;
    uint32_t column;
    char message[RULES_MESSAGE_BYTES]; /* ends with 0 */
};

/* What a rule may ask of an order, and of each of its lines. Texts are kept as digests beside the
 * texts themselves. */
enum rules_field {
    RULES_TOTAL,
    RULES_UNITS,
    RULES_LINES,
    RULES_CURRENCY,
    RULES_CUSTOMER,
    RULES_CHANNEL,
    RULES_REGION,
    RULES_PAY_METHOD,
    RULES_CAMPAIGN,
    RULES_DELIVERY,
    RULES_ORDER_FIELDS,
    RULES_LINE_PRICE = 16,
    RULES_LINE_UNITS,
    RULES_SKU_PRICE,
    RULES_SKU_FLASH,
    RULES_LINE_FIELDS_END,
    RULES_BETWEEN = 32,  /* what has been reckoned up on the way */
    RULES_CONSTANT = 96, /* stands in the test itself */
};

struct rules_line {
    int64_t value[RULES_LINE_FIELDS_END - RULES_LINE_PRICE];
};

struct rules_order {
    int64_t value[RULES_ORDER_FIELDS];
    struct text text[RULES_ORDER_FIELDS];
    const struct rules_line *lines; /* at least one, if the rules speak of lines */
    uint32_t line_count;
};

/* What came of looking: the state that the order begins in, and why. */
struct judgement {
    int64_t total;         /* of the order */
    uint32_t rules_number; /* which set was in force */
    uint8_t state;         /* enum order_state */
    uint8_t rule_bytes;    /* 0: no rule matched */
    uint8_t reason_bytes;
    uint8_t zero;
    char texts[2 * ID_BYTES_MAX]; /* the rule's name, the reason; behind them, anything */
};

enum rules_verdict { RULES_ACCEPT, RULES_REVIEW, RULES_REJECT };

struct rule {
    uint16_t name_at; /* in the text */
    uint16_t reason_at;
    uint8_t name_bytes;
    uint8_t reason_bytes;
    uint8_t verdict;
};

struct rules_test {
    int64_t constant; /* or the digest of a text */
    uint16_t yes;
    uint16_t no;
    uint16_t text_at; /* in the text */
    uint8_t text_bytes;
    uint8_t kind;
    uint8_t left;
    uint8_t right;
    uint8_t target;
};

struct rules {
    uint64_t hash;
    uint32_t number; /* of the set; 0: there never was one */
    uint32_t text_bytes;
    uint32_t rule_count;
    uint32_t test_count;
    uint32_t fields; /* one bit for each of the order's own that is asked for */
    bool ask_lines;
    struct rule rules[RULE_COUNT_MAX];
    struct rules_test tests[RULE_TESTS_MAX];
    char text[RULES_BYTES_MAX];
};

/* The identity of a text of rules. */
uint64_t rules_hash(struct text text);

/* Whether the text is a set of rules; an empty one has none. Nothing is kept. */
bool rules_check(struct text text, struct rules_fault *fault) MUST_LOOK;

/* The rule that decides; NULL: none matches. Fields that `fields` does not name need no value. */
const struct rule *rules_look(const struct rules *rules, const struct rules_order *order);

struct text rule_name(const struct rules *rules, const struct rule *rule);
struct text rule_reason(const struct rules *rules, const struct rule *rule);

/* A text as a rule compares it. */
int64_t rules_text_value(struct text text);

/* Expects a slice whose text has been checked. */
void rules_apply(struct rules *rules, const struct slice *slice);

/* See core/image.h. */
bool rules_image(const struct rules *rules, uint64_t *at, struct pile *out);
bool rules_part_valid(const struct part_rules *part);
void rules_load(struct rules *rules, const struct part_rules *part);

#endif
