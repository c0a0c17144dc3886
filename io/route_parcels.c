/* io/route_parcels.c - what is asked of an order's shipments and returns: reading it into commands. */
#include "io/answers.h"
#include "io/routes.h"

#include <string.h>

/* ---- what all of them share -------------------------------------------------------------------- */

/* One form for all of them; what a command does not know is not in its schema. */
struct form_parcel {
    struct text id; /* of a new one */
    struct text warehouse;
    struct text carrier;
    struct text tracking;
    struct text method;
    struct text reason;
    uint64_t eta;
    uint64_t issued_at;
    uint32_t lines;
    uint8_t choice;
};

#define SAID                                                                                       \
    FIELD(form_parcel, reason, .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX),                        \
        FIELD(form_parcel, issued_at, .type = SCHEMA_TIME,                                         \
              .about = "A request older than the window for retries is never executed.")
#define SENT                                                                                       \
    FIELD(form_parcel, carrier, .type = SCHEMA_ID),                                                \
        FIELD(form_parcel, tracking, .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX),                  \
        FIELD(form_parcel, method, .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX)
#define WHERE(sentence) FIELD(form_parcel, warehouse, .type = SCHEMA_ID, .about = (sentence))
#define NEW_ID(label)                                                                              \
    {                                                                                              \
        .name = (label), .type = SCHEMA_ID, .required = true,                                      \
        .offset = offsetof(struct form_parcel, id),                                                \
        .about = "Chosen by the caller, unique within its order; it makes retries safe."           \
    }
#define CHOICE(label, list)                                                                        \
    {                                                                                              \
        .name = (label), .type = SCHEMA_CHOICE, .required = true,                                  \
        .offset = offsetof(struct form_parcel, choice), .choices = (list)                          \
    }

struct form_parcel_line {
    int64_t line;
    int64_t units;
};

static const struct schema_field line_fields[] = {
    FIELD(form_parcel_line, line, .type = SCHEMA_INTEGER, .required = true, .min = 1,
          .max = ORDER_LINES_MAX, .about = "Its number in the order, from 1 on."),
    FIELD(form_parcel_line, units, .type = SCHEMA_INTEGER, .required = true, .min = 1,
          .max = UINT32_MAX),
};
static SCHEMA(line_schema, "ParcelLine", line_fields, struct form_parcel_line);

/* A command has its lines in ascending order, people write them in any. */
static bool insert_line(struct schema_reader *reader, struct parcel_line line)
{
    struct route_request *request = route_request_of(reader);
    pile_append(request->command, sizeof line);
    struct parcel_line *first = ((struct order_parcel *)route_command(request))->lines;
    struct parcel_line *at =
        (struct parcel_line *)(void *)(request->command->at + request->command->used_bytes) - 1;
    for (; at > first && at[-1].line > line.line; at--)
        *at = at[-1];
    *at = line;
    if (at > first && at[-1].line == line.line)
        return schema_refuse(reader, CODE_INVALID, "duplicate", "line");
    return true;
}

static bool add_line(struct schema_reader *reader, const void *item)
{
    const struct form_parcel_line *form = item;
    return insert_line(
        reader, (struct parcel_line){.line = (uint32_t)form->line, .units = (uint32_t)form->units});
}

static bool build(struct route_request *request, uint8_t first_choice)
{
    const struct form_parcel *form = (const void *)request->form;
    struct order_parcel *parcel = route_command(request);
    bool is_keyed = request->route->key != ROUTE_TAKES_NOT;
    const struct text texts[PARCEL_TEXTS] = {
        [PARCEL_ORDER] = request->params[0],
        [PARCEL_ID] = form->id.bytes > 0 ? form->id : request->params[1],
        [PARCEL_WAREHOUSE] = form->warehouse,
        [PARCEL_CARRIER] = form->carrier,
        [PARCEL_TRACKING] = form->tracking,
        [PARCEL_METHOD] = form->method,
        [PARCEL_REASON] = form->reason,
        [PARCEL_KEY] = is_keyed ? request->key : (struct text){NULL, 0},
    };
    parcel->issued_at_ns = form->issued_at;
    parcel->eta_ns = form->eta;
    parcel->line_count = (uint16_t)form->lines;
    parcel->choice = first_choice == 0 ? 0 : (uint8_t)(first_choice + form->choice);
    for (uint32_t i = 0; i < PARCEL_TEXTS; i++) {
        uint8_t bytes = route_append_text(request, texts[i]);
        ((struct order_parcel *)route_command(request))->text_bytes[i] = bytes;
    }
    return true;
}

