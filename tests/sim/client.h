/* tests/sim/client.h - a simulated client of the binary protocol or of HTTP, on a stack of its own.
 *
 * It asks with frames and waits for the results. When the connection breaks or nothing comes for
 * long, what was not answered is unknown, and the caller asks again with the same ids; perhaps while
 * the old connection is still there, and what was sent on it still on its way. */
#ifndef SPATE_TESTS_SIM_CLIENT_H
#define SPATE_TESTS_SIM_CLIENT_H

#include "core/result.h"
#include "tests/sim/run.h"

struct oracle;

struct client {
    struct run *run;
    const struct oracle *oracle; /* knows what SKUs are called; speaks HTTP. NULL: speaks frames */
    struct actor *actor;         /* the one that calls */
    const char *address;
    struct socket *socket; /* NULL: not connected */
    struct socket *old;    /* given up, and not closed */
    uint8_t *in;
    uint32_t in_bytes;
    uint64_t patience_ns;
    uint32_t slow_one_in; /* reads late, so that output piles up */
    uint32_t keep_one_in; /* connections that are left open when they are given up */
};

enum { CLIENT_IN_BYTES = 4 << 20 };

void client_open(struct client *client, struct run *run, const char *address);
void client_leave(struct client *client); /* closes what connections there are */

/* Sends `count` commands as one frame and waits for all their results, each of which is given to
 * on_result. False: the connection broke or patience ended before the last of them. */
bool client_ask(struct client *client, const void *commands, uint32_t bytes, uint32_t count,
                void (*on_result)(void *who, const struct result *result), void *who);

/* Commands, written one behind the other into a pile that is large enough; each returns the next
 * place. */
enum { ORDER_WISH_LINES = 12 };
struct order_wish {
    const char *id;
    const char *customer;
    uint32_t currency;
    uint32_t line_count;
    struct command_line lines[ORDER_WISH_LINES];
    int64_t discount; /* 0: none */
};
void *command_create(void *at, uint64_t request, const struct order_wish *wish);
void *command_get(void *at, uint64_t request, const char *id);
void *command_cancel(void *at, uint64_t request, const char *id, const char *key);
/* What is NULL is not said. */
struct money_wish {
    enum op op;
    const char *order;
    const char *payment;
    const char *refund;
    const char *provider;
    const char *key;
    int64_t amount;
    enum notice_kind kind; /* of a notice */
};
void *command_money(void *at, uint64_t request, const struct money_wish *wish);
/* limit: how many units a buyer may have in a year; 0: any number. */
void *command_sku_put(void *at, uint64_t request, const char *code, int64_t price, uint32_t limit);
void *command_stock_get(void *at, uint64_t request, uint32_t sku);
void *command_receive(void *at, uint64_t request, uint32_t sku, const char *warehouse,
                      const char *key, uint64_t units);
void *command_rules(void *at, uint64_t request, const char *text);
void *command_warehouse(void *at, uint64_t request, const char *id);

#endif
