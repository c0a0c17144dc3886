/* core/scan.h - what the carrier says of a shipment's way.
 *
 * Scans are append-only, and known by their code and time. Each moves the shipment on from where those
 * before it have brought it, if it can; never back. */
#ifndef SPATE_CORE_SCAN_H
#define SPATE_CORE_SCAN_H

#include "core/deal.h"

/* OP_SHIPMENT_SCAN of a shipment that is there. */
void scan_bring(struct deal *deal, uint32_t shipment);

/* The slice of those scans that are new. */
void scan_add(const struct deal *deal, struct event *event, const bool *is_new);

#endif
