/* tests/crash/crash.c - kill -9 of a real server at random moments under load, or a cut of its disk's
 * power; nothing that was acknowledged may be lost, sold twice, or taken back.
 *
 * One buyer keeps many orders open. The server is killed after a random number of answers, or while
 * it recovers, and started again on the same directory with another number of shards. The buyer
 * goes on by itself: libspate asks again for what has no answer yet. What an order consists of
 * follows from its number, and so does whether it is cancelled, paid, or left alone once it is
 * there; so only its fate is remembered. After some deaths everything is checked, and a new round
 * begins with an empty directory, so that recovery does not take longer and longer.
 *
 * At the end of a round, for every number: acknowledged -> it is there, with these lines and in the
 * state that the last acknowledged step has led to; refused -> it is not there. For every SKU:
 * received == free + reserved + committed, which are the unpaid and the paid orders that are there.
 * No answer speaks of an earlier sequence than one that was there before a death. */
#include "core/result.h"
#include "io/client/spate.h"
#include "tests/crash/power.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SKUS = 24,
    SCARCE_SKUS = 4,    /* of which buyers want more than there is */
    SCARCE_UNITS = 500, /* of each, at first */
    PLENTY_UNITS = 1 << 30,
    RESTOCK_EVERY = 500, /* orders; then a scarce SKU gets some more */
    RESTOCK_UNITS = 10,
    OPEN_MAX = 256,
    LINES_MAX = 3,
    DEATHS_PER_ROUND = 20,
    ORDERS_MAX = 1 << 20,
    RECEIPTS_MAX = 1 << 16,
    ANSWERS_PER_LIFE = 12000,
    ANSWER_MS = 20000, /* a server that says nothing for so long is broken */
};

/* What has been acknowledged of an order. */
enum fate { UNKNOWN, REFUSED, CREATED, PAYMENT_MADE, PAID, CANCELLED };

/* Tags: what was asked, and its number. */
enum {
    ASKED_ORDER,
    ASKED_CANCEL,
    ASKED_PAYMENT,
    ASKED_CAPTURE,
    ASKED_RECEIPT,
    ASKED_CHECK,
    ASKED_STOCK,
    ASKED_SETUP
};

struct trial {
    const char *program;
    const char *sync;
    bool cuts_power; /* instead of killing */
    bool must_lose;  /* the test of the test: something has to be lost */
    char directory[64];
    char data[96];
    struct power power;
    char address[32];
    pid_t server;
    struct spate *client;
    uint64_t random;
    uint64_t seed;

    /* Of this round. */
    uint32_t skus[SKUS];
    uint64_t received[SKUS];
    uint64_t reserved[SKUS]; /* by orders that are there and not paid */
    uint64_t committed[SKUS];
    uint8_t *fates;
    uint32_t order_count;
    uint32_t receipt_count;
    uint64_t seq; /* the latest that an answer has spoken of */
    uint64_t seq_at_death;

    /* Of all rounds. */
    uint64_t answers;
    uint64_t acknowledged; /* answers that promised something */
    uint64_t replayed;
    uint64_t checked;
    uint64_t lost;
    uint64_t wrong;
    uint32_t deaths;
    uint32_t deaths_in_recovery;
};

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t draw(struct trial *trial, uint64_t below)
{
    trial->random += UINT64_C(0x9e3779b97f4a7c15);
    return mix(trial->random) % below;
}

static _Noreturn void give_up(struct trial *trial, const char *why)
{
    fprintf(stderr, "crash: %s (seed %" PRIu64 ", after %u deaths; see %s)\n", why, trial->seed,
            trial->deaths, trial->directory);
    if (trial->server > 0)
        kill(trial->server, SIGKILL);
    exit(1);
}

static void complain(struct trial *trial, const char *what, uint64_t number, const char *how)
{
    if (trial->lost + trial->wrong < 20)
        fprintf(stderr, "crash: %s %" PRIu64 ": %s\n", what, number, how);
}

/* ---- the server -------------------------------------------------------------------------------- */

/* A port that is free now and stays the same over all restarts. */
static void choose_address(struct trial *trial)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof any;
    int file = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(file, (struct sockaddr *)&any, sizeof any) != 0 ||
        getsockname(file, (struct sockaddr *)&any, &bytes) != 0)
        give_up(trial, "no free port");
    close(file);
    snprintf(trial->address, sizeof trial->address, "127.0.0.1:%u", ntohs(any.sin_port));
}

