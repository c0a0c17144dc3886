#include "core/judge.h"

#include <string.h>

#include "core/answer.h"

/* ---- a new order ------------------------------------------------------------------------------- */

static const struct {
    enum rules_field field;
    enum order_text text;
} texts[] = {
    {RULES_CUSTOMER, ORDER_CUSTOMER}, {RULES_CHANNEL, ORDER_CHANNEL},
    {RULES_REGION, ORDER_REGION},     {RULES_PAY_METHOD, ORDER_PAY_METHOD},
    {RULES_CAMPAIGN, ORDER_CAMPAIGN}, {RULES_DELIVERY, ORDER_DELIVERY},
};

static void gather_order(struct rules_order *out, const struct order_create *create, int64_t total,
                         uint32_t wanted)
{
    int64_t units = 0;
    for (uint32_t i = 0; i < create->line_count; i++)
        units += create->lines[i].units;
    out->value[RULES_TOTAL] = total;
    out->value[RULES_UNITS] = units;
    out->value[RULES_LINES] = create->line_count;
    out->value[RULES_CURRENCY] = create->currency;
    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if ((wanted >> texts[i].field & 1) == 0)
            continue;
        out->text[texts[i].field] = order_create_text(create, texts[i].text);
        out->value[texts[i].field] = rules_text_value(out->text[texts[i].field]);
    }
}

static void gather_lines(struct shard *shard, struct rules_order *out,
                         const struct order_create *create)
{
    for (uint32_t i = 0; i < create->line_count; i++) {
        struct sku_terms terms;
        CHECK(shard_sku_terms(shard, create->lines[i].sku, &terms));
        int64_t *value = shard->rules_lines[i].value;
        value[RULES_LINE_PRICE - RULES_LINE_PRICE] = create->lines[i].unit_price;
        value[RULES_LINE_UNITS - RULES_LINE_PRICE] = create->lines[i].units;
        value[RULES_SKU_PRICE - RULES_LINE_PRICE] = terms.list_price;
        value[RULES_SKU_FLASH - RULES_LINE_PRICE] = (terms.flags & SKU_FLASH) != 0;
    }
    out->lines = shard->rules_lines;
    out->line_count = create->line_count;
}

static enum order_state state_after(enum rules_verdict verdict)
{
    return verdict == RULES_REVIEW   ? ORDER_IN_REVIEW
           : verdict == RULES_REJECT ? ORDER_REJECTED
                                     : ORDER_PENDING_PAYMENT;
}

static void ask_rules(struct shard *shard, const struct order_create *create, struct judgement *out)
{
    const struct rules *rules = &shard->rules;
    struct rules_order order;
    gather_order(&order, create, out->total, rules->fields);
    if (rules->ask_lines)
        gather_lines(shard, &order, create);
    const struct rule *rule = rules_look(rules, &order);
    if (rule == NULL || shard->options.bug[BUG_RULES_IGNORED])
        return;
    struct text name = rule_name(rules, rule);
    struct text reason = rule_reason(rules, rule);
    out->state = (uint8_t)state_after((enum rules_verdict)rule->verdict);
    out->rule_bytes = (uint8_t)name.bytes;
    out->reason_bytes = (uint8_t)reason.bytes;
    text_put(text_put(out->texts, name), reason);
}

void judge(struct shard *shard, const struct order_create *create, struct judgement *out)
{
    out->total = order_create_total(create);
    out->rules_number = shard->rules.number;
    out->state = out->total == 0 ? ORDER_PAID : ORDER_PENDING_PAYMENT; /* unless a rule disagrees */
    out->rule_bytes = out->reason_bytes = out->zero = 0;
    if (shard->rules.rule_count > 0)
        ask_rules(shard, create, out);
}

/* ---- the rules themselves ---------------------------------------------------------------------- */

static void answer_rules(const struct shard *shard, struct turn *turn,
                         const struct request *request, enum code code, uint32_t text_bytes)
{
    const struct rules *rules = &shard->rules;
    struct result_rules *result =
        answer(shard, turn, request, code, RESULT_RULES, sizeof *result + text_bytes);
    result->hash = rules->hash;
    result->number = rules->number;
    result->rule_count = rules->rule_count;
    result->text_bytes = text_bytes;
    memcpy(result + 1, rules->text, text_bytes);
}

static void answer_rules_fault(const struct shard *shard, struct turn *turn,
                               const struct request *request, const struct rules_fault *fault)
{
    uint32_t bytes = (uint32_t)strlen(fault->message);
    struct result_rules_fault *result =
        answer(shard, turn, request, CODE_INVALID, RESULT_RULES_FAULT, sizeof *result + bytes);
    result->line = fault->line;
    result->column = fault->column;
    result->message_bytes = bytes;
    memcpy(result + 1, fault->message, bytes);
}

void judge_get_rules(struct shard *shard, struct turn *turn, const struct request *request)
{
    answer_rules(shard, turn, request, CODE_OK, shard->rules.text_bytes);
}

/* The same text again is no event: it is put at every start. */
void judge_put_rules(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct rules_put *put = (const void *)request->command;
    struct text text = {(const char *)(put + 1), put->text_bytes};
    struct rules_fault fault;
    uint64_t hash = rules_hash(text);
    if (!rules_check(text, &fault)) {
        answer_rules_fault(shard, turn, request, &fault);
        return;
    }
    if (shard->rules.number == 0 || shard->rules.hash != hash) {
        struct event *event = shard_event(shard, turn, EVENT_RULES_PUT, request->caller);
        struct slice_rules_put *slice = event_add(turn, event, TOPOLOGY_SLOT, SLICE_RULES_PUT,
                                                  (uint32_t)sizeof *slice + text.bytes);
        slice->hash = hash;
        slice->number = shard->rules.number + 1;
        slice->text_bytes = text.bytes;
        text_put((char *)(slice + 1), text);
        shard_apply(shard, turn, event);
    }
    answer_rules(shard, turn, request, CODE_OK, 0);
}
