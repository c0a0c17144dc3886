/* core/bug.h - planted bugs: each switches one guard off, so that its test can be seen to fail.
 *
 * Set in shard_options.bug by tests only. */
#ifndef SPATE_CORE_BUG_H
#define SPATE_CORE_BUG_H

enum bug {
    BUG_NONE,
    BUG_LINES_CHECKED_APART,  /* two lines of one SKU each see all of its units */
    BUG_HOLD_SEES_HELD,       /* a hold also takes units that are set aside for others */
    BUG_KNOWN_ID_FORGOTTEN,   /* a known id is placed again */
    BUG_OTHER_BODY_REPLAYED,  /* a known id or key with another body gets the first answer */
    BUG_REFUSED_KEEPS_HOLD,   /* what other shards had granted is not given back */
    BUG_BUSY_IS_SHORT,        /* a first attempt that meets a pending hold is refused */
    BUG_WAITERS_OVERTAKEN,    /* a first attempt passes those that wait */
    BUG_UNORDERED_SECOND,     /* the second attempt goes in descending order on odd homes */
    BUG_EXPIRY_KEEPS_STOCK,   /* an expired order's units stay reserved */
    BUG_NEVER_EXPIRES,        /* an unpaid order stays for ever */
    BUG_PUBLISHED_TOO_EARLY,  /* catalogue entries carry the sequence before theirs */
    BUG_RETRY_KEY_NOT_LOGGED, /* a retry key lives in memory alone */
    BUG_PROGRESS_NOT_AWAITED, /* a retry of an order in progress starts another */
    BUG_COUNT
};
_Static_assert(BUG_COUNT <= 64, "shard_options.bug has 64");

#endif
