#include "tools/slo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "p99.9<" or "max<" or "errors<": what the term is about; NULL: none of them. */
static const char *read_what(struct slo_term *term, const char *at)
{
    char *end = NULL;
    if (strncmp(at, "max<", 4) == 0) {
        term->per_million = 1000000;
        return at + 4;
    }
    if (strncmp(at, "errors<", 7) == 0) {
        term->per_million = SLO_ERRORS;
        return at + 7;
    }
    double percent = *at == 'p' && at[1] >= '0' && at[1] <= '9' ? strtod(at + 1, &end) : 0;
    if (end == NULL || *end != '<' || percent > 100)
        return NULL;
    term->per_million = (uint32_t)(percent * 10000 + 0.5);
    return end + 1;
}

static const char *read_limit(struct slo_term *term, const char *at)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"%", 0.01}};
    char *end;
    term->limit = strtod(at, &end);
    if (end == at || !(term->limit >= 0))
        return NULL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t bytes = strlen(units[i].name);
        bool is_share = units[i].name[0] == '%';
        if (strncmp(end, units[i].name, bytes) == 0 &&
            is_share == (term->per_million == SLO_ERRORS)) {
            term->limit *= units[i].factor;
            return end + bytes;
        }
    }
    return NULL;
}

bool slo_read(struct slo *slo, const char *text, const char **fault)
{
    *slo = (struct slo){0};
    for (;;) {
        struct slo_term *term = &slo->terms[slo->count];
        *fault = text;
        const char *at = slo->count < SLO_TERMS_MAX ? read_what(term, text) : NULL;
        at = at != NULL ? read_limit(term, at) : NULL;
        if (at == NULL || (*at != '\0' && *at != ','))
            return false;
        term->text = text;
        term->text_bytes = (int)(at - text);
        slo->count++;
        if (*at == '\0')
            return true;
        text = at + 1;
    }
}

bool slo_judge(struct slo *slo, const struct histogram *response, double error_share)
{
    bool all_kept = true;
    for (uint32_t i = 0; i < slo->count; i++) {
        struct slo_term *term = &slo->terms[i];
        term->found = term->per_million == SLO_ERRORS
                          ? error_share
                          : (double)histogram_at(response, term->per_million);
        term->kept = term->found < term->limit;
        all_kept = all_kept && term->kept;
    }
    return all_kept;
}

void slo_print(const struct slo *slo)
{
    for (uint32_t i = 0; i < slo->count; i++) {
        const struct slo_term *term = &slo->terms[i];
        bool is_errors = term->per_million == SLO_ERRORS;
        printf("slo %.*s: %s (%.3f %s)\n", term->text_bytes, term->text,
               term->kept ? "kept" : "MISSED", is_errors ? term->found * 100 : term->found / 1e6,
               is_errors ? "%" : "ms");
    }
}
