#include "core/resend.h"

#include "core/attempt.h"

static uint32_t region_of(const struct deal *deal)
{
    char at[TEXT_BYTES_MAX];
    struct text region = order_text(deal->order, ORDER_REGION, at);
    return region.bytes > 0 ? topology_region(&deal->shard->topology, region) : REGIONS_MAX;
}

static void ask(const struct deal *deal, const struct child_line *lines, uint32_t line_count,
                uint64_t warehouses)
{
    const struct take take = {
        .owner = key_hash(deal->order_id),
        .digest = deal_digest(deal),
        .line_count = line_count,
        .region = (uint16_t)region_of(deal),
        .warehouses = warehouses,
    };
    for (uint32_t i = 0; i < line_count; i++)
        deal->shard->wanted[i] = (struct command_line){
            .sku = order_line_sku(deal->order, lines[i].line - 1), .units = lines[i].units};
    attempt_take(deal->shard, deal->turn, deal->request, &take);
}

/* Whether what was set aside is still what is wanted. */
static bool covers(const struct deal *deal, const struct child_line *lines, uint32_t line_count,
                   uint64_t warehouses)
{
    const struct grant *grant = deal->grant;
    if (grant->line_count != line_count || !(warehouses >> grant->lines[0].warehouse & 1))
        return false;
    for (uint32_t i = 0; i < line_count; i++)
        if (grant->lines[i].sku != order_line_sku(deal->order, lines[i].line - 1) ||
            grant->lines[i].units != lines[i].units)
            return false;
    return true;
}

bool resend_take(struct deal *deal, const struct child_line *lines, uint32_t line_count,
                 uint64_t warehouses)
{
    struct text named = deal_said(deal, PARCEL_WAREHOUSE);
    if (named.bytes > 0) {
        uint32_t number = topology_find(&deal->shard->topology, named);
        if (number == WAREHOUSES_MAX) {
            deal_refuse_field(deal, CODE_UNKNOWN_WAREHOUSE, "warehouse", 0);
            return false;
        }
        warehouses &= UINT64_C(1) << number;
    }
    if (warehouses == 0) {
        deal_refuse_field(deal, CODE_INVALID, "warehouse", 0);
        return false;
    }
    if (deal->grant == NULL) {
        ask(deal, lines, line_count, warehouses);
        return false;
    }
    if (!covers(deal, lines, line_count, warehouses) &&
        !deal->shard->options.bug[BUG_GRANT_TRUSTED]) {
        deal_refuse(deal, CODE_BUSY); /* the order has changed while the units were asked for */
        return false;
    }
    deal->taken = lines;
    deal->taken_count = line_count;
    deal->warehouse = deal->grant->lines[0].warehouse;
    return true;
}
