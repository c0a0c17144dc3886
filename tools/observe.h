/* tools/observe.h - what the server's own metrics say about a stretch of time: two pages, compared. */
#ifndef SPATE_TOOLS_OBSERVE_H
#define SPATE_TOOLS_OBSERVE_H

#include "tools/fetch.h"
#include "tools/scrape.h"

struct observe {
    struct fetch fetch;
    struct fetch_answer pages[2]; /* the samples' names are in them */
    struct scrape scrapes[2];
};

/* `address` is the admin listener's, and has to stay. */
void observe_init(struct observe *observe, const char *address);
void observe_deinit(struct observe *observe);

/* Reads the page before (0) or after (1). False: there was none; observe->fetch.fault says why. */
bool observe_look(struct observe *observe, int after);
/* How much a counter of one shard has grown from one to the other. */
double observe_growth(const struct observe *observe, const char *name, uint32_t shard);
/* Shards that the pages speak of. */
uint32_t observe_shards(const struct observe *observe);

#endif
