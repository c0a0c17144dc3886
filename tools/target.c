#include "tools/target_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct target {
    struct http_target *http; /* one of the two */
    struct binary_target *binary;
};

uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct target *target_open(const struct target_options *options, const struct trace *trace,
                           const uint32_t *numbers)
{
    struct target *target = calloc(1, sizeof *target);
    if (target == NULL)
        return NULL;
    if (options->http)
        target->http = http_target_open(options, trace);
    else
        target->binary = binary_target_open(options, trace, numbers);
    if (target->http != NULL || target->binary != NULL)
        return target;
    free(target);
    return NULL;
}

void target_close(struct target *target)
{
    if (target->http != NULL)
        http_target_close(target->http);
    else
        binary_target_close(target->binary);
    free(target);
}

bool target_send(struct target *target, const struct trace_event *event, uint64_t pass,
                 uint64_t tag)
{
    return target->http != NULL ? http_target_send(target->http, event, pass, tag)
                                : binary_target_send(target->binary, event, pass, tag);
}

bool target_next(struct target *target, struct spate_result *answer)
{
    return target->http != NULL ? http_target_next(target->http, answer)
                                : binary_target_next(target->binary, answer);
}

bool target_process(struct target *target)
{
    return target->http != NULL ? http_target_process(target->http)
                                : binary_target_process(target->binary);
}

void target_wait(struct target *target, uint64_t until_ns)
{
    if (target->http != NULL)
        http_target_wait(target->http, until_ns);
    else
        binary_target_wait(target->binary, until_ns);
}

uint64_t target_open_count(const struct target *target)
{
    return target->http != NULL ? http_target_open_count(target->http)
                                : binary_target_open_count(target->binary);
}

const char *target_error(const struct target *target)
{
    return target->http != NULL ? http_target_error(target->http)
                                : binary_target_error(target->binary);
}

uint32_t target_shard(const struct target *target, uint32_t sku)
{
    return target->http != NULL ? UINT32_MAX : binary_target_shard(target->binary, sku);
}

void receipt_key(const struct trace *trace, const struct trace_event *event, uint64_t pass,
                 char out[RECEIPT_KEY_BYTES])
{
    uint64_t place = (uint64_t)((const uint8_t *)event - trace->bytes);
    snprintf(out, RECEIPT_KEY_BYTES, "trace-%016" PRIx64 "-%" PRIu64 "-%" PRIu64, trace->head->hash,
             place, pass);
}
