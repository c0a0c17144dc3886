#include "tools/steward.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tools/notify.h"

enum { OURSELVES = LINES_ACTORS_MAX - 1, READY_LOOK_MS = 50, SPARE_LOOKS = 1000 };

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

__attribute__((format(printf, 3, 4))) static void say(struct steward *steward, enum env_level level,
                                                      const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lines_put(&steward->lines, OURSELVES, level, read_clock(CLOCK_REALTIME), line);
}

/* ---- SIGHUP ---------------------------------------------------------------------------------------- */

/* Whether no shard can be looking at the table that is not in use: each has begun a turn since the
 * other one came into use, and another to be sure. */
static bool callers_are_spare(const struct steward *steward)
{
    for (uint32_t i = 0; i < steward->options.server.shard_count; i++)
        if (server_turns(steward->server, i) < steward->callers_turns[i] + 2)
            return false;
    return true;
}

/* NULL: the shards take no turns, because the log does not get on. */
static struct callers *spare_callers(struct steward *steward)
{
    for (uint32_t i = 0; i < SPARE_LOOKS && !callers_are_spare(steward); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return callers_are_spare(steward) ? &steward->callers[1 - steward->callers_used] : NULL;
}

static void use_callers(struct steward *steward, const struct callers *callers)
{
    server_callers(steward->server, callers);
    if (callers != NULL)
        steward->callers_used = (uint32_t)(callers - steward->callers);
    for (uint32_t i = 0; i < steward->options.server.shard_count; i++)
        steward->callers_turns[i] = server_turns(steward->server, i);
}

/* Everything is read before anything is taken over. */
static bool reload_files(struct steward *steward, const struct serve_options *fresh)
{
    struct callers *callers = NULL;
    if (fresh->callers_path != NULL) {
        callers = spare_callers(steward);
        if (callers == NULL)
            say(steward, ENV_WARNING,
                "the log does not get on, so callers cannot change; try again");
        if (callers == NULL || serve_callers_read(fresh, callers) != 0)
            return false;
    }
    if (fresh->rules_path != NULL) {
        if (serve_rules_read(fresh, &steward->rules) != 0)
            return false;
        if (!server_put_rules(steward->server, steward->rules.text)) {
            say(steward, ENV_WARNING, "the last rules are not in force yet; try again");
            return false;
        }
    }
    use_callers(steward, callers);
    return true;
}

static void say_kept(struct steward *steward, struct serve_options *fresh)
{
    struct serve_kept kept[SERVE_ROWS_MAX];
    uint32_t count = serve_options_kept(&steward->options, fresh, kept);
    for (uint32_t i = 0; i < count; i++)
        say(steward, ENV_WARNING, "%s stays %s until the next start", kept[i].name, kept[i].value);
}

static void apply_log_options(struct steward *steward)
{
    atomic_store(&steward->lines.level, steward->options.log_level);
    steward->writer.form = (enum lines_form)steward->options.log_form;
}

/* What the options had to complain about, as lines of the log. */
static void say_all(struct steward *steward, char *text)
{
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        say(steward, ENV_WARNING, "%s", line);
}

static void take_over(struct steward *steward, struct serve_options *fresh)
{
    say_kept(steward, fresh);
    steward->options.callers_path = fresh->callers_path;
    steward->options.rules_path = fresh->rules_path;
    steward->options.log_level = fresh->log_level;
    steward->options.log_form = fresh->log_form;
    apply_log_options(steward);
    say(steward, ENV_INFO, "reloaded: callers, rules, log-level, log-form");
}

static void reload(struct steward *steward)
{
    static struct serve_options fresh;
    char *complaints = NULL;
    size_t bytes;
    FILE *errors = open_memstream(&complaints, &bytes);
    if (!steward->ready || errors == NULL) {
        say(steward, ENV_WARNING, "not reloaded: %s",
            errors == NULL ? strerror(errno) : "still recovering");
    } else {
        notify("RELOADING=1");
        bool good = serve_options_read(&fresh, steward->argc, steward->argv, errors) < 0 &&
                    reload_files(steward, &fresh);
        fflush(errors);
        say_all(steward, complaints);
        if (good)
            take_over(steward, &fresh);
        else
            say(steward, ENV_WARNING, "not reloaded: everything stays as it was");
        notify("READY=1");
    }
    if (errors != NULL)
        fclose(errors);
    free(complaints);
}

/* ---- signals and the watchdog ------------------------------------------------------------------------ */

static void stop(struct steward *steward)
{
    say(steward, ENV_INFO,
        steward->stopping ? "stopping at once" : "stopping when all is answered");
    notify(steward->stopping ? "STATUS=stopping at once" : "STOPPING=1\nSTATUS=draining");
    steward->stopping = true;
    server_stop(steward->server);
}

static void take_signals(struct steward *steward)
{
    struct signalfd_siginfo info;
    while (read(steward->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP)
            reload(steward);
        else
            stop(steward);
    }
}

/* Tells systemd that we live, if every shard has moved since the last time. */
static void beat(struct steward *steward)
{
    struct server *server = steward->server;
    bool moved = true;
    for (uint32_t i = 0; i < steward->options.server.shard_count; i++) {
        uint64_t beats = server_beats(server, i);
        moved &= beats != steward->beats[i];
        steward->beats[i] = beats;
    }
    steward->beat_next_ns = read_clock(CLOCK_MONOTONIC) + steward->beat_ns;
    if (moved)
        notify("WATCHDOG=1");
    else if (!steward->hung)
        say(steward, ENV_ERROR, "a shard does not move; systemd is not told that we live");
    steward->hung = !moved;
}

static void look_whether_ready(struct steward *steward)
{
    steward->ready = server_is_ready(steward->server);
    if (steward->ready)
        notify("READY=1\nSTATUS=serving");
}

static int patience_ms(const struct steward *steward)
{
    if (!steward->ready)
        return READY_LOOK_MS;
    return steward->beat_ns == 0 ? -1 : (int)(steward->beat_ns / 1000000);
}

static void *run(void *argument)
{
    struct steward *steward = argument;
    struct pollfd files[] = {{.fd = steward->signals, .events = POLLIN},
                             {.fd = steward->lines.bell, .events = POLLIN}};
    while (atomic_load(&steward->ended) == 0) { /* pairs with the store in steward_end */
        uint64_t rung;
        (void)poll(files, 2, patience_ms(steward));
        (void)!read(steward->lines.bell, &rung, sizeof rung);
        if (!steward->ready)
            look_whether_ready(steward);
        take_signals(steward);
        lines_drain(&steward->writer);
        if (steward->ready && steward->beat_ns != 0 &&
            read_clock(CLOCK_MONOTONIC) >= steward->beat_next_ns)
            beat(steward);
    }
    lines_drain(&steward->writer);
    return NULL;
}

bool steward_start(struct steward *steward, struct server *server)
{
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &taken, NULL);
    steward->signals = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
    steward->lines.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    steward->writer = (struct lines_writer){.lines = &steward->lines,
                                            .shard_count = steward->options.server.shard_count,
                                            .file = STDERR_FILENO};
    steward->server = server;
    steward->beat_ns = notify_watchdog_us() * 1000 / 3; /* so that one may be late */
    apply_log_options(steward);
    return steward->signals >= 0 && steward->lines.bell >= 0 &&
           pthread_create(&steward->thread, NULL, run, steward) == 0;
}

void steward_say(struct steward *steward, enum env_level level, const char *line)
{
    uint32_t actor = steward->options.server.shard_count;
    lines_put(&steward->lines, actor, level, read_clock(CLOCK_REALTIME), line);
}

void steward_end(struct steward *steward)
{
    atomic_store(&steward->ended, 1); /* pairs with the load in run */
    (void)!write(steward->lines.bell, &(uint64_t){1}, sizeof(uint64_t));
    pthread_join(steward->thread, NULL);
    close(steward->lines.bell);
    close(steward->signals);
}
