/* tools/notify.h - what systemd and we tell each other, without its library: a datagram to NOTIFY_SOCKET,
 * sockets from descriptor 3 on (LISTEN_FDS), and how often it wants to hear that we live. */
#ifndef SPATE_TOOLS_NOTIFY_H
#define SPATE_TOOLS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* "READY=1", "STOPPING=1\nSTATUS=..."; nothing happens where nobody listens. */
void notify(const char *state);

/* How long systemd waits for the next "WATCHDOG=1"; 0: it does not. */
uint64_t notify_watchdog_us(void);

/* The socket that we were given under this name (FileDescriptorName=) as an address, "fd:3"; NULL:
 * there is none. */
const char *notify_socket(const char *name, char out[16]);

/* The first name of LISTEN_FDNAMES that is none of these, which end with NULL; NULL: there is none. */
const char *notify_socket_unknown(const char *const *names, char out[64]);

#endif