static bool build_plain(struct route_request *request)
{
    return build(request, 0);
}

static bool build_get(struct route_request *request)
{
    memset(request->form, 0, sizeof(struct form_parcel));
    return build(request, 0);
}

static const struct schema_field said_fields[] = {SAID};
static SCHEMA(said_schema, "ParcelRequest", said_fields, struct form_parcel);

/* ---- shipments --------------------------------------------------------------------------------- */

static const struct schema_field shipment_fields[] = {
    NEW_ID("shipment_id"),
    SENT,
    WHERE("Where it leaves; otherwise where its lines are."),
    FIELD(form_parcel, eta, .type = SCHEMA_TIME, .about = "When it is expected to arrive."),
    FIELD(form_parcel, lines, .type = SCHEMA_LIST, .min = 1, .max = ORDER_LINES_MAX,
          .of = &line_schema, .take = add_line, .about = "Without it: all that is left to ship."),
    SAID,
};
static SCHEMA(shipment_schema, "ShipmentRequest", shipment_fields, struct form_parcel);

static const struct schema_field handover_fields[] = {SENT, SAID};
static SCHEMA(handover_schema, "HandOverRequest", handover_fields, struct form_parcel);

static const char *const failures[] = {"pick_short", "carrier_rejected",   "delayed",
                                       "lost",       "returned_to_sender", NULL};
static const struct schema_field fail_fields[] = {CHOICE("failure", failures), SAID};
static SCHEMA(fail_schema, "ShipmentFailRequest", fail_fields, struct form_parcel);

static bool build_fail(struct route_request *request)
{
    return build(request, FAIL_PICK_SHORT);
}

static const char *const actions[] = {"refund", "reship", NULL};
static const struct schema_field resolve_fields[] = {
    CHOICE("action", actions),
    WHERE("Of a reship: where it is sent from now. Without it: from wherever all of it can be."),
    SAID};
static SCHEMA(resolve_schema, "ShipmentResolveRequest", resolve_fields, struct form_parcel);

static bool build_resolve(struct route_request *request)
{
    return build(request, RESOLVE_REFUND);
}

/* ---- returns ----------------------------------------------------------------------------------- */

static const char *const return_kinds[] = {"return", "refund_only", "exchange", NULL};
static const struct schema_field return_fields[] = {
    NEW_ID("return_id"),
    CHOICE("kind", return_kinds),
    FIELD(form_parcel, lines, .type = SCHEMA_LIST, .min = 1, .max = ORDER_LINES_MAX,
          .of = &line_schema, .take = add_line,
          .about = "Without it: all that was delivered and not returned."),
    SAID,
};
static SCHEMA(return_schema, "ReturnRequest", return_fields, struct form_parcel);

static bool build_return(struct route_request *request)
{
    return build(request, RETURN_GOODS);
}

struct form_verdict {
    int64_t line;
    int64_t accepted;
    int64_t rejected;
};

static const struct schema_field verdict_fields[] = {
    FIELD(form_verdict, line, .type = SCHEMA_INTEGER, .required = true, .min = 1,
          .max = ORDER_LINES_MAX),
    FIELD(form_verdict, accepted, .type = SCHEMA_INTEGER, .required = true, .max = UINT32_MAX),
    FIELD(form_verdict, rejected, .type = SCHEMA_INTEGER, .max = UINT32_MAX),
};
static SCHEMA(verdict_schema, "InspectedLine", verdict_fields, struct form_verdict);

static bool add_verdict(struct schema_reader *reader, const void *item)
{
    const struct form_verdict *form = item;
    if (form->accepted + form->rejected == 0)
        return schema_refuse(reader, CODE_INVALID, "required", "accepted");
    return insert_line(reader, (struct parcel_line){.line = (uint32_t)form->line,
                                                    .units = (uint32_t)form->accepted,
                                                    .rejected = (uint32_t)form->rejected});
}

