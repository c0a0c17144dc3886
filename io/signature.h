/* io/signature.h - X-Signature, with which a provider signs its notices: "t=SECONDS,v1=HEX", where HEX
 * is the HMAC-SHA256 of "SECONDS.BODY". */
#ifndef SPATE_IO_SIGNATURE_H
#define SPATE_IO_SIGNATURE_H

#include "io/callers.h"

/* NULL, or why it is none of that provider at this time. `callers` may be NULL: then nobody is known. */
const char *signature_check(struct text header, const struct callers *callers, struct text provider,
                            struct text body, uint64_t now_ns) MUST_LOOK;

#endif
