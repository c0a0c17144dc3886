/* spate replay diff - what changed between two runs, and whether that is more than noise.
 *
 * Both runs are cut into as many stretches; the same stretch of each is compared, so that a peak meets
 * its own peak. If what changed from stretch to stretch differs much, the change of the whole says little:
 * it is beyond the noise when it is more than four standard errors, and more than 3 %. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "tools/names.h"
#include "tools/options.h"
#include "tools/tools.h"

enum { MOMENTS_MAX = 1024, STRETCHES = 10, RESULTS_MAX = 64, TEXT = 128 };

enum figure { FIGURE_P50, FIGURE_P99, FIGURE_P999, FIGURE_MAX, FIGURES };
static const struct {
    const char *name;
    const char *whole;  /* where it stands in the report, */
    const char *moment; /* and in each of its moments */
} figures[FIGURES] = {
    {"p50", "/response_ns/p50", "p50"},
    {"p99", "/response_ns/p99", "p99"},
    {"p99.9", "/response_ns/p99.9", "p99.9"},
    {"max", "/response_ns/max", "max"},
};

struct result_count {
    char name[TEXT];
    int64_t count;
};

struct summary {
    int64_t version;
    char verdict[TEXT], why[TEXT * 2], requests[TEXT], audit[TEXT];
    int64_t offered, answered;
    double seconds;
    int64_t whole[FIGURES];
    int64_t moments[FIGURES][MOMENTS_MAX];
    uint32_t moment_count;
    struct result_count results[RESULTS_MAX];
    uint32_t result_count;
};

/* ---- reading a report ------------------------------------------------------------------------------------- */

static void take_text(char *out, size_t room, const struct json *json)
{
    snprintf(out, room, "%.*s", (int)json->text.bytes, json->text.at);
}

static void take_moment(struct summary *summary, const char *pointer, int64_t value)
{
    uint32_t index;
    int used = 0;
    if (sscanf(pointer, "/moments/%" SCNu32 "/%n", &index, &used) < 1 || index >= MOMENTS_MAX)
        return;
    summary->moment_count = index >= summary->moment_count ? index + 1 : summary->moment_count;
    for (int figure = 0; figure < FIGURES; figure++)
        if (strcmp(pointer + used, figures[figure].moment) == 0)
            summary->moments[figure][index] = value;
}

static void take_integer(struct summary *summary, const char *pointer, int64_t value)
{
    for (int figure = 0; figure < FIGURES; figure++)
        if (strcmp(pointer, figures[figure].whole) == 0)
            summary->whole[figure] = value;
    if (strcmp(pointer, "/version") == 0)
        summary->version = value;
    else if (strcmp(pointer, "/offered") == 0)
        summary->offered = value;
    else if (strcmp(pointer, "/orders") == 0)
        summary->answered = value;
    else if (strncmp(pointer, "/results/", 9) == 0 && summary->result_count < RESULTS_MAX) {
        struct result_count *result = &summary->results[summary->result_count++];
        snprintf(result->name, sizeof result->name, "%.*s", TEXT - 1, pointer + 9);
        result->count = value;
    } else {
        take_moment(summary, pointer, value);
    }
}

static void take_token(struct summary *summary, const struct json *json, enum json_token token)
{
    char out[JSON_POINTER_BYTES_MAX], pointer[JSON_POINTER_BYTES_MAX + 1];
    struct text at = json_pointer(json, out);
    snprintf(pointer, sizeof pointer, "%.*s", (int)at.bytes, at.at);
    if (token == JSON_INTEGER)
        take_integer(summary, pointer, json->integer);
    else if (token == JSON_REAL && strcmp(pointer, "/seconds") == 0)
        summary->seconds = strtod(json->text.at, NULL);
    else if (token == JSON_TEXT && strcmp(pointer, "/verdict") == 0)
        take_text(summary->verdict, sizeof summary->verdict, json);
    else if (token == JSON_TEXT && strcmp(pointer, "/why") == 0)
        take_text(summary->why, sizeof summary->why, json);
    else if (token == JSON_TEXT && strcmp(pointer, "/requests_hash") == 0)
        take_text(summary->requests, sizeof summary->requests, json);
    else if (token == JSON_TEXT && strcmp(pointer, "/audit") == 0)
        take_text(summary->audit, sizeof summary->audit, json);
}

static bool parse(struct summary *summary, char *text, uint32_t bytes)
{
    struct json json;
    memset(summary, 0, sizeof *summary);
    json_init(&json, text, bytes);
    for (;;) {
        enum json_token token = json_next(&json);
        if (token == JSON_WRONG)
            return false;
        if (token == JSON_END)
            return summary->version == 1 && summary->requests[0] != '\0';
        take_token(summary, &json, token);
    }
}

