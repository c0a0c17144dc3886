#include "io/order_id.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static struct text print_id(uint64_t high, uint64_t low, char out[ORDER_ID_MADE_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (uint32_t i = ORDER_ID_MADE_BYTES; i > 0; i--) {
        out[i - 1] = digits[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    return (struct text){out, ORDER_ID_MADE_BYTES};
}

struct text order_id_from_key(const struct route_request *request, char out[ORDER_ID_MADE_BYTES])
{
    uint8_t bytes[1 + 2 * 256 + sizeof request->item];
    uint32_t caller_bytes = request->caller.bytes;
    CHECK(caller_bytes <= 255 && request->key.bytes <= 255);
    bytes[0] = (uint8_t)caller_bytes;
    if (caller_bytes > 0)
        memcpy(bytes + 1, request->caller.at, caller_bytes);
    uint32_t used = 1 + caller_bytes;
    memcpy(bytes + used, request->key.at, request->key.bytes);
    used += request->key.bytes;
    if (request->item > 0) { /* the orders of a batch share their key */
        memcpy(bytes + used, &request->item, sizeof request->item);
        used += sizeof request->item;
    }
    XXH128_hash_t hash = XXH3_128bits(bytes, used);
    return print_id(hash.high64, hash.low64, out);
}

struct text order_id_from_time(const struct route_request *request, char out[ORDER_ID_MADE_BYTES])
{
    const struct http_server *server = request->server;
    uint64_t high = (request->now_ns / 1000000) << 16 | request->id_random[0] >> 48;
    uint64_t low = request->id_random[1];
    struct text id = print_id(high, low, out);
    for (uint32_t tries = 0; tries < SLOT_COUNT * SHARDS_MAX; tries++) {
        if (server->slot_shard[hash_slot(key_hash(id))] == server->shard_number)
            break;
        id = print_id(high, ++low, out);
    }
    return id;
}
