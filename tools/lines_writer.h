/* tools/lines_writer.h - the writer of io/lines.h: takes the lines of all rings in order of time, and writes
 * them in one of three forms. Whatever was in a line, what is written is one line: control characters
 * are escaped. */
#ifndef SPATE_TOOLS_LINES_WRITER_H
#define SPATE_TOOLS_LINES_WRITER_H

#include "io/lines.h"

enum lines_form {
    LINES_TEXT,   /* the words alone, for a terminal */
    LINES_LOGFMT, /* ts=... level=info actor=shard-0 msg="..." */
    LINES_JSON,
};

struct lines_writer {
    struct lines *lines;
    enum lines_form form;
    uint32_t shard_count; /* actors from here on are no shards */
    int32_t file;         /* where it is written */
    uint64_t said_lost;   /* lines that have been told to be lost */
};

/* Writes what there is, and may wait for whoever reads it; what cannot be written is lost. */
void lines_drain(struct lines_writer *writer);

#endif
