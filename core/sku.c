#include "core/sku.h"

#include <string.h>

#include "core/answer.h"

static uint32_t find_sku(struct shard *shard, struct text code)
{
    uint32_t sku = stock_find_unpublished(&shard->stock, code);
    if (sku != 0)
        return sku;
    sku = catalogue_find(shard->catalogue, code);
    struct catalogue_sku entry;
    if (sku != 0 && catalogue_read(shard->catalogue, sku, &entry) && entry.seen > shard->seen)
        shard->seen = entry.seen;
    return sku;
}

static void answer_sku(const struct shard *shard, struct turn *turn, const struct request *request,
                       enum code code, uint32_t sku)
{
    struct result_sku *result = answer(shard, turn, request, code, RESULT_SKU, sizeof *result);
    result->sku = sku;
}

/* ---- put --------------------------------------------------------------------------------------- */

static void emit_put(struct shard *shard, struct turn *turn, const struct request *request,
                     uint32_t sku)
{
    const struct sku_put *put = (const void *)request->command;
    struct text code = sku_put_code(put);
    uint32_t cap_bytes = put->cap_count * (uint32_t)sizeof put->caps[0];
    struct event *event = shard_event(shard, turn, EVENT_SKU_PUT, request->caller);
    struct slice_sku_put *slice = event_add(turn, event, sku_slot(sku), SLICE_SKU_PUT,
                                            (uint32_t)sizeof *slice + cap_bytes + code.bytes);
    slice->list_price = put->list_price;
    slice->sku = sku;
    slice->currency = put->currency;
    slice->max_per_order = put->max_per_order;
    slice->max_per_customer = put->max_per_customer;
    slice->customer_window_s = put->customer_window_s;
    slice->weight_g = put->weight_g;
    slice->flags = put->flags;
    slice->code_bytes = put->code_bytes;
    slice->cap_count = put->cap_count;
    memcpy(slice->caps, put->caps, cap_bytes);
    memcpy(slice->caps + put->cap_count, code.at, code.bytes);
    shard_apply(shard, turn, event);
}

/* `known` is the SKU's record, NULL if it is new. */
static enum code refusal(const struct shard *shard, const struct sku_put *put,
                         const struct stock_sku *known, uint32_t sku)
{
    uint32_t first_cap = known != NULL ? known->first_cap : 0;
    if (sku == 0 || !caps_have_room(&shard->stock.caps, first_cap, put->cap_count))
        return CODE_FULL;
    return known != NULL && known->currency != put->currency ? CODE_CURRENCY_MISMATCH : CODE_OK;
}

static void put_sku(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct sku_put *put = (const void *)request->command;
    struct text code = sku_put_code(put);
    uint32_t number = find_sku(shard, code);
    const struct stock_sku *known = number != 0 ? stock_sku(&shard->stock, number) : NULL;
    if (number == 0)
        number = stock_next_number(&shard->stock, hash_slot(key_hash(code)));
    enum code refused = refusal(shard, put, known, number);
    if (refused != CODE_OK) {
        answer_plain(shard, turn, request, refused);
        return;
    }
    emit_put(shard, turn, request, number);
    answer_sku(shard, turn, request, known != NULL ? CODE_OK : CODE_CREATED, number);
}

/* ---- asking ------------------------------------------------------------------------------------ */

static void resolve_sku(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct sku_resolve *resolve = (const void *)request->command;
    uint32_t sku = find_sku(shard, (struct text){(const char *)(resolve + 1), resolve->code_bytes});
    if (sku != 0)
        answer_sku(shard, turn, request, CODE_OK, sku);
    else
        answer_plain(shard, turn, request, CODE_UNKNOWN_SKU);
}

static void write_caps(const struct stock *stock, const struct stock_sku *sku,
                       struct result_cap *out)
{
    for (uint32_t at = sku->first_cap; at != 0; at = cap_at(&stock->caps, at)->next, out++) {
        const struct cap *cap = cap_at(&stock->caps, at);
        struct limit_key key = {cap->channel, sku->sku, 0};
        out->said = cap->said;
        out->used = limit_units(&stock->limits, &key);
    }
}

static void get_sku(const struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct stock_get *get = (const void *)request->command;
    const struct stock_sku *sku = stock_sku(&shard->stock, get->sku);
    if (sku == NULL) {
        answer_plain(shard, turn, request, CODE_UNKNOWN_SKU);
        return;
    }
    uint32_t count = cap_count(&shard->stock.caps, sku->first_cap);
    struct result_sku_record *result =
        answer(shard, turn, request, CODE_OK, RESULT_SKU_RECORD,
               sizeof *result + count * sizeof result->caps[0] + sku->code_bytes);
    result->list_price = sku->list_price;
    result->sku = sku->sku;
    result->currency = sku->currency;
    result->max_per_order = sku->max_per_order;
    result->max_per_customer = sku->max_per_customer;
    result->customer_window_s = sku->customer_window_s;
    result->weight_g = sku->weight_g;
    result->flags = sku->flags;
    result->code_bytes = sku->code_bytes;
    result->cap_count = (uint8_t)count;
    write_caps(&shard->stock, sku, result->caps);
    memcpy(result->caps + count, sku->code, sku->code_bytes);
}

void sku_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    switch (request->command->op) {
    case OP_SKU_PUT:
        put_sku(shard, turn, request);
        break;
    case OP_SKU_GET:
        get_sku(shard, turn, request);
        break;
    default:
        CHECK(request->command->op == OP_SKU_RESOLVE);
        resolve_sku(shard, turn, request);
    }
}
