/* core/bug.h - planted bugs: each switches one guard off, so that its test can be seen to fail.
 *
 * Set in shard_options.bug by tests only. */
#ifndef SPATE_CORE_BUG_H
#define SPATE_CORE_BUG_H

/* clang-format off */
#define BUGS(X) \
    X(BUG_LINES_CHECKED_APART,  "lines-checked-apart")  /* two lines of a SKU each see all of its units */ \
    X(BUG_HOLD_SEES_HELD,       "hold-sees-held")       /* a hold takes units set aside for others */ \
    X(BUG_KNOWN_ID_FORGOTTEN,   "known-id-forgotten")   /* a known id is placed again */ \
    X(BUG_OTHER_BODY_REPLAYED,  "other-body-replayed")  /* a known id or key gets the first answer, whatever the body */ \
    X(BUG_PROGRESS_NOT_AWAITED, "progress-not-awaited") /* a retry of an order in progress starts another */ \
    X(BUG_LIMIT_BEFORE_HOLDS,   "limit-before-holds")   /* a limit per buyer does not count what is pending */ \
    X(BUG_REFUSED_KEEPS_HOLD,   "refused-keeps-hold")   /* what other shards had granted is not given back */ \
    X(BUG_BUSY_IS_SHORT,        "busy-is-short")        /* who meets a pending hold is refused */ \
    X(BUG_WAITERS_OVERTAKEN,    "waiters-overtaken")    /* a newcomer passes those that wait */ \
    X(BUG_WAITERS_OUT_OF_TURN,  "waiters-out-of-turn")  /* who waits is served as soon as there is enough, older ones or not */ \
    X(BUG_ONE_QUEUE_FOR_ALL,    "one-queue-for-all")    /* nobody passes who waits, whatever he waits for */ \
    X(BUG_UNORDERED_SECOND,     "unordered-second")     /* odd homes make their second attempt in descending order */ \
    X(BUG_CAP_OVERLOOKED,       "cap-overlooked")       /* a channel sells what it likes */ \
    X(BUG_COSTS_OVERLOOKED,     "costs-overlooked")     /* the warehouse that is tried first is so for every region */ \
    X(BUG_PARCEL_ENDS_IT,       "parcel-ends-it")       /* who loses the one warehouse is refused */ \
    X(BUG_TRANSFER_DOUBLED,     "transfer-doubled")     /* a receipt that comes again arrives again */ \
    X(BUG_WINDOW_TOO_SHORT,     "window-too-short")     /* a window is forgotten while it still counts */ \
    X(BUG_OPEN_FORGOTTEN,       "open-forgotten")       /* an order leaves though a refund is under way */ \
    X(BUG_DOWN_TIME_COUNTS,     "down-time-counts")     /* deadlines run while nobody is there */ \
    X(BUG_MISSING_STAYS,        "missing-stays")        /* units that come free are not taken for missing ones */ \
    X(BUG_RELEASE_LOST,         "release-lost")         /* a cancelled or expired order's units stay reserved */ \
    X(BUG_PAID_UNITS_FREE,      "paid-units-free")      /* the units of a paid order can be sold again */ \
    X(BUG_COMMIT_LOST,          "commit-lost")          /* the units of a paid order stay reserved */ \
    X(BUG_LATE_MONEY_KEPT,      "late-money-kept")      /* what comes for an order that has ended is kept */ \
    X(BUG_CANCEL_KEEPS_MONEY,   "cancel-keeps-money")   /* an order is cancelled, its money stays */ \
    X(BUG_NOTICE_ADDS,          "notice-adds")          /* a notice counts beside what is captured already */ \
    X(BUG_PAID_AGAIN,           "paid-again")           /* a payment is made though another covers the order */ \
    X(BUG_REFUND_UNSEEN,        "refund-unseen")        /* a refund does not see those that are pending */ \
    X(BUG_STALE_READ,           "stale-read")           /* a refund does not see what was captured just now */ \
    X(BUG_OVER_PAYMENT_KEPT,    "over-payment-kept")    /* what is paid too much is kept */ \
    X(BUG_NEVER_EXPIRES,        "never-expires")        /* an unpaid order stays for ever */ \
    X(BUG_SHIPPED_STAYS_COMMITTED, "shipped-stays-committed") /* what is handed over stays in the stock's count */ \
    X(BUG_MOVED_STAYS_COMMITTED, "moved-stays-committed") /* the warehouse that a parcel leaves to another keeps its units */ \
    X(BUG_GRANT_TRUSTED,        "grant-trusted")        /* units that were set aside are taken, whatever the order has become */ \
    X(BUG_RETURNED_TWICE,       "returned-twice")       /* what is in a return can be in another */ \
    X(BUG_RULES_IGNORED,        "rules-ignored")        /* no rule ever matches */ \
    X(BUG_NOTHING_IN_FLIGHT,    "nothing-in-flight")    /* an audit forgets what is between two shards */ \
    X(BUG_SETTLED_TWICE,        "settled-twice")        /* a hold becomes an order's units two times */ \
    X(BUG_WATERMARK_AHEAD,      "watermark-ahead")      /* the watermark is one sequence ahead of the disk */ \
    X(BUG_ANSWERS_AT_ONCE,      "answers-at-once")      /* answers leave before what they have seen is durable */ \
    X(BUG_SEEN_FORGOTTEN,       "seen-forgotten")       /* what a message has seen counts for nothing */ \
    X(BUG_SYNCS_OVERLAP,        "syncs-overlap")        /* a sync begins while another of its file is under way */ \
    X(BUG_DRAINED_LOOKS_ON,     "drained-looks-on")     /* who has drained turns and turns for a deadline that it no longer meets */ \
    X(BUG_EPOCH_REUSED,         "epoch-reused")         /* a start serves under the epoch of the one before */ \
    X(BUG_PUBLISHED_TOO_EARLY,  "published-too-early")  /* catalogue entries carry the sequence before theirs */
/* clang-format on */

enum bug {
    BUG_NONE,
#define X(id, name) id,
    BUGS(X)
#undef X
        BUG_COUNT
};
_Static_assert(BUG_COUNT <= 64, "shard_options.bug has 64");

#endif
