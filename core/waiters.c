#include "core/waiters.h"

#include <string.h>

void waiters_init(struct waiters *waiters, struct memory *memory, struct stock *stock)
{
    *waiters = (struct waiters){.memory = memory, .stock = stock};
}

/* ---- SKUs that have changed -------------------------------------------------------------------- */

void waiters_changed(struct waiters *waiters, uint32_t number)
{
    struct stock_sku *sku = stock_sku_at(waiters->stock, number);
    if (sku->wait_first == 0 || sku->wait_changed)
        return;
    sku->wait_changed = true;
    sku->changed_next = 0;
    if (waiters->changed_last != 0)
        stock_sku_at(waiters->stock, waiters->changed_last)->changed_next = number;
    else
        waiters->changed_first = number;
    waiters->changed_last = number;
}

uint32_t waiters_take_changed(struct waiters *waiters)
{
    uint32_t number = waiters->changed_first;
    struct stock_sku *sku = stock_sku_at(waiters->stock, number);
    waiters->changed_first = sku->changed_next;
    if (waiters->changed_first == 0)
        waiters->changed_last = 0;
    sku->wait_changed = false;
    return number;
}

/* ---- queues ------------------------------------------------------------------------------------ */

static struct waiter_place *place_at(const struct waiters *waiters, uint32_t place)
{
    return memory_at(waiters->memory, place);
}

static void enqueue(struct waiters *waiters, struct waiter_place *place, uint32_t number)
{
    struct stock_sku *sku = stock_sku_at(waiters->stock, place->sku);
    place->previous = sku->wait_last;
    if (sku->wait_last != 0)
        place_at(waiters, sku->wait_last)->next = number;
    else
        sku->wait_first = number;
    sku->wait_last = number;
}

static void dequeue(struct waiters *waiters, const struct waiter_place *place)
{
    struct stock_sku *sku = stock_sku_at(waiters->stock, place->sku);
    if (place->previous != 0)
        place_at(waiters, place->previous)->next = place->next;
    else
        sku->wait_first = place->next;
    if (place->next != 0)
        place_at(waiters, place->next)->previous = place->previous;
    else
        sku->wait_last = place->previous;
    waiters_changed(waiters, place->sku);
}

uint32_t waiters_first(const struct waiters *waiters, uint32_t sku)
{
    return stock_sku_at(waiters->stock, sku)->wait_first;
}

bool waiters_want(const struct waiters *waiters, const struct hold_line *lines, uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++)
        if (waiters_first(waiters, lines[i].sku) != 0)
            return true;
    return false;
}

/* ---- waiters ----------------------------------------------------------------------------------- */

const struct waiter *waiters_at(const struct waiters *waiters, uint32_t waiter)
{
    return memory_at(waiters->memory, waiter);
}

const struct hold_line *waiter_lines(const struct waiter *waiter)
{
    return (const void *)(waiter->places + waiter->place_count);
}

static bool is_first_of_sku(const struct hold_line *lines, uint32_t line)
{
    return line == 0 || lines[line].sku != lines[line - 1].sku;
}

static uint32_t count_skus(const struct hold_line *lines, uint32_t line_count)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < line_count; i++)
        count += is_first_of_sku(lines, i);
    return count;
}

static void take_places(struct waiters *waiters, uint32_t number, const struct hold_line *lines)
{
    struct waiter *waiter = memory_at(waiters->memory, number);
    struct waiter_place *place = waiter->places;
    uint32_t place_number = number + (uint32_t)(sizeof *waiter / MEMORY_GRANULE_BYTES);
    for (uint32_t i = 0; i < waiter->ask.line_count; i++) {
        if (!is_first_of_sku(lines, i))
            continue;
        *place = (struct waiter_place){.waiter = number, .sku = lines[i].sku};
        enqueue(waiters, place++, place_number);
        place_number += (uint32_t)(sizeof *place / MEMORY_GRANULE_BYTES);
    }
}

bool waiters_add(struct waiters *waiters, const struct hold_ask *ask, const struct hold_line *lines)
{
    uint32_t place_count = count_skus(lines, ask->line_count);
    uint32_t lines_bytes = ask->line_count * (uint32_t)sizeof *lines;
    uint32_t bytes = (uint32_t)(sizeof(struct waiter) + place_count * sizeof(struct waiter_place));
    bytes += lines_bytes;
    uint32_t number = waiters->count < WAITERS_MAX ? memory_take(waiters->memory, bytes) : 0;
    if (number == 0)
        return false;
    struct waiter *waiter = memory_at(waiters->memory, number);
    *waiter = (struct waiter){.bytes = bytes, .place_count = place_count, .ask = *ask};
    memcpy(waiter->places + place_count, lines, lines_bytes);
    take_places(waiters, number, lines);
    waiters->count++;
    return true;
}

void waiters_remove(struct waiters *waiters, uint32_t number)
{
    const struct waiter *waiter = waiters_at(waiters, number);
    for (uint32_t i = 0; i < waiter->place_count; i++)
        dequeue(waiters, &waiter->places[i]);
    waiters->count--;
    memory_give(waiters->memory, number, waiter->bytes);
}

bool waiters_is_next(const struct waiters *waiters, uint32_t number)
{
    const struct waiter *waiter = waiters_at(waiters, number);
    for (uint32_t i = 0; i < waiter->place_count; i++)
        if (waiter->places[i].previous != 0)
            return false;
    return true;
}
