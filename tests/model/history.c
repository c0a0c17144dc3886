#include "tests/model/history.h"

uint64_t draw(struct history *h, uint64_t below)
{
    uint64_t x = h->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) % below;
}

void disagree(const struct history *h, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "seed %llu, episode %llu, step %llu (%u shards): ", (unsigned long long)h->seed,
            (unsigned long long)h->episode, (unsigned long long)h->number, h->shop->shard_count);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

void tell(const struct history *h, const char *format, ...)
{
    va_list arguments;
    if (!h->tells)
        return;
    va_start(arguments, format);
    fprintf(stderr, "  %4llu  ", (unsigned long long)h->number);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
}

void ask_nothing(struct history *h)
{
    struct shop *shop = h->shop;
    for (uint64_t i = 0; i <= shop->request; i++) {
        free(shop->answers[i]);
        shop->answers[i] = NULL;
    }
    shop->request = 0;
}

const struct result *ask(struct history *h, struct command *command)
{
    ask_nothing(h);
    return shop_ask(h->shop, command);
}

const struct result *agree(struct history *h, const struct step *step, struct command *command,
                           enum code expected)
{
    const struct result *result = ask(h, command);
    bool either = expected == CODE_LIMIT && h->naive.either && result->code == CODE_OUT_OF_STOCK;
    if (result->code != expected && !either)
        disagree(h, "%s: core says %s, the model %s", step->name, code_facts(result->code)->name,
                 code_facts(expected)->name);
    h->codes[expected]++;
    return result;
}

uint32_t number_of(const struct history *h, uint32_t sku)
{
    return h->numbers[sku] != 0 ? h->numbers[sku] : (sku * 77 % SLOT_COUNT) << SKU_INDEX_BITS | 99;
}

uint16_t draw_code(struct history *h, const struct step *step)
{
    uint32_t count = 0;
    while (step->codes[count] != 0xffff)
        count++;
    return step->codes[draw(h, 3) == 0 ? 0 : draw(h, count)];
}

void trial_begin(const struct history *h, uint32_t order, struct trial *trial)
{
    trial->number = order;
    trial->order = h->naive.orders[order];
    memcpy(trial->skus, h->naive.skus, sizeof trial->skus);
}

void trial_end(struct history *h, const struct trial *trial)
{
    h->naive.orders[trial->number] = trial->order;
    memcpy(h->naive.skus, trial->skus, sizeof trial->skus);
}

bool draw_placed(struct history *h, uint32_t *order)
{
    for (uint32_t tries = 0; tries < 8 && h->naive.order_count > 0; tries++) {
        *order = (uint32_t)draw(h, h->naive.order_count);
        if (h->naive.orders[*order].placed)
            return true;
    }
    return false;
}
