#include "core/event.h"

struct text event_by(const struct event *event)
{
    return (struct text){(const char *)(event + 1), event->by_bytes};
}

bool event_valid(const struct event *event, uint64_t available)
{
    if (available < sizeof *event || event->bytes > available || event->bytes % 8 != 0)
        return false;
    uint64_t used = sizeof *event + ((event->by_bytes + 7u) & ~7u);
    if (event->slice_count == 0 || used > event->bytes)
        return false;
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++) {
        uint64_t left = event->bytes - used;
        if (left < sizeof *slice || slice->bytes < sizeof *slice || slice->bytes > left ||
            slice->bytes % 8 != 0 || slice->slot >= SLOT_COUNT)
            return false;
        used += slice->bytes;
        slice = slice_next(slice);
    }
    return used == event->bytes;
}
