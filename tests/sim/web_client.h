/* tests/sim/web_client.h - a simulated client's other language: HTTP/1.1 and JSON.
 *
 * Commands go out as requests, several behind each other without waiting; what comes back is made a
 * struct result again, so that the oracle hears the same from everybody. */
#ifndef SPATE_TESTS_SIM_WEB_CLIENT_H
#define SPATE_TESTS_SIM_WEB_CLIENT_H

#include "tests/sim/client.h"

struct oracle;

/* Writes the command as a request; returns how many bytes. Expects room for WEB_REQUEST_BYTES_MAX. */
enum { WEB_REQUEST_BYTES_MAX = 4096 };
uint32_t web_request(char *to, const struct command *command, const struct oracle *oracle,
                     struct stream *chance);

/* How long the response at `at` is; 0: not all of it is there. */
uint32_t web_response_bytes(const char *at, uint32_t available);
/* Reads a whole response to that command; changes its bytes. The result stays until the next one. */
const struct result *web_result(struct run *run, char *at, uint32_t bytes,
                                const struct command *command, const struct oracle *oracle);

#endif
