#include "tools/log_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REST_BYTES = 160 };
static const uint64_t EVERY_NS = 1000000000;

static void begin(struct log_progress *progress, uint64_t now_ns, const char *what, uint64_t done)
{
    progress->what = what;
    progress->first = done;
    progress->began_ns = now_ns;
}

/* How much there is, and no pace at the first look: nothing has been measured then. */
static void write_rest(const struct log_progress *progress, uint64_t now_ns, uint64_t done,
                       uint64_t all, char out[REST_BYTES])
{
    double seconds = (double)(now_ns - progress->began_ns) / 1e9;
    double rate = seconds > 0 ? (double)(done - progress->first) / seconds : 0;
    out[0] = 0;
    if (done > all)
        return;
    if (rate > 0)
        snprintf(out, REST_BYTES, " of %" PRIu64 ", %.0f a second, about %.0f s left", all, rate,
                 (double)(all - done) / rate);
    else
        snprintf(out, REST_BYTES, " of %" PRIu64, all);
}

void log_progress_say(struct log_progress *progress, uint64_t now_ns, const char *what,
                      uint64_t done, uint64_t all)
{
    char rest[REST_BYTES];
    bool terminal = isatty(progress->file);
    bool first = progress->what == NULL;
    if (first || strcmp(progress->what, what) != 0 || done < progress->first)
        begin(progress, now_ns, what, done);
    if (first && !terminal)
        progress->said_ns = now_ns;
    if (!(first && terminal) && now_ns - progress->said_ns < EVERY_NS)
        return;
    progress->said_ns = now_ns;
    progress->shown = terminal;
    write_rest(progress, now_ns, done, all, rest);
    dprintf(progress->file, "%s: %s: %" PRIu64 "%s%s", progress->command, what, done, rest,
            terminal ? "\033[K\r" : "\n");
}

void log_progress_fold(struct log_progress *progress, const struct fold *fold, uint64_t end_seq)
{
    uint64_t now_ns = env_clock(fold->env);
    if (fold->reading)
        log_progress_say(progress, now_ns, "reading the log", fold->place.seq - 1, end_seq - 1);
    else
        log_progress_say(progress, now_ns, "slot by slot", fold->slot, SLOT_COUNT);
}

void log_progress_end(struct log_progress *progress)
{
    if (progress->shown)
        dprintf(progress->file, "\033[K");
    progress->shown = false;
    progress->what = NULL;
}
