#include "core/ledger.h"
#include "core/order_record.h"
#include "core/return.h"
#include "core/shipment.h"

/* Where the units of a paid order are says which state it is in. */
static bool units_are_so(const struct orders *orders, const struct order *order,
                         enum order_units units)
{
    struct order_parts parts = order_parts(orders, order);
    parts.failed = shipments_failed(orders, order);
    switch (units) {
    case UNITS_RESERVED:
        return parts.left > 0 && parts.away + parts.arrived == 0;
    case UNITS_COMMITTED:
    case UNITS_SENT:
        return order_state_of(&parts) == (enum order_state)order->state;
    case UNITS_ARRIVED:
        return parts.left + parts.away == 0 && parts.arrived > 0;
    case UNITS_GIVEN_UP:
        break;
    }
    return true;
}

static bool deadline_is_so(const struct order *order, enum order_deadline deadline)
{
    bool runs = timer_is_running(&order->timer);
    switch (deadline) {
    case DEADLINE_RUNS:
        return runs;
    case DEADLINE_MAY_RUN:
        return true;
    case DEADLINE_NONE:
        return !runs;
    case DEADLINE_OVER:
        break;
    }
    return !runs && order_closed_ns(order) > 0;
}

static bool money_is_so(const struct orders *orders, const struct order *order,
                        enum order_balance money)
{
    if (money != MONEY_DUE)
        return true; /* payments_audit looks at what was given back */
    struct ledger ledger;
    ledger_open(&ledger, orders, order);
    return !ledger_covers(&ledger, order_total(orders, order));
}

/* NULL, or what does not hold of an order in its state. */
static const char *state_audit(const struct orders *orders, const struct order *order)
{
    const struct order_invariant *holds = order_invariant((enum order_state)order->state);
    if (!deadline_is_so(order, holds->deadline))
        return "what an order's state says of its deadline";
    if (order->is_remainder)
        return holds->deadline == DEADLINE_OVER ? NULL : "only what is over shrinks";
    if (!units_are_so(orders, order, holds->units))
        return "what an order's state says of its units";
    return money_is_so(orders, order, holds->money) ? NULL
                                                    : "what an order's state says of its money";
}

static const char *audit_one(const struct orders *orders, const struct order *order,
                             int64_t *committed)
{
    const char *wrong = state_audit(orders, order);
    if (wrong == NULL)
        wrong = payments_audit(orders, order);
    if (wrong == NULL)
        wrong = shipments_audit(orders, order, committed);
    return wrong != NULL ? wrong : returns_audit(orders, order);
}

const char *orders_audit(const struct orders *orders)
{
    int64_t reserved = 0;
    int64_t committed = 0;
    uint64_t timers = 0;
    uint32_t record;
    for (uint64_t at = 0; (record = table_each(&orders->by_id, &at)) != 0;) {
        const struct order *order = order_at(orders, record);
        if (order_state_reserves((enum order_state)order->state))
            reserved += (int64_t)order_units_kept(orders, order);
        if (order_state_commits((enum order_state)order->state))
            committed += (int64_t)order_units_kept(orders, order);
        timers += timer_is_running(&order->timer);
        const char *wrong = audit_one(orders, order, &committed);
        if (wrong != NULL)
            return wrong;
    }
    if (timers != orders->timers.running_count)
        return "deadlines";
    if (reserved != orders->reserved_units)
        return "unpaid units";
    return committed == orders->committed_units ? NULL : "paid units";
}
