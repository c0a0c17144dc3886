#include "core/code.h"

#include <stddef.h>

static const struct code_facts facts[CODE_LIMIT_NUMBER] = {
#define X(id, number, name, status, again, title) [id] = {name, title, status, again},
    CODES(X)
#undef X
};

const struct code_facts *code_facts(uint32_t code)
{
    return code < CODE_LIMIT_NUMBER && facts[code].name != NULL ? &facts[code] : NULL;
}
