/* bench/json_bench.c - JSON alone: the body of a two-line order, token by token, and the like of it
 * written. */
#include "bench/bench.h"

#include <string.h>

#include "core/check.h"
#include "io/json.h"
#include "io/json_write.h"

static const char order[] =
    "{\"order_id\":\"20200001-10000001\",\"customer\":\"c778812\",\"currency\":\"CNY\",\"lines\":"
    "[{\"sku\":\"SKU-17\",\"units\":1,\"unit_price\":1999},"
    "{\"sku\":\"SKU-42\",\"units\":1,\"unit_price\":2599}]}";

static void nothing(void)
{
}

static void parse(uint64_t iterations)
{
    char bytes[sizeof order];
    memcpy(bytes, order, sizeof order); /* no escapes: reading changes nothing */
    uint64_t tokens = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        struct json json;
        enum json_token token;
        json_init(&json, bytes, sizeof order - 1);
        while ((token = json_next(&json)) != JSON_END) {
            CHECK(token != JSON_WRONG);
            tokens++;
        }
    }
    CHECK(tokens == 27 * iterations);
}

static void write_line(struct json_writer *writer, const char *sku, int64_t unit_price)
{
    json_write_open(writer, '{');
    json_member_text(writer, "sku", text_of(sku));
    json_member_unsigned(writer, "units", 1);
    json_member_integer(writer, "unit_price", unit_price);
    json_write_close(writer, '}');
}

static void write(uint64_t iterations)
{
    uint8_t bytes[512];
    for (uint64_t i = 0; i < iterations; i++) {
        struct pile pile = {.at = bytes, .capacity_bytes = sizeof bytes};
        struct json_writer writer = {.pile = &pile};
        json_write_open(&writer, '{');
        json_member_text(&writer, "order_id", text_of("20200001-10000001"));
        json_member_text(&writer, "customer", text_of("c778812"));
        json_member_text(&writer, "currency", text_of("CNY"));
        json_write_key(&writer, "lines");
        json_write_open(&writer, '[');
        write_line(&writer, "SKU-17", 1999);
        write_line(&writer, "SKU-42", 2599);
        json_write_close(&writer, ']');
        json_write_close(&writer, '}');
        CHECK(pile.used_bytes == sizeof order - 1);
    }
}

const struct bench json_benches[] = {
    {.name = "json/read, a two-line order", .setup = nothing, .run = parse, .items = 1},
    {.name = "json/write, a two-line order", .setup = nothing, .run = write, .items = 1},
    {0},
};