static const struct schema_field inspect_fields[] = {
    FIELD(form_parcel, lines, .type = SCHEMA_LIST, .min = 1, .max = ORDER_LINES_MAX,
          .of = &verdict_schema, .take = add_verdict, .about = "Without it: all is accepted."),
    WHERE("Of an exchange: where what is sent for it is taken from. Without it: wherever it is."),
    SAID,
};
static SCHEMA(inspect_schema, "ReturnInspectRequest", inspect_fields, struct form_parcel);

/* ---- scans ------------------------------------------------------------------------------------- */

struct form_scan {
    struct text code;
    struct text place;
    uint64_t at;
};

static const struct schema_field scan_fields[] = {
    FIELD(form_scan, code, .type = SCHEMA_ID, .required = true,
          .about =
              "The carrier's; delayed, delivered, in_transit, lost and returned_to_sender also "
              "move the shipment."),
    FIELD(form_scan, at, .type = SCHEMA_TIME, .required = true),
    FIELD(form_scan, place, .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX),
};
static SCHEMA(scan_schema, "Scan", scan_fields, struct form_scan);

static bool add_scan(struct schema_reader *reader, const void *item)
{
    const struct form_scan *form = item;
    struct route_request *request = route_request_of(reader);
    uint32_t count = request->scan_count++;
    struct parcel_scan *scan = pile_append(request->command, sizeof *scan);
    scan->at_ns = form->at;
    scan->code_bytes = (uint8_t)form->code.bytes;
    scan->place_bytes = (uint8_t)form->place.bytes;
    request->scan_texts[2 * count] = form->code;
    request->scan_texts[2 * count + 1] = form->place;
    return true;
}

struct form_scans {
    uint32_t scans;
};

static const struct schema_field scans_fields[] = {
    FIELD(form_scans, scans, .type = SCHEMA_LIST, .required = true, .min = 1, .max = SCANS_MAX,
          .of = &scan_schema, .take = add_scan,
          .about = "A scan is known by its code and its time; known ones are passed over."),
};
static SCHEMA(scans_schema, "ScansRequest", scans_fields, struct form_scans);

