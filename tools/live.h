/* tools/live.h - how a replay goes, while it goes, on stderr: three lines that renew themselves on a
 * terminal, plain lines anywhere else. */
#ifndef SPATE_TOOLS_LIVE_H
#define SPATE_TOOLS_LIVE_H

#include "tools/player.h"

enum { LIVE_SPARKS = 24 };

struct live {
    const struct plan *plan;
    struct player *players;
    struct progress last; /* of all, when it was shown last */
    uint64_t last_ns;
    uint64_t sparks[LIVE_SPARKS]; /* answers a second */
    uint32_t spark_count;
    bool terminal;
    bool coloured;
    bool shown;
};

void live_begin(struct live *live, const struct plan *plan, struct player *players);
void live_show(struct live *live);
/* Takes the lines away again. */
void live_end(struct live *live);

#endif
