#include "core/command_check.h"

enum {
    PARCEL_NAMED = 1 << PARCEL_ORDER | 1 << PARCEL_ID,
    PARCEL_SAID = 1 << PARCEL_REASON | 1 << PARCEL_KEY,
    PARCEL_SENT = 1 << PARCEL_CARRIER | 1 << PARCEL_TRACKING | 1 << PARCEL_METHOD,
    PARCEL_WHERE = 1 << PARCEL_WAREHOUSE,
};

/* What a command about a shipment or a return may say, besides which one it is. */
static const struct parcel_op {
    uint16_t op;
    uint16_t texts; /* a bit for each that it may have */
    uint8_t choice_min;
    uint8_t choice_max;
    bool takes_lines;
    bool rejects; /* the lines say what is rejected */
} parcel_ops[] = {
    {OP_SHIPMENT_CREATE, PARCEL_WHERE | PARCEL_SENT | PARCEL_SAID, 0, 0, true, false},
    {OP_SHIPMENT_GET, 0, 0, 0, false, false},
    {OP_SHIPMENT_PICK, PARCEL_SAID, 0, 0, false, false},
    {OP_SHIPMENT_HAND_OVER, PARCEL_SENT | PARCEL_SAID, 0, 0, false, false},
    {OP_SHIPMENT_DELIVER, PARCEL_SAID, 0, 0, false, false},
    {OP_SHIPMENT_FAIL, PARCEL_SAID, FAIL_PICK_SHORT, FAIL_RETURNED_TO_SENDER, false, false},
    {OP_SHIPMENT_CANCEL, PARCEL_SAID, 0, 0, false, false},
    {OP_SHIPMENT_RESOLVE, PARCEL_WHERE | PARCEL_SAID, RESOLVE_REFUND, RESOLVE_RESHIP, false, false},
    {OP_RETURN_CREATE, PARCEL_SAID, RETURN_GOODS, RETURN_EXCHANGE, true, false},
    {OP_RETURN_GET, 0, 0, 0, false, false},
    {OP_RETURN_APPROVE, PARCEL_SAID, 0, 0, false, false},
    {OP_RETURN_REFUSE, PARCEL_SAID, 0, 0, false, false},
    {OP_RETURN_SHIP, PARCEL_SAID, 0, 0, false, false},
    {OP_RETURN_RECEIVE, PARCEL_SAID, 0, 0, false, false},
    {OP_RETURN_INSPECT, PARCEL_WHERE | PARCEL_SAID, 0, 0, true, true},
    {OP_RETURN_CLOSE, PARCEL_SAID, 0, 0, false, false},
};

static const struct parcel_op *parcel_op_of(uint32_t op)
{
    uint32_t i = 0;
    while (parcel_ops[i].op != op)
        i++;
    return &parcel_ops[i];
}

static const struct {
    const char *field;
    bool is_id;
} parcel_texts[PARCEL_TEXTS] = {
    [PARCEL_ORDER] = {"order_id", true},      [PARCEL_ID] = {"shipment_id", true},
    [PARCEL_WAREHOUSE] = {"warehouse", true}, [PARCEL_CARRIER] = {"carrier", true},
    [PARCEL_TRACKING] = {"tracking", false},  [PARCEL_METHOD] = {"method", false},
    [PARCEL_REASON] = {"reason", false},      [PARCEL_KEY] = {"Idempotency-Key", false},
};

static enum code check_parcel_texts(const struct order_parcel *parcel, const struct parcel_op *op,
                                    struct command_fault *fault)
{
    uint32_t required = PARCEL_NAMED;
    for (uint32_t i = 0; i < PARCEL_TEXTS; i++) {
        struct text text = order_parcel_text(parcel, i);
        bool of_return = i == PARCEL_ID && parcel->head.op >= OP_RETURN_CREATE;
        const char *field = of_return ? "return_id" : parcel_texts[i].field;
        if (text.bytes == 0 && (required >> i & 1) == 0)
            continue;
        if (((required | op->texts) >> i & 1) == 0)
            return check_wrong(fault, CODE_MALFORMED, field, 0);
        if (!(parcel_texts[i].is_id ? id_valid(text) : text_valid(text)))
            return check_wrong(fault, CODE_INVALID, field, 0);
    }
    return CODE_OK;
}