static bool build_scans(struct route_request *request)
{
    struct order_scans *scans = route_command(request);
    scans->scan_count = (uint16_t)request->scan_count;
    scans->order_bytes = route_append_text(request, request->params[0]);
    scans->shipment_bytes = route_append_text(request, request->params[1]);
    for (uint32_t i = 0; i < 2 * request->scan_count; i++)
        route_append_text(request, request->scan_texts[i]);
    return true;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define SHIPMENTS "/v1/orders/{id}/shipments"
#define SHIPMENT  SHIPMENTS "/{shipment}"

#define PARCEL_REFUSALS                                                                            \
    REFUSALS(CODE_NOT_FOUND, CODE_ILLEGAL, CODE_LIMIT, CODE_OUT_OF_STOCK, CODE_EXPIRED_REQUEST,    \
             CODE_KEY_REUSED, CODE_UNKNOWN_WAREHOUSE, CODE_OVERFLOW, CODE_BUSY, CODE_STORAGE_FULL, \
             CODE_FULL)
#define PARCEL                                                                                     \
    .command_bytes = sizeof(struct order_parcel), .answer = &answer_shipment,                      \
    .refusals = PARCEL_REFUSALS
#define RETURNS "/v1/orders/{id}/returns"
#define RETURN  RETURNS "/{return}"
#define BACK                                                                                       \
    .command_bytes = sizeof(struct order_parcel), .answer = &answer_return,                        \
    .refusals = PARCEL_REFUSALS
#define POST_BACK(path, label, sentence, which, form)                                              \
    {                                                                                              \
        .method = ROUTE_POST, .pattern = path, .name = (label), .about = (sentence),               \
        .status = 200, .op = (which), .body = &(form), .key = ROUTE_TAKES, BACK,                   \
        .build = build_plain                                                                       \
    }
#define POST(path, label, sentence, which, form, builds)                                           \
    {                                                                                              \
        .method = ROUTE_POST, .pattern = path, .name = (label), .about = (sentence),               \
        .status = 200, .op = (which), .body = &(form), .key = ROUTE_TAKES, PARCEL,                 \
        .build = (builds)                                                                          \
    }

static const struct route routes[] = {
    {.method = ROUTE_POST,
     .pattern = SHIPMENTS,
     .name = "createShipment",
     .about = "A parcel of an order, from one warehouse; nothing has left yet.",
     .status = 201,
     .op = OP_SHIPMENT_CREATE,
     .body = &shipment_schema,
     PARCEL,
     .build = build_plain},
    {.method = ROUTE_GET,
     .pattern = SHIPMENT,
     .name = "getShipment",
     .about = "A shipment as it stands, with its lines and scans.",
     .status = 200,
     .op = OP_SHIPMENT_GET,
     .takes_min_seq = true,
     PARCEL,
     .build = build_get},
    POST(SHIPMENT "/pick", "pickShipment", "Somebody is at the shelves.", OP_SHIPMENT_PICK,
         said_schema, build_plain),
    POST(SHIPMENT "/handover", "handOverShipment",
         "The carrier has it: its units have left, and the order is shipped, or a part of it.",
         OP_SHIPMENT_HAND_OVER, handover_schema, build_plain),
    {.method = ROUTE_POST,
     .pattern = SHIPMENT "/scans",
     .name = "scanShipment",
     .about = "What the carrier says of its way.",
     .status = 200,
     .op = OP_SHIPMENT_SCAN,
     .command_bytes = sizeof(struct order_scans),
     .body = &scans_schema,
     .answer = &answer_shipment,
     .refusals = PARCEL_REFUSALS,
     .build = build_scans},
    POST(SHIPMENT "/deliver", "deliverShipment", "The buyer has it.", OP_SHIPMENT_DELIVER,
         said_schema, build_plain),
    POST(SHIPMENT "/fail", "failShipment", "Something has come in its way.", OP_SHIPMENT_FAIL,
         fail_schema, build_fail),
    POST(SHIPMENT "/cancel", "cancelShipment", "It is not sent after all.", OP_SHIPMENT_CANCEL,
         said_schema, build_plain),
    POST(SHIPMENT "/resolve", "resolveShipment",
         "What was lost, came back or cannot leave is paid back or sent again: free stock is taken "
         "first. What cannot leave goes to another warehouse, with all that is left of its lines.",
         OP_SHIPMENT_RESOLVE, resolve_schema, build_resolve),
    {.method = ROUTE_POST,
     .pattern = RETURNS,
     .name = "createReturn",
     .about =
         "The buyer wants to send something back, or the money alone, or something else for it.",
     .status = 201,
     .op = OP_RETURN_CREATE,
     .body = &return_schema,
     BACK,
     .build = build_return},
    {.method = ROUTE_GET,
     .pattern = RETURN,
     .name = "getReturn",
     .about = "A return as it stands.",
     .status = 200,
     .op = OP_RETURN_GET,
     .takes_min_seq = true,
     BACK,
     .build = build_get},
    POST_BACK(RETURN "/approve", "approveReturn", "It may come back.", OP_RETURN_APPROVE,
              said_schema),
    POST_BACK(RETURN "/refuse", "refuseReturn", "It may not.", OP_RETURN_REFUSE, said_schema),
    POST_BACK(RETURN "/ship", "shipReturn", "It is on its way back.", OP_RETURN_SHIP, said_schema),
    POST_BACK(RETURN "/receive", "receiveReturn", "It is here, and in quarantine.",
              OP_RETURN_RECEIVE, said_schema),
    POST_BACK(RETURN "/inspect", "inspectReturn",
              "What of it is accepted, and what is not. For what an exchange accepts, a shipment "
              "of as many units is planned.",
              OP_RETURN_INSPECT, inspect_schema),
    POST_BACK(RETURN "/close", "closeReturn", "Nothing is left to be done.", OP_RETURN_CLOSE,
              said_schema),
};

const struct route_table route_parcels = {routes, sizeof routes / sizeof routes[0]};
