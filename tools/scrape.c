#include "tools/scrape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the label's value, which begins at `text`, where its quote does; NULL: it has no end. */
static char *unescape(char *text)
{
    char *to = text;
    for (; *text != '"'; text++) {
        if (*text == '\0')
            return NULL;
        if (*text == '\\' && text[1] != '\0')
            text++;
        *to++ = *text == 'n' && text[-1] == '\\' ? '\n' : *text;
    }
    *to = '\0';
    return text + 1;
}

/* name value, or name{label="text",...} value */
static bool read_sample(char *line, struct sample *sample)
{
    char *at = line + strcspn(line, "{ "), *end;
    sample->name = line;
    sample->label = "";
    if (*at == '{') {
        char *quote = strchr(at, '"');
        *at = '\0';
        if (quote == NULL)
            return false;
        sample->label = quote + 1;
        at = unescape(quote + 1);
        if (at == NULL || (at = strchr(at, '}')) == NULL)
            return false;
        at++;
    } else if (*at == ' ') {
        *at++ = '\0';
    }
    sample->value = strtod(at, &end);
    return end != at && *end == '\0' && sample->name[0] != '\0';
}

bool scrape_read(struct scrape *scrape, char *page, uint32_t *line)
{
    scrape->count = 0;
    for (*line = 1; *page != '\0'; ++*line) {
        char *end = page + strcspn(page, "\n"), *next = end + (*end == '\n');
        *end = '\0';
        if (page < end && *page != '#') {
            if (scrape->count == SCRAPE_SAMPLES_MAX ||
                !read_sample(page, &scrape->at[scrape->count++]))
                return false;
        }
        page = next;
    }
    return true;
}

/* `label` NULL: whatever it is. */
static double sum(const struct scrape *scrape, const char *name, const char *label)
{
    double total = 0;
    for (uint32_t i = 0; i < scrape->count; i++)
        if (strcmp(scrape->at[i].name, name) == 0 &&
            (label == NULL || strcmp(scrape->at[i].label, label) == 0))
            total += scrape->at[i].value;
    return total;
}

double scrape_sum(const struct scrape *scrape, const char *name)
{
    return sum(scrape, name, NULL);
}

double scrape_one(const struct scrape *scrape, const char *name, const char *label)
{
    return sum(scrape, name, label);
}

double scrape_rate(const struct scrape *before, const struct scrape *now, const char *name,
                   const char *label)
{
    double was = sum(before, name, label), is = sum(now, name, label);
    double seconds = (double)(now->taken_ns - before->taken_ns) / 1e9;
    return seconds <= 0 ? 0 : (is < was ? is : is - was) / seconds;
}

double scrape_quantile(const struct scrape *before, const struct scrape *now, const char *histogram,
                       double part)
{
    char bucket[96];
    snprintf(bucket, sizeof bucket, "%s_bucket", histogram);
    double all = scrape_one(now, bucket, "+Inf") - scrape_one(before, bucket, "+Inf");
    double lower = 0, below = 0;
    if (all <= 0)
        return -1;
    for (uint32_t i = 0; i < now->count; i++) {
        const struct sample *sample = &now->at[i];
        if (strcmp(sample->name, bucket) != 0)
            continue;
        double upper = strtod(sample->label, NULL);
        double up_to = sample->value - scrape_one(before, bucket, sample->label);
        if (up_to >= part * all && isinf(upper))
            return lower;
        if (up_to >= part * all)
            return lower + (upper - lower) * (part * all - below) / (up_to - below);
        lower = upper;
        below = up_to;
    }
    return lower;
}
