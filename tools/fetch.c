#include "tools/fetch.h"

#include <errno.h>
#include <llhttp.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BODY_BYTES_MAX = 256 << 20 };

struct parsing {
    llhttp_t parser;
    struct fetch_answer *answer;
    bool whole;
    char name[32];
    char value[32];
};

void fetch_init(struct fetch *fetch, const char *address, int timeout_ms)
{
    *fetch = (struct fetch){.address = address, .timeout_ms = timeout_ms, .file = -1};
}

void fetch_close(struct fetch *fetch)
{
    if (fetch->file >= 0)
        close(fetch->file);
    fetch->file = -1;
}

void fetch_answer_free(struct fetch_answer *answer)
{
    free(answer->body);
    *answer = (struct fetch_answer){0};
}

static bool give_up(struct fetch *fetch, const char *why)
{
    snprintf(fetch->fault, sizeof fetch->fault, "%s: %s", fetch->address, why);
    fetch_close(fetch);
    return false;
}

/* ---- connecting ---------------------------------------------------------------------------------- */

static bool connect_to(struct fetch *fetch, int family, const struct sockaddr *address,
                       socklen_t bytes)
{
    struct timeval patience = {.tv_sec = fetch->timeout_ms / 1000,
                               .tv_usec = fetch->timeout_ms % 1000 * 1000};
    fetch->file = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fetch->file < 0)
        return false;
    setsockopt(fetch->file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fetch->file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fetch->file, address, bytes) == 0)
        return true;
    int error = errno;
    fetch_close(fetch);
    errno = error;
    return false;
}

static bool connect_unix(struct fetch *fetch, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return give_up(fetch, "the path is too long");
    memcpy(address.sun_path, path, strlen(path));
    return connect_to(fetch, AF_UNIX, (const void *)&address, sizeof address) ||
           give_up(fetch, strerror(errno));
}

static bool connect_inet(struct fetch *fetch)
{
    char host[128];
    const char *at = fetch->address, *colon = strrchr(at, ':');
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (colon == NULL || colon[1] == '\0' || (size_t)(colon - at) >= sizeof host)
        return give_up(fetch, "an address is 127.0.0.1:8080 or unix:/run/spate.sock");
    bool bracket = *at == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - at) - 2 * bracket, at + bracket);
    int error = getaddrinfo(host, colon + 1, &wanted, &found);
    if (error != 0)
        return give_up(fetch, gai_strerror(error));
    bool connected = false;
    for (const struct addrinfo *one = found; one != NULL && !connected; one = one->ai_next)
        connected = connect_to(fetch, one->ai_family, one->ai_addr, one->ai_addrlen);
    error = errno;
    freeaddrinfo(found);
    return connected || give_up(fetch, strerror(error));
}

static bool connected(struct fetch *fetch)
{
    if (fetch->file >= 0)
        return true;
    return strncmp(fetch->address, "unix:", 5) == 0 ? connect_unix(fetch, fetch->address + 5)
                                                    : connect_inet(fetch);
}

/* ---- the answer ------------------------------------------------------------------------------------ */

static void append(char *text, size_t capacity, const char *at, size_t bytes)
{
    size_t used = strlen(text);
    if (bytes < capacity - used) {
        memcpy(text + used, at, bytes);
        text[used + bytes] = '\0';
    }
}

static int on_header_name(llhttp_t *parser, const char *at, size_t bytes)
{
    struct parsing *parsing = parser->data;
    append(parsing->name, sizeof parsing->name, at, bytes);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t bytes)
{
    struct parsing *parsing = parser->data;
    append(parsing->value, sizeof parsing->value, at, bytes);
    return 0;
}

static int on_header_end(llhttp_t *parser)
{
    struct parsing *parsing = parser->data;
    if (strcasecmp(parsing->name, "retry-after") == 0)
        parsing->answer->retry_after_s = (uint32_t)strtoul(parsing->value, NULL, 10);
    if (strcasecmp(parsing->name, "idempotent-replayed") == 0)
        parsing->answer->replayed = strcmp(parsing->value, "true") == 0;
    parsing->name[0] = parsing->value[0] = '\0';
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t bytes)
{
    struct fetch_answer *answer = ((struct parsing *)parser->data)->answer;
    size_t needed = answer->body_bytes + bytes + 1;
    if (needed > BODY_BYTES_MAX)
        return HPE_USER;
    if (needed > answer->body_capacity) {
        size_t capacity = needed * 2 < 4096 ? 4096 : needed * 2;
        char *body = realloc(answer->body, capacity);
        if (body == NULL)
            return HPE_USER;
        answer->body = body;
        answer->body_capacity = capacity;
    }
    memcpy(answer->body + answer->body_bytes, at, bytes);
    answer->body_bytes += bytes;
    answer->body[answer->body_bytes] = '\0';
    return 0;
}

