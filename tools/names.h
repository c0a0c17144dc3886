/* tools/names.h - texts by number, and numbers by text: each text once, in order of arrival. */
#ifndef SPATE_TOOLS_NAMES_H
#define SPATE_TOOLS_NAMES_H

#include <stdint.h>

struct names {
    char *bytes; /* of all, each with its zero */
    uint64_t used;
    uint64_t capacity;
    uint64_t *offsets;
    uint32_t *places; /* by hash: number + 1, or 0 */
    uint32_t count;
    uint32_t place_count;
};

/* The text's number, new if it is. Ends the program when there is no memory. */
uint32_t names_number(struct names *names, const char *text);
const char *names_text(const struct names *names, uint32_t number);
void names_free(struct names *names);

/* realloc that ends the program when there is no memory: a tool has nothing better to do. */
void *memory_grow(void *memory, uint64_t bytes);

#endif