static void server_start(struct trial *trial)
{
    static const char *const shard_counts[] = {"1", "2", "4"};
    const char *shards = shard_counts[draw(trial, 3)];
    char log[80];
    snprintf(log, sizeof log, "%s/server.log", trial->directory);
    trial->server = fork();
    if (trial->server != 0)
        return;
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(file, 2);
    execl(trial->program, "spate", "serve", "--data", trial->data, "--shards", shards, "--binary",
          trial->address, "--memory", "128M", "--segment", "4M", "--snapshot-every", "512K",
          "--snapshot-rate", "0", "--sync", trial->sync, "--retries", "262144", (char *)NULL);
    _exit(127);
}

/* A server whose disk is gone may end by itself before the signal arrives: with 74, and only then. */
static void server_dies(struct trial *trial)
{
    enum { EXIT_IO = 74 };
    int status;
    if (trial->cuts_power && !power_cut(&trial->power, draw(trial, 4) == 0))
        give_up(trial, "the power cannot be cut");
    kill(trial->server, SIGKILL);
    waitpid(trial->server, &status, 0);
    trial->server = 0;
    trial->deaths++;
    bool ended = trial->cuts_power && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_IO;
    if (!WIFSIGNALED(status) && !ended)
        give_up(trial, "the server ended by itself; see server.log there");
    if (trial->cuts_power && !power_back(&trial->power))
        give_up(trial, "the disk cannot be mounted again");
}

static void nap_us(uint64_t us)
{
    struct timespec nap = {.tv_nsec = (long)us * 1000};
    nanosleep(&nap, NULL);
}

/* ---- what is asked ----------------------------------------------------------------------------- */

static uint64_t tag_of(uint32_t asked, uint32_t number)
{
    return (uint64_t)asked << 32 | number;
}

/* The lines of order `number`: SKUs by their places in the trial's list. */
static uint32_t lines_of(uint64_t seed, uint32_t number, struct spate_line lines[LINES_MAX])
{
    uint64_t bits = mix(seed ^ mix(number + 1));
    uint32_t count = 1 + (uint32_t)(bits & 0xff) % LINES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        bits = mix(bits + 1);
        lines[i] = (struct spate_line){.sku = (uint32_t)(bits & 0xffff) % SKUS,
                                       .units = 1 + (uint32_t)(bits >> 16 & 3),
                                       .unit_price = 1 + (int64_t)(bits >> 32 & 0xfff)};
    }
    return count;
}

static void name_order(char id[24], uint32_t number)
{
    snprintf(id, 24, "crash-%u", number);
}

static bool ask_order(struct trial *trial, uint32_t number)
{
    char id[24];
    struct spate_line lines[LINES_MAX];
    uint32_t count = lines_of(trial->seed, number, lines);
    for (uint32_t i = 0; i < count; i++)
        lines[i].sku = trial->skus[lines[i].sku];
    name_order(id, number);
    struct spate_order order = {
        .id = id, .customer = "buyer", .currency = "CNY", .lines = lines, .line_count = count};
    return spate_order_create(trial->client, &order, tag_of(ASKED_ORDER, number));
}

static int64_t total_of(uint64_t seed, uint32_t number)
{
    struct spate_line lines[LINES_MAX];
    int64_t total = 0;
    for (uint32_t i = lines_of(seed, number, lines); i > 0; i--)
        total += lines[i - 1].units * lines[i - 1].unit_price;
    return total;
}

/* What costs nothing is paid. */
static enum fate fate_at_first(uint64_t seed, uint32_t number)
{
    return total_of(seed, number) > 0 ? CREATED : PAID;
}

/* Half of the orders are left alone, a quarter is cancelled, a quarter paid. */
static enum fate destiny_of(uint64_t seed, uint32_t number)
{
    uint64_t bits = mix(seed + mix(number)) & 3;
    return bits == 0 ? CANCELLED : bits == 1 ? PAID : CREATED;
}

