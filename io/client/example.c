/* example.c - places one order: cc example.c $(pkg-config --cflags --libs libspate)
 *
 *   ./spate-example 127.0.0.1:4000 SKU-17 order-1        (again: the same answer, nothing twice) */
#include <spate.h>

#include <stdio.h>

static bool ask(struct spate *client, struct spate_result *result)
{
    if (spate_take(client, result, 5000))
        return true;
    fprintf(stderr, "no answer: %s\n", spate_error(client));
    return false;
}

static bool place(struct spate *client, const char *sku, const char *id)
{
    struct spate_result result;
    spate_sku_resolve(client, sku, 1);
    if (!ask(client, &result))
        return false;
    if (result.code != SPATE_OK) {
        fprintf(stderr, "%s: %s\n", sku, spate_code_name(result.code));
        return false;
    }
    const struct spate_line line = {.sku = result.sku, .units = 2, .unit_price = 1999};
    const struct spate_order order = {
        .id = id, .customer = "c778812", .currency = "CNY", .lines = &line, .line_count = 1};
    spate_order_create(client, &order, 2);
    if (!ask(client, &result))
        return false;
    printf("%s: %s, total %lld\n", id, spate_code_name(result.code), (long long)result.order_total);
    for (uint32_t i = 0; i < result.short_count; i++)
        printf("  of %llu units there are %llu\n", (unsigned long long)result.shorts[i].requested,
               (unsigned long long)result.shorts[i].sellable);
    return result.code == SPATE_CREATED || result.code == SPATE_REPLAYED;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s ADDR:PORT SKU ORDER-ID\n", argv[0]);
        return 2;
    }
    struct spate *client = spate_open(&(struct spate_options){.address = argv[1]});
    if (client == NULL) {
        perror(argv[1]);
        return 1;
    }
    bool placed = place(client, argv[2], argv[3]);
    spate_close(client);
    return placed ? 0 : 1;
}
