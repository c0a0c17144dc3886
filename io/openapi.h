/* io/openapi.h - the description of the whole interface (OpenAPI 3.1), made from the table of routes
 * and the schemas that read the requests, so that it cannot say anything else than they do. */
#ifndef SPATE_IO_OPENAPI_H
#define SPATE_IO_OPENAPI_H

#include "io/json_write.h"

void openapi_write(struct json_writer *writer);

#endif