/* Where nothing more can be open at once, the order is left as it is. */
static void ask_next_step(struct trial *trial, uint32_t number)
{
    char id[24], key[40];
    name_order(id, number);
    snprintf(key, sizeof key, "step-%s", id);
    struct spate_money payment = {
        .order = id, .payment = "p", .method = "card", .amount = total_of(trial->seed, number)};
    struct spate_money capture = {.order = id, .payment = "p", .key = key, .amount = SPATE_ALL};
    enum fate destiny = destiny_of(trial->seed, number);
    if (trial->fates[number] == PAYMENT_MADE)
        (void)spate_order_money(trial->client, SPATE_PAYMENT_CAPTURE, &capture,
                                tag_of(ASKED_CAPTURE, number));
    else if (destiny == CANCELLED)
        (void)spate_order_cancel(trial->client, id, NULL, key, tag_of(ASKED_CANCEL, number));
    else if (destiny == PAID)
        (void)spate_order_money(trial->client, SPATE_PAYMENT_CREATE, &payment,
                                tag_of(ASKED_PAYMENT, number));
}

static bool ask_receipt(struct trial *trial, uint32_t sku, uint64_t units)
{
    char key[24];
    snprintf(key, sizeof key, "receipt-%u", trial->receipt_count);
    struct spate_receipt receipt = {
        .sku = trial->skus[sku], .warehouse = "w1", .key = key, .ok_units = units};
    if (!spate_stock_receive(trial->client, &receipt, tag_of(ASKED_RECEIPT, sku)))
        return false;
    trial->receipt_count++;
    trial->received[sku] += units;
    return true;
}

static void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char below[512];
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlink(below) != 0 && (errno == EISDIR || errno == EPERM))
            remove_directory(below);
    }
    closedir(directory);
    rmdir(path);
}

static int report(struct trial *trial)
{
    printf("%u %s (%u while recovering), %" PRIu64 " acknowledged operations (%" PRIu64
           " resolved by asking again), %" PRIu64 " checked: %" PRIu64 " lost, %" PRIu64 " wrong\n",
           trial->deaths, trial->cuts_power ? "power cuts" : "kills", trial->deaths_in_recovery,
           trial->acknowledged, trial->replayed, trial->checked, trial->lost, trial->wrong);
    bool failed = trial->lost + trial->wrong > 0;
    if (failed && !trial->must_lose) {
        printf("seed %" PRIu64 "; see %s\n", trial->seed, trial->directory);
        return 1;
    }
    if (trial->cuts_power)
        power_close(&trial->power);
    remove_directory(trial->directory);
    return failed == trial->must_lose ? 0 : 1;
}

/* Where something has to be lost, the first loss is the end. */
static void lose(struct trial *trial, const char *what, uint64_t number, const char *how)
{
    complain(trial, what, number, how);
    trial->lost++;
    if (!trial->must_lose)
        return;
    kill(trial->server, SIGKILL);
    waitpid(trial->server, NULL, 0);
    exit(report(trial));
}

/* ---- what is answered -------------------------------------------------------------------------- */

static void on_order(struct trial *trial, uint32_t number, const struct spate_result *result)
{
    bool created = result->code == SPATE_CREATED || result->code == SPATE_REPLAYED;
    if (result->code == SPATE_UNKNOWN_SKU) {
        lose(trial, "order", number, "its SKU was acknowledged, and is not there");
        return;
    }
    bool refused = result->code == SPATE_OUT_OF_STOCK || result->code == SPATE_BUSY;
    if (!created && !refused) {
        fprintf(stderr, "crash: order %u: %s\n", number, spate_code_name(result->code));
        give_up(trial, "an order is answered as none should be");
    }
    if (trial->fates[number] >= CREATED && !created) {
        lose(trial, "order", number, "acknowledged, and then refused as if it were new");
    }
    bool is_new = trial->fates[number] < CREATED;
    if (is_new)
        trial->fates[number] = (uint8_t)(created ? fate_at_first(trial->seed, number) : REFUSED);
    if (is_new && created)
        ask_next_step(trial, number);
    trial->replayed += result->code == SPATE_REPLAYED;
    trial->acknowledged += created;
}

