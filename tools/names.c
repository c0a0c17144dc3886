#include "tools/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

void *memory_grow(void *memory, uint64_t bytes)
{
    void *grown = realloc(memory, bytes);
    if (grown != NULL)
        return grown;
    fprintf(stderr, "spate: no memory for %llu bytes\n", (unsigned long long)bytes);
    exit(1);
}

const char *names_text(const struct names *names, uint32_t number)
{
    return names->bytes + names->offsets[number];
}

static uint32_t *place_of(const struct names *names, const char *text)
{
    uint32_t at = (uint32_t)XXH3_64bits(text, strlen(text)) & (names->place_count - 1);
    while (names->places[at] != 0 && strcmp(names_text(names, names->places[at] - 1), text) != 0)
        at = (at + 1) & (names->place_count - 1);
    return &names->places[at];
}

/* Always less than half full. */
static void make_room(struct names *names)
{
    if (names->count < names->place_count / 2)
        return;
    names->place_count = names->place_count > 0 ? names->place_count * 2 : 1024;
    names->places = memory_grow(names->places, names->place_count * sizeof *names->places);
    names->offsets = memory_grow(names->offsets, names->place_count / 2 * sizeof *names->offsets);
    memset(names->places, 0, names->place_count * sizeof *names->places);
    for (uint32_t i = 0; i < names->count; i++)
        *place_of(names, names_text(names, i)) = i + 1;
}

uint32_t names_number(struct names *names, const char *text)
{
    uint64_t bytes = strlen(text) + 1;
    make_room(names);
    uint32_t *place = place_of(names, text);
    if (*place != 0)
        return *place - 1;
    if (names->used + bytes > names->capacity) {
        names->capacity = (names->used + bytes) * 2;
        names->bytes = memory_grow(names->bytes, names->capacity);
    }
    memcpy(names->bytes + names->used, text, bytes);
    names->offsets[names->count] = names->used;
    names->used += bytes;
    *place = ++names->count;
    return names->count - 1;
}

void names_free(struct names *names)
{
    free(names->bytes);
    free(names->offsets);
    free(names->places);
    *names = (struct names){0};
}
