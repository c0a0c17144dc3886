#include "tools/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_SOCKET = 3 };

void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t bytes = path == NULL ? 0 : strlen(path);
    if (bytes == 0 || bytes >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, bytes);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (file < 0)
        return;
    (void)!sendto(file, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes));
    close(file);
}

/* Whether a variable that was meant for one process is ours. */
static bool is_ours(const char *variable)
{
    const char *pid = getenv(variable);
    return pid != NULL && strtol(pid, NULL, 10) == (long)getpid();
}

uint64_t notify_watchdog_us(void)
{
    const char *wanted = getenv("WATCHDOG_USEC");
    bool ours = getenv("WATCHDOG_PID") == NULL || is_ours("WATCHDOG_PID");
    return wanted == NULL || !ours ? 0 : strtoull(wanted, NULL, 10);
}

/* The name of socket number `index`, as many bytes of it as there are; NULL behind the last. */
static const char *socket_name(uint32_t index, size_t *bytes)
{
    const char *names = getenv("LISTEN_FDNAMES");
    if (names == NULL || !is_ours("LISTEN_PID"))
        return NULL;
    for (; index > 0; index--) {
        names = strchr(names, ':');
        if (names++ == NULL)
            return NULL;
    }
    *bytes = strcspn(names, ":");
    return names;
}

const char *notify_socket(const char *name, char out[16])
{
    size_t bytes;
    const char *at;
    for (uint32_t i = 0; (at = socket_name(i, &bytes)) != NULL; i++) {
        if (bytes != strlen(name) || strncmp(at, name, bytes) != 0)
            continue;
        snprintf(out, 16, "fd:%u", FIRST_SOCKET + i);
        return out;
    }
    return NULL;
}

const char *notify_socket_unknown(const char *const *names, char out[64])
{
    size_t bytes;
    const char *at;
    for (uint32_t i = 0; (at = socket_name(i, &bytes)) != NULL; i++) {
        const char *const *name = names;
        while (*name != NULL && (strlen(*name) != bytes || strncmp(at, *name, bytes) != 0))
            name++;
        if (*name != NULL)
            continue;
        snprintf(out, 64, "%.*s", (int)bytes, at);
        return out;
    }
    return NULL;
}