static void on_step(struct trial *trial, uint32_t number, enum fate fate,
                    const struct spate_result *result)
{
    bool done =
        result->code == SPATE_OK || result->code == SPATE_CREATED || result->code == SPATE_REPLAYED;
    if (result->code == SPATE_NOT_FOUND) {
        lose(trial, "order", number, "acknowledged, and not there for its next step");
        return;
    }
    if (!done) {
        fprintf(stderr, "crash: step of order %u: %s\n", number, spate_code_name(result->code));
        give_up(trial, "a step of an order is answered as none should be");
    }
    trial->fates[number] = (uint8_t)fate;
    trial->acknowledged++;
    trial->replayed += result->code == SPATE_REPLAYED;
    if (fate == PAYMENT_MADE)
        ask_next_step(trial, number);
}

static void count_lines(struct trial *trial, uint32_t number)
{
    uint64_t *units = trial->fates[number] == PAID ? trial->committed : trial->reserved;
    if (trial->fates[number] < CREATED || trial->fates[number] == CANCELLED)
        return;
    struct spate_line lines[LINES_MAX];
    uint32_t count = lines_of(trial->seed, number, lines);
    for (uint32_t i = 0; i < count; i++)
        units[lines[i].sku] += lines[i].units;
}

static bool same_lines(struct trial *trial, uint32_t number, const struct spate_result *result)
{
    struct spate_line lines[LINES_MAX];
    uint32_t count = lines_of(trial->seed, number, lines);
    if (result->line_count != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (result->lines[i].sku != trial->skus[lines[i].sku] ||
            result->lines[i].units != lines[i].units ||
            result->lines[i].unit_price != lines[i].unit_price)
            return false;
    return true;
}

static void on_check(struct trial *trial, uint32_t number, const struct spate_result *result)
{
    static const enum order_state states[] = {[CREATED] = ORDER_PENDING_PAYMENT,
                                              [PAYMENT_MADE] = ORDER_PENDING_PAYMENT,
                                              [PAID] = ORDER_PAID,
                                              [CANCELLED] = ORDER_CANCELLED};
    bool found = result->code == SPATE_OK;
    bool created = trial->fates[number] >= CREATED;
    trial->checked++;
    if (created && !found) {
        lose(trial, "order", number, "acknowledged, and not there");
    } else if (!created && found) {
        trial->wrong++;
        complain(trial, "order", number, "refused, and there");
    } else if (found && !same_lines(trial, number, result)) {
        trial->wrong++;
        complain(trial, "order", number, "there, with other lines");
    } else if (found && result->order_state != states[trial->fates[number]]) {
        lose(trial, "order", number, "there, but its last acknowledged step has been taken back");
    }
}

static void on_stock(struct trial *trial, uint32_t sku, const struct spate_result *result)
{
    uint64_t free_units = 0, reserved = 0, committed = 0;
    for (uint32_t i = 0; i < result->cell_count; i++) {
        free_units += result->cells[i].free;
        reserved += result->cells[i].reserved;
        committed += result->cells[i].committed;
    }
    trial->checked++;
    if (reserved == trial->reserved[sku] && committed == trial->committed[sku] &&
        free_units + reserved + committed == trial->received[sku])
        return;
    trial->wrong++;
    fprintf(stderr,
            "crash: SKU %u: received %" PRIu64 ", ordered %" PRIu64 ", paid %" PRIu64
            "; the server has %" PRIu64 " free, %" PRIu64 " reserved, %" PRIu64 " committed\n",
            sku, trial->received[sku], trial->reserved[sku], trial->committed[sku], free_units,
            reserved, committed);
}

static void on_answer(struct trial *trial, const struct spate_result *result)
{
    uint32_t number = (uint32_t)result->tag;
    trial->answers++;
    trial->seq = result->seq > trial->seq ? result->seq : trial->seq;
    if (result->seq < trial->seq_at_death && result->attempts == 1) {
        lose(trial, "sequence", result->seq, "earlier than one that was seen before a death");
    }
    switch (result->tag >> 32) {
    case ASKED_ORDER:
        on_order(trial, number, result);
        break;
    case ASKED_CANCEL:
        on_step(trial, number, CANCELLED, result);
        break;
    case ASKED_PAYMENT:
        on_step(trial, number, PAYMENT_MADE, result);
        break;
    case ASKED_CAPTURE:
        on_step(trial, number, PAID, result);
        break;
    case ASKED_RECEIPT:
        trial->acknowledged++;
        if (result->code == SPATE_UNKNOWN_SKU)
            lose(trial, "receipt", number, "its SKU was acknowledged, and is not there");
        else if (result->code >= SPATE_MALFORMED)
            give_up(trial, "stock could not be received");
        break;
    case ASKED_CHECK:
        on_check(trial, number, result);
        break;
    case ASKED_STOCK:
        on_stock(trial, number, result);
        break;
    default:
        if (result->code >= SPATE_MALFORMED)
            give_up(trial, "the shop could not be set up");
        if (number < SKUS)
            trial->skus[number] = result->sku;
    }
}

static void take_answer(struct trial *trial)
{
    struct spate_result result;
    int status;
    if (spate_take(trial->client, &result, ANSWER_MS))
        on_answer(trial, &result);
    else if (waitpid(trial->server, &status, WNOHANG) == trial->server)
        give_up(trial, "the server ended by itself; see server.log there");
    else
        give_up(trial, *spate_error(trial->client) ? spate_error(trial->client) : "no answer");
}

static void settle(struct trial *trial)
{
    while (spate_open_count(trial->client) > 0)
        take_answer(trial);
}

/* ---- the course of it -------------------------------------------------------------------------- */

static void set_up(struct trial *trial)
{
    spate_warehouse_put(trial->client, "w1", 1, tag_of(ASKED_SETUP, SKUS));
    for (uint32_t i = 0; i < SKUS; i++) {
        char code[16];
        snprintf(code, sizeof code, "SKU-%u", i);
        struct spate_sku sku = {.code = code, .currency = "CNY", .list_price = 100};
        spate_sku_put(trial->client, &sku, tag_of(ASKED_SETUP, i));
    }
    settle(trial);
    for (uint32_t i = 0; i < SKUS; i++)
        ask_receipt(trial, i, i < SCARCE_SKUS ? SCARCE_UNITS : PLENTY_UNITS);
    settle(trial);
}

static void ask_more(struct trial *trial)
{
    while (spate_open_count(trial->client) < OPEN_MAX && trial->order_count < ORDERS_MAX) {
        if (trial->order_count % RESTOCK_EVERY == RESTOCK_EVERY - 1 &&
            trial->receipt_count < RECEIPTS_MAX)
            ask_receipt(trial, (uint32_t)draw(trial, SCARCE_SKUS), RESTOCK_UNITS);
        bool again = trial->order_count > 0 && draw(trial, 50) == 0;
        if (again)
            ask_order(trial, (uint32_t)draw(trial, trial->order_count));
        else
            ask_order(trial, trial->order_count++);
    }
}

static void load_until_death(struct trial *trial)
{
    uint64_t until = trial->answers + 1 + draw(trial, ANSWERS_PER_LIFE);
    while (trial->answers < until) {
        ask_more(trial);
        take_answer(trial);
    }
    nap_us(draw(trial, 300));
    server_dies(trial);
}

/* Everything that arrived before the death has been read by then: later answers come from the next
 * server, and what is asked from now on must not be answered from an earlier state. */
static void read_rest(struct trial *trial)
{
    struct spate_result result;
    do {
        while (spate_next(trial->client, &result))
            on_answer(trial, &result);
        spate_process(trial->client);
    } while (*spate_error(trial->client) == '\0');
    trial->seq_at_death = trial->seq;
}

static void run_deaths(struct trial *trial, uint32_t deaths)
{
    while (trial->deaths < deaths) {
        load_until_death(trial);
        read_rest(trial);
        server_start(trial);
        while (trial->deaths < deaths && draw(trial, 4) == 0) {
            nap_us(draw(trial, 60000));
            server_dies(trial);
            trial->deaths_in_recovery++;
            server_start(trial);
        }
    }
}

static void check_all(struct trial *trial)
{
    settle(trial);
    for (uint32_t i = 0; i < trial->order_count; i++) {
        char id[24];
        name_order(id, i);
        while (!spate_order_get(trial->client, id, tag_of(ASKED_CHECK, i)))
            take_answer(trial);
        count_lines(trial, i);
    }
    settle(trial);
    for (uint32_t i = 0; i < SKUS; i++)
        spate_stock_get(trial->client, trial->skus[i], tag_of(ASKED_STOCK, i));
    settle(trial);
}

static void begin_round(struct trial *trial)
{
    memset(trial->fates, UNKNOWN, ORDERS_MAX);
    memset(trial->received, 0, sizeof trial->received);
    memset(trial->reserved, 0, sizeof trial->reserved);
    memset(trial->committed, 0, sizeof trial->committed);
    trial->order_count = trial->receipt_count = 0;
    trial->seq = trial->seq_at_death = 0;
    trial->client = spate_open(&(struct spate_options){
        .address = trial->address, .open_max = OPEN_MAX + 8, .reconnect_ms = 20});
    server_start(trial);
    set_up(trial);
}

/* Every snapshot, and the log behind it, must come to the state with which the server has stopped. */
static void verify_state(struct trial *trial)
{
    int status;
    char log[80];
    snprintf(log, sizeof log, "%s/verify.log", trial->directory);
    pid_t tool = fork();
    if (tool == 0) {
        int file = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(file, 1);
        dup2(file, 2);
        execl(trial->program, "spate", "log", "verify", trial->data, "--state", (char *)NULL);
        _exit(127);
    }
    if (waitpid(tool, &status, 0) != tool || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        give_up(trial, "`spate log verify --state` finds fault; see verify.log there");
}

static void end_round(struct trial *trial)
{
    int status;
    check_all(trial);
    spate_close(trial->client);
    kill(trial->server, SIGTERM);
    waitpid(trial->server, &status, 0);
    trial->server = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        give_up(trial, "the server did not stop cleanly after SIGTERM");
    if (!trial->must_lose)
        verify_state(trial);
    if (trial->lost + trial->wrong == 0)
        remove_directory(trial->data);
}

static int usage(void)
{
    fprintf(stderr, "usage: spate-crash SPATE --kills N | --power-cuts N [--seed S] [--sync MODE] "
                    "[--must-lose yes]\n");
    return 2;
}

static bool read_arguments(struct trial *trial, uint32_t *deaths, int argc, char **argv)
{
    if (argc < 2 || argc % 2 != 0)
        return false;
    trial->program = argv[1];
    for (int i = 2; i < argc; i += 2) {
        trial->cuts_power |= strcmp(argv[i], "--power-cuts") == 0;
        if (strcmp(argv[i], "--kills") == 0 || strcmp(argv[i], "--power-cuts") == 0)
            *deaths = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            trial->seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--sync") == 0)
            trial->sync = argv[i + 1];
        else if (strcmp(argv[i], "--must-lose") == 0)
            trial->must_lose = true;
        else
            return false;
    }
    return true;
}

/* False: this machine has no disks whose power could be cut. */
static bool choose_place(struct trial *trial)
{
    const char *place = getenv("TMPDIR");
    snprintf(trial->directory, sizeof trial->directory, "%.40s/spate-crash-XXXXXX",
             place != NULL ? place : "/tmp");
    if (mkdtemp(trial->directory) == NULL)
        give_up(trial, "no directory can be made there");
    const char *parent = trial->directory;
    if (trial->cuts_power) {
        if (!power_open(&trial->power, trial->directory))
            return false;
        parent = trial->power.disk;
    }
    snprintf(trial->data, sizeof trial->data, "%s/data", parent);
    return true;
}

int main(int argc, char **argv)
{
    enum { EXIT_SKIPPED = 77 };
    static struct trial trial = {.seed = 1, .sync = "dsync"};
    uint32_t deaths = 20;
    if (!read_arguments(&trial, &deaths, argc, argv))
        return usage();
    trial.random = trial.seed;
    trial.fates = malloc(ORDERS_MAX);
    if (!choose_place(&trial)) {
        printf("an image cannot be mounted here: that needs root and a loop device\n");
        remove_directory(trial.directory);
        return EXIT_SKIPPED;
    }
    choose_address(&trial);
    while (trial.deaths < deaths && trial.lost + trial.wrong == 0) {
        uint32_t left = deaths - trial.deaths;
        begin_round(&trial);
        run_deaths(&trial,
                   trial.deaths + (left < DEATHS_PER_ROUND ? left : (uint32_t)DEATHS_PER_ROUND));
        end_round(&trial);
    }
    free(trial.fates);
    return report(&trial);
}
