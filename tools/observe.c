#include "tools/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 10000 };

void observe_init(struct observe *observe, const char *address)
{
    memset(observe, 0, sizeof *observe);
    fetch_init(&observe->fetch, address, TIMEOUT_MS);
}

void observe_deinit(struct observe *observe)
{
    fetch_close(&observe->fetch);
    fetch_answer_free(&observe->pages[0]);
    fetch_answer_free(&observe->pages[1]);
}

bool observe_look(struct observe *observe, int after)
{
    const struct fetch_request request = {.method = "GET", .target = "/metrics", .headers = ""};
    uint32_t line;
    if (!fetch_ask(&observe->fetch, &request, &observe->pages[after]))
        return false;
    if (observe->pages[after].status == 200 &&
        scrape_read(&observe->scrapes[after], observe->pages[after].body, &line))
        return true;
    snprintf(observe->fetch.fault, sizeof observe->fetch.fault, "it has no metrics");
    return false;
}

double observe_growth(const struct observe *observe, const char *name, uint32_t shard)
{
    char label[16];
    snprintf(label, sizeof label, "%u", shard);
    return scrape_one(&observe->scrapes[1], name, label) -
           scrape_one(&observe->scrapes[0], name, label);
}

uint32_t observe_shards(const struct observe *observe)
{
    const struct scrape *scrape = &observe->scrapes[1];
    uint32_t shards = 0;
    for (uint32_t i = 0; i < scrape->count; i++)
        shards += strcmp(scrape->at[i].name, "spate_commands_total") == 0;
    return shards;
}
