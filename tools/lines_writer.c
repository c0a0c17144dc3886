#include "tools/lines_writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/json_write.h"
#include "io/time_text.h"

enum { LINE_WRITTEN_BYTES_MAX = 6 * LINE_BYTES_MAX + 160 };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* ---- forms --------------------------------------------------------------------------------------- */

static uint32_t put_bytes(char *out, uint32_t used, const char *text)
{
    uint32_t bytes = (uint32_t)strlen(text);
    memcpy(out + used, text, bytes);
    return used + bytes;
}

/* Control characters as \xNN; within quotes the quote and the backslash too. */
static uint32_t put_escaped(char *out, uint32_t used, const struct line *line, bool quoted)
{
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < line->bytes; i++) {
        uint8_t c = (uint8_t)line->text[i];
        if (c < ' ' || c == 0x7f) {
            memcpy(out + used, (char[]){'\\', 'x', digits[c >> 4], digits[c & 15]}, 4);
            used += 4;
            continue;
        }
        if (quoted && (c == '"' || c == '\\'))
            out[used++] = '\\';
        out[used++] = (char)c;
    }
    return used;
}

static uint32_t print_logfmt(const struct line *line, const char *time, const char *actor,
                             char *out)
{
    uint32_t used = put_bytes(out, 0, "ts=");
    used = put_bytes(out, used, time);
    used = put_bytes(out, used, " level=");
    used = put_bytes(out, used, level_names[line->level]);
    used = put_bytes(out, used, " actor=");
    used = put_bytes(out, used, actor);
    used = put_bytes(out, used, " msg=\"");
    used = put_escaped(out, used, line, true);
    return put_bytes(out, used, "\"\n");
}

static uint32_t print_json(const struct line *line, const char *time, const char *actor, char *out)
{
    struct pile pile = {.at = (uint8_t *)out, .capacity_bytes = LINE_WRITTEN_BYTES_MAX - 1};
    struct json_writer writer = {.pile = &pile};
    json_write_open(&writer, '{');
    json_member_text(&writer, "ts", text_of(time));
    json_member_text(&writer, "level", text_of(level_names[line->level]));
    json_member_text(&writer, "actor", text_of(actor));
    json_member_text(&writer, "msg", (struct text){line->text, line->bytes});
    json_write_close(&writer, '}');
    out[pile.used_bytes] = '\n';
    return pile.used_bytes + 1;
}

static uint32_t print_line(const struct line *line, enum lines_form form, const char *actor,
                           char out[LINE_WRITTEN_BYTES_MAX])
{
    char time[TIME_TEXT_BYTES_MAX + 1];
    if (form == LINES_TEXT) {
        uint32_t used = put_escaped(out, 0, line, false);
        return put_bytes(out, used, "\n");
    }
    struct text printed = time_text_print(line->now_ns, time);
    time[printed.bytes] = '\0';
    return form == LINES_JSON ? print_json(line, time, actor, out)
                              : print_logfmt(line, time, actor, out);
}

/* ---- the writer ---------------------------------------------------------------------------------- */

static void write_line(const struct lines_writer *writer, const struct line *line, uint32_t actor)
{
    char out[LINE_WRITTEN_BYTES_MAX], name[24];
    if (actor < writer->shard_count)
        snprintf(name, sizeof name, "shard-%u", actor);
    else
        snprintf(name, sizeof name, "%s",
                 actor == writer->shard_count       ? "main"
                 : actor == writer->shard_count + 1 ? "snapshots"
                                                    : "steward");
    uint32_t bytes = print_line(line, writer->form, name, out);
    for (uint32_t at = 0; at < bytes;) {
        ssize_t wrote = write(writer->file, out + at, bytes - at);
        if (wrote < 0 && errno != EINTR)
            return; /* there is nobody left to tell */
        at += wrote > 0 ? (uint32_t)wrote : 0;
    }
}

/* The ring whose next line is the oldest; LINES_ACTORS_MAX: all are empty. */
static uint32_t oldest(const struct lines *lines)
{
    uint32_t found = LINES_ACTORS_MAX;
    uint64_t at_ns = UINT64_MAX;
    for (uint32_t i = 0; i < LINES_ACTORS_MAX; i++) {
        const struct lines_ring *ring = &lines->rings[i];
        uint64_t taken = ring->taken.value;
        if (atomic_load(&ring->put) == taken) /* pairs with the store in lines_put */
            continue;
        if (ring->at[taken % LINES_RING].now_ns < at_ns) {
            at_ns = ring->at[taken % LINES_RING].now_ns;
            found = i;
        }
    }
    return found;
}

static void say_lost(struct lines_writer *writer, uint64_t now_ns)
{
    uint64_t lost = lines_lost(writer->lines);
    struct line line = {.now_ns = now_ns, .level = ENV_WARNING};
    if (lost == writer->said_lost)
        return;
    line.bytes = (uint32_t)snprintf(line.text, sizeof line.text, "%llu lines were lost here",
                                    (unsigned long long)(lost - writer->said_lost));
    writer->said_lost = lost;
    write_line(writer, &line, LINES_ACTORS_MAX);
}

void lines_drain(struct lines_writer *writer)
{
    struct lines *lines = writer->lines;
    uint32_t actor;
    uint64_t now_ns = 0;
    while ((actor = oldest(lines)) != LINES_ACTORS_MAX) {
        struct lines_ring *ring = &lines->rings[actor];
        const struct line *line = &ring->at[ring->taken.value % LINES_RING];
        now_ns = line->now_ns;
        write_line(writer, line, actor);
        atomic_store(&ring->taken, ring->taken.value + 1); /* pairs with the load in lines_put */
    }
    if (now_ns != 0)
        say_lost(writer, now_ns);
}