static bool read_report(struct summary *summary, const char *path)
{
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        fprintf(stderr, "spate replay diff: %s: %s\n", path, strerror(errno));
        return false;
    }
    fseek(in, 0, SEEK_END);
    long bytes = ftell(in);
    rewind(in);
    char *text = memory_grow(NULL, (uint64_t)(bytes > 0 ? bytes : 0) + 1);
    bool good = bytes > 0 && bytes < INT32_MAX &&
                fread(text, 1, (size_t)bytes, in) == (size_t)bytes &&
                parse(summary, text, (uint32_t)bytes);
    fclose(in);
    free(text);
    if (!good)
        fprintf(stderr, "spate replay diff: %s: not a report of `spate replay --json`\n", path);
    return good;
}

/* ---- comparing -------------------------------------------------------------------------------------------- */

/* The mean of the logarithms of a figure in one stretch of a run; false: nothing was answered in it. */
static bool stretch_mean(const struct summary *summary, int figure, uint32_t stretch, double *mean)
{
    uint32_t from = summary->moment_count * stretch / STRETCHES;
    uint32_t to = summary->moment_count * (stretch + 1) / STRETCHES;
    double sum = 0;
    uint32_t count = 0;
    for (uint32_t i = from; i < to; i++)
        if (summary->moments[figure][i] > 0) {
            sum += log((double)summary->moments[figure][i]);
            count++;
        }
    *mean = count > 0 ? sum / count : 0;
    return count > 0;
}

static bool is_beyond_noise(const struct summary *a, const struct summary *b, int figure)
{
    double sum = 0, squares = 0, of_a, of_b;
    int count = 0;
    for (uint32_t i = 0; i < STRETCHES; i++)
        if (stretch_mean(a, figure, i, &of_a) && stretch_mean(b, figure, i, &of_b)) {
            sum += of_b - of_a;
            squares += (of_b - of_a) * (of_b - of_a);
            count++;
        }
    if (count < 3)
        return false;
    double mean = sum / count;
    double variance = fmax(0, (squares - count * mean * mean) / (count - 1));
    double whole = log((double)b->whole[figure] / (double)a->whole[figure]);
    return fabs(mean) > 4 * sqrt(variance / count) && fabs(mean) > 0.03 && fabs(whole) > 0.03 &&
           (whole > 0) == (mean > 0);
}

/* 1: worse, -1: better, 0: within the noise. */
static int print_figure(const struct summary *a, const struct summary *b, int figure)
{
    double of_a = (double)a->whole[figure], of_b = (double)b->whole[figure];
    if (a->whole[figure] <= 0 || b->whole[figure] <= 0)
        return 0;
    bool beyond = is_beyond_noise(a, b, figure);
    int change = !beyond ? 0 : of_b > of_a ? 1 : -1;
    printf("%-22s %12.3f ms %12.3f ms %+8.1f %%  %s\n", figures[figure].name, of_a / 1e6,
           of_b / 1e6, (of_b / of_a - 1) * 100,
           change == 0  ? "within the noise"
           : change > 0 ? "SLOWER, beyond the noise"
                        : "faster, beyond the noise");
    return change;
}

static int64_t count_of(const struct summary *summary, const char *name)
{
    for (uint32_t i = 0; i < summary->result_count; i++)
        if (strcmp(summary->results[i].name, name) == 0)
            return summary->results[i].count;
    return 0;
}

static void print_results(const struct summary *a, const struct summary *b)
{
    for (uint32_t i = 0; i < a->result_count; i++)
        printf("%-22s %15" PRId64 " %15" PRId64 "\n", a->results[i].name, a->results[i].count,
               count_of(b, a->results[i].name));
    for (uint32_t i = 0; i < b->result_count; i++)
        if (count_of(a, b->results[i].name) == 0)
            printf("%-22s %15d %15" PRId64 "\n", b->results[i].name, 0, b->results[i].count);
}

static int compare(const struct summary *a, const struct summary *b)
{
    int worse = 0;
    printf("%-22s %15s %15s\n", "verdict", a->verdict, b->verdict);
    printf("%-22s %15s %15s\n", "audit", a->audit[0] != '\0' ? a->audit : "-",
           b->audit[0] != '\0' ? b->audit : "-");
    if (strcmp(a->requests, b->requests) != 0)
        printf("these runs did not want the same requests: what follows compares different days\n");
    printf("%-22s %13.0f/s %13.0f/s\n", "answered", (double)a->answered / fmax(a->seconds, 1e-9),
           (double)b->answered / fmax(b->seconds, 1e-9));
    print_results(a, b);
    for (int figure = 0; figure < FIGURES; figure++)
        worse += print_figure(a, b, figure) > 0;
    return worse > 0 ? 3 : 0;
}

int tool_replay_diff(int argc, char **argv)
{
    const struct option none[] = {{0}};
    const struct usage usage = {
        .command = "spate replay diff",
        .arguments = "A.json B.json",
        .summary = "Says what changed from the run of the first report to that of the second, and\n"
                   "whether that is more than noise. Exit code 3 when something became slower.",
        .options = none};
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (positional != 2) {
        fprintf(stderr, "spate replay diff: which two reports? two files of --json\n");
        return 2;
    }
    struct summary *both = memory_grow(NULL, 2 * sizeof *both);
    end = read_report(&both[0], argv[0]) && read_report(&both[1], argv[1])
              ? compare(&both[0], &both[1])
              : 1;
    free(both);
    return end;
}