static int on_whole(llhttp_t *parser)
{
    ((struct parsing *)parser->data)->whole = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_header_name,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_end,
    .on_body = on_body,
    .on_message_complete = on_whole,
};

static bool send_all(struct fetch *fetch, const char *at, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = send(fetch->file, at, bytes, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        at += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

enum receipt { RECEIPT_WHOLE, RECEIPT_NOTHING, RECEIPT_BROKEN };

/* NOTHING: the other side had closed before it said anything. */
static enum receipt receive(struct fetch *fetch, struct parsing *parsing)
{
    char bytes[16384];
    bool began = false;
    while (!parsing->whole) {
        ssize_t got = recv(fetch->file, bytes, sizeof bytes, 0);
        bool late = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (late)
            return give_up(fetch, "no answer in time"), RECEIPT_BROKEN;
        if (got <= 0 && !began)
            return RECEIPT_NOTHING;
        if (got <= 0)
            break; /* a body without a length ends here */
        began = true;
        llhttp_errno_t error = llhttp_execute(&parsing->parser, bytes, (size_t)got);
        if (error != HPE_OK && !parsing->whole)
            return give_up(fetch, "what it answers is no HTTP"), RECEIPT_BROKEN;
    }
    if (!parsing->whole && (llhttp_finish(&parsing->parser) != HPE_OK || !parsing->whole))
        return give_up(fetch, "the answer was cut off"), RECEIPT_BROKEN;
    return RECEIPT_WHOLE;
}

static enum receipt ask_once(struct fetch *fetch, const char *head,
                             const struct fetch_request *request, struct fetch_answer *answer)
{
    struct parsing parsing = {.answer = answer};
    answer->status = answer->retry_after_s = 0;
    answer->replayed = false;
    answer->body_bytes = 0;
    llhttp_init(&parsing.parser, HTTP_RESPONSE, &settings);
    parsing.parser.data = &parsing;
    if (!send_all(fetch, head, strlen(head)) ||
        !send_all(fetch, request->body, request->body_bytes))
        return RECEIPT_NOTHING;
    enum receipt receipt = receive(fetch, &parsing);
    answer->status = (uint32_t)llhttp_get_status_code(&parsing.parser);
    if (receipt == RECEIPT_WHOLE && !llhttp_should_keep_alive(&parsing.parser))
        fetch_close(fetch);
    return receipt;
}

bool fetch_ask(struct fetch *fetch, const struct fetch_request *request,
               struct fetch_answer *answer)
{
    char head[4096];
    bool is_unix = strncmp(fetch->address, "unix:", 5) == 0;
    int bytes = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", request->method,
                         request->target, is_unix ? "localhost" : fetch->address, request->headers);
    if (request->body != NULL && bytes < (int)sizeof head)
        bytes += snprintf(head + bytes, sizeof head - (size_t)bytes,
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                          request->body_bytes);
    if (bytes + 2 >= (int)sizeof head)
        return give_up(fetch, "the request is too long");
    memcpy(head + bytes, "\r\n", 3);
    /* A connection that was kept may have been closed meanwhile: then once more, on a new one. What
     * has a side effect carries a key or an id, so to ask twice does nothing twice. */
    bool kept = fetch->file >= 0;
    if (!connected(fetch))
        return false;
    enum receipt receipt = ask_once(fetch, head, request, answer);
    if (receipt == RECEIPT_NOTHING && kept) {
        fetch_close(fetch);
        if (!connected(fetch))
            return false;
        receipt = ask_once(fetch, head, request, answer);
    }
    return receipt == RECEIPT_WHOLE ||
           (receipt == RECEIPT_NOTHING && give_up(fetch, "closed without an answer"));
}
