/* io/head.h - what a request's head asks for, and whatever can be refused without looking at the body. */
#ifndef SPATE_IO_HEAD_H
#define SPATE_IO_HEAD_H

#include "io/framing.h"
#include "io/routes.h"

struct head_target {
    struct text path;
    struct text query; /* NULL: there is none */
};

struct head_target head_target(const struct http *http, const char *bytes);

/* The version that If-Match names; UINT64_MAX: it stands not there, or is none of ours. */
uint64_t head_if_version(const struct http *http, const char *bytes);

/* Sets http's route, body and caller; or its fault. */
void head_judge(struct http *http, const struct http_server *server, const char *bytes);

#endif