static enum code check_parcel_lines(const struct order_parcel *parcel, const struct parcel_op *op,
                                    struct command_fault *fault)
{
    for (uint32_t i = 0; i < parcel->line_count; i++) {
        const struct parcel_line *line = &parcel->lines[i];
        if (line->zero != 0 || (line->rejected != 0 && !op->rejects))
            return check_wrong(fault, CODE_MALFORMED, "lines", i + 1);
        if (line->line <= (i == 0 ? 0 : parcel->lines[i - 1].line))
            return check_wrong(fault, CODE_INVALID, "line", i + 1);
        if (line->units == 0 && line->rejected == 0)
            return check_wrong(fault, CODE_INVALID, "units", i + 1);
    }
    return CODE_OK;
}

enum code check_parcel(const struct order_parcel *parcel, struct command_fault *fault)
{
    const struct parcel_op *op = parcel_op_of(parcel->head.op);
    uint32_t bytes = sizeof *parcel;
    if (parcel->head.bytes < bytes || !check_is_zero(parcel->zero, sizeof parcel->zero) ||
        parcel->line_count > (op->takes_lines ? ORDER_LINES_MAX : 0) ||
        (parcel->eta_ns != 0 && parcel->head.op != OP_SHIPMENT_CREATE))
        return check_wrong(fault, CODE_MALFORMED, "parcel", 0);
    bytes += parcel->line_count * (uint32_t)sizeof parcel->lines[0];
    for (uint32_t i = 0; i < PARCEL_TEXTS; i++)
        bytes += parcel->text_bytes[i];
    if (!check_ends_after(&parcel->head, bytes))
        return check_wrong(fault, CODE_MALFORMED, "parcel", 0);
    if (parcel->choice < op->choice_min || parcel->choice > op->choice_max)
        return check_wrong(fault, CODE_INVALID, "choice", 0);
    enum code code = check_parcel_texts(parcel, op, fault);
    return code == CODE_OK ? check_parcel_lines(parcel, op, fault) : code;
}

enum code check_scans(const struct order_scans *scans, struct command_fault *fault)
{
    if (scans->head.bytes < sizeof *scans || !check_is_zero(scans->zero, sizeof scans->zero))
        return check_wrong(fault, CODE_MALFORMED, "scans", 0);
    if (scans->scan_count == 0 || scans->scan_count > SCANS_MAX)
        return check_wrong(fault, CODE_INVALID, "scans", 0);
    uint32_t bytes = (uint32_t)sizeof *scans + scans->order_bytes + scans->shipment_bytes;
    bytes += scans->scan_count * (uint32_t)sizeof scans->scans[0];
    if (scans->head.bytes < bytes)
        return check_wrong(fault, CODE_MALFORMED, "scans", 0);
    for (uint32_t i = 0; i < scans->scan_count; i++)
        bytes += (uint32_t)scans->scans[i].code_bytes + scans->scans[i].place_bytes;
    if (!check_ends_after(&scans->head, bytes))
        return check_wrong(fault, CODE_MALFORMED, "scans", 0);
    if (!id_valid(order_scans_text(scans, 0)))
        return check_wrong(fault, CODE_INVALID, "order_id", 0);
    if (!id_valid(order_scans_text(scans, 1)))
        return check_wrong(fault, CODE_INVALID, "shipment_id", 0);
    for (uint32_t i = 0; i < scans->scan_count; i++) {
        if (!check_is_zero(scans->scans[i].zero, sizeof scans->scans[i].zero))
            return check_wrong(fault, CODE_MALFORMED, "scans", i + 1);
        if (scans->scans[i].at_ns == 0)
            return check_wrong(fault, CODE_INVALID, "at", i + 1);
        if (!id_valid(order_scans_text(scans, 2 + 2 * i)))
            return check_wrong(fault, CODE_INVALID, "code", i + 1);
        if (!text_valid(order_scans_text(scans, 3 + 2 * i)))
            return check_wrong(fault, CODE_INVALID, "place", i + 1);
    }
    return CODE_OK;
}
