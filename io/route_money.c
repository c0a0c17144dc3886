/* io/route_money.c - what is asked of an order's payments and refunds: reading it into commands. */
#include "io/answers.h"
#include "io/routes.h"

#include <string.h>

/* One form for all of them; what a command does not know is not in its schema. */
struct form_money {
    struct text payment_id;
    struct text refund_id;
    struct text method;
    struct text reason;
    struct text notice_id;
    struct text order_id;
    int64_t amount;
    uint64_t issued_at;
    uint64_t at;
    uint32_t currency;
    uint8_t kind;
};

#define AMOUNT(always, sentence)                                                                   \
    FIELD(form_money, amount, .type = SCHEMA_INTEGER, .required = (always),                        \
          .max = JSON_INTEGER_MAX, .otherwise = MONEY_NOT_SAID, .about = (sentence))
#define REASON FIELD(form_money, reason, .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX)
#define ISSUED_AT                                                                                  \
    FIELD(form_money, issued_at, .type = SCHEMA_TIME,                                              \
          .about = "A request older than the window for retries is never executed.")

static const struct schema_field payment_fields[] = {
    FIELD(form_money, payment_id, .type = SCHEMA_ID, .required = true,
          .about = "Chosen by the caller, unique within its order; it makes retries safe."),
    FIELD(form_money, method, .type = SCHEMA_ID),
    AMOUNT(true, "In minor units of the order's currency."),
    ISSUED_AT,
};
static SCHEMA(payment_schema, "PaymentRequest", payment_fields, struct form_money);

static const struct schema_field amount_fields[] = {
    AMOUNT(false, "Without it, all there is: what the payment is for, or what is authorized."),
    ISSUED_AT,
};
static SCHEMA(amount_schema, "PaymentAmountRequest", amount_fields, struct form_money);

static const struct schema_field reason_fields[] = {REASON, ISSUED_AT};
static SCHEMA(reason_schema, "PaymentReasonRequest", reason_fields, struct form_money);

static const struct schema_field refund_fields[] = {
    FIELD(form_money, refund_id, .type = SCHEMA_ID, .required = true,
          .about = "Chosen by the caller, unique within its order; it makes retries safe."),
    AMOUNT(false, "Without it, all that has been captured and not refunded."),
    REASON,
    ISSUED_AT,
};
static SCHEMA(refund_schema, "RefundRequest", refund_fields, struct form_money);

static const char *const notice_kinds[] = {
    "authorized",        "captured",         "failed",        "voided",         "unknown",
    "refund_processing", "refund_succeeded", "refund_failed", "refund_unknown", NULL};

static const struct schema_field notice_fields[] = {
    FIELD(form_money, notice_id, .type = SCHEMA_TEXT, .required = true, .min = 1,
          .max = TEXT_BYTES_MAX, .about = "The provider's own; a notice is taken once."),
    FIELD(form_money, order_id, .type = SCHEMA_ID, .required = true),
    FIELD(form_money, payment_id, .type = SCHEMA_ID, .required = true),
    FIELD(form_money, refund_id, .type = SCHEMA_ID,
          .about = "Of the refund, where the notice is about one."),
    FIELD(form_money, kind, .type = SCHEMA_CHOICE, .required = true, .choices = notice_kinds),
    AMOUNT(true, "In minor units."),
    FIELD(form_money, currency, .type = SCHEMA_CURRENCY, .required = true),
    FIELD(form_money, at, .type = SCHEMA_TIME, .about = "When it happened, as the provider says."),
    REASON,
};
static SCHEMA(notice_schema, "PaymentNotice", notice_fields, struct form_money);

static struct text first_said(struct text a, struct text b)
{
    return a.bytes > 0 ? a : b;
}

static bool append(struct route_request *request, const struct text texts[MONEY_TEXTS])
{
    for (uint32_t i = 0; i < MONEY_TEXTS; i++) {
        uint8_t bytes = route_append_text(request, texts[i]);
        ((struct order_money *)route_command(request))->text_bytes[i] = bytes;
    }
    return true;
}

static bool build_money(struct route_request *request)
{
    const struct form_money *form = (const void *)request->form;
    struct order_money *money = route_command(request);
    bool is_keyed = request->route->key != ROUTE_TAKES_NOT;
    money->amount = request->route->body == NULL || request->route->body == &reason_schema
                        ? MONEY_NOT_SAID
                        : form->amount;
    money->issued_at_ns = form->issued_at;
    return append(request, (struct text[MONEY_TEXTS]){
                               [MONEY_ORDER] = request->params[0],
                               [MONEY_PAYMENT] = first_said(request->params[1], form->payment_id),
                               [MONEY_REFUND] = first_said(request->params[2], form->refund_id),
                               [MONEY_METHOD] = form->method,
                               [MONEY_REASON] = form->reason,
                               [MONEY_KEY] = is_keyed ? request->key : (struct text){NULL, 0},
                           });
}

static bool build_get(struct route_request *request)
{
    memset(request->form, 0, sizeof(struct form_money));
    return build_money(request);
}

static bool build_notice(struct route_request *request)
{
    const struct form_money *form = (const void *)request->form;
    struct order_money *money = route_command(request);
    money->amount = form->amount;
    money->currency = form->currency;
    money->issued_at_ns = form->at;
    money->kind = (uint8_t)(NOTICE_AUTHORIZED + form->kind);
    return append(request, (struct text[MONEY_TEXTS]){
                               [MONEY_ORDER] = form->order_id,
                               [MONEY_PAYMENT] = form->payment_id,
                               [MONEY_REFUND] = form->refund_id,
                               [MONEY_METHOD] = request->params[0],
                               [MONEY_REASON] = form->reason,
                               [MONEY_KEY] = form->notice_id,
                           });
}

/* ---- the table --------------------------------------------------------------------------------- */

#define PAYMENTS "/v1/orders/{id}/payments"
#define PAYMENT  PAYMENTS "/{payment}"
#define REFUND   PAYMENT "/refunds/{refund}"

#define MONEY_REFUSALS                                                                             \
    REFUSALS(CODE_NOT_FOUND, CODE_ILLEGAL, CODE_LIMIT, CODE_EXPIRED_REQUEST, CODE_KEY_REUSED,      \
             CODE_OVERFLOW, CODE_CURRENCY_MISMATCH, CODE_STORAGE_FULL, CODE_FULL)

#define POST(path, label, sentence, which, form, shape)                                            \
    {                                                                                              \
        .method = ROUTE_POST, .pattern = path, .name = (label), .about = (sentence),               \
        .status = 200, .op = (which), .command_bytes = sizeof(struct order_money),                 \
        .body = &(form), .key = ROUTE_TAKES, .answer = &(shape), .refusals = MONEY_REFUSALS,       \
        .build = build_money                                                                       \
    }
#define CREATE(path, label, sentence, which, form, shape)                                          \
    {                                                                                              \
        .method = ROUTE_POST, .pattern = path, .name = (label), .about = (sentence),               \
        .status = 201, .op = (which), .command_bytes = sizeof(struct order_money),                 \
        .body = &(form), .answer = &(shape), .refusals = MONEY_REFUSALS, .build = build_money      \
    }

static const struct route routes[] = {
    CREATE(PAYMENTS, "createPayment", "A payment of an order; nothing has been paid by it yet.",
           OP_PAYMENT_CREATE, payment_schema, answer_payment),
    {.method = ROUTE_GET,
     .pattern = PAYMENT,
     .name = "getPayment",
     .about = "A payment as it stands, with its refunds.",
     .status = 200,
     .op = OP_PAYMENT_GET,
     .command_bytes = sizeof(struct order_money),
     .takes_min_seq = true,
     .answer = &answer_payment,
     .refusals = REFUSALS(CODE_NOT_FOUND),
     .build = build_get},
    POST(PAYMENT "/authorize", "authorizePayment", "The provider has promised the money.",
         OP_PAYMENT_AUTHORIZE, amount_schema, answer_payment),
    POST(PAYMENT "/capture", "capturePayment",
         "The money is here; when all of it is, the order is paid.", OP_PAYMENT_CAPTURE,
         amount_schema, answer_payment),
    POST(PAYMENT "/fail", "failPayment", "The provider has refused.", OP_PAYMENT_FAIL,
         reason_schema, answer_payment),
    POST(PAYMENT "/void", "voidPayment", "What was authorized is given up.", OP_PAYMENT_VOID,
         reason_schema, answer_payment),
    CREATE(PAYMENT "/refunds", "createRefund", "Money that is to go back.", OP_REFUND_CREATE,
           refund_schema, answer_refund),
    POST(REFUND "/succeed", "succeedRefund", "The money has gone back.", OP_REFUND_SUCCEED,
         reason_schema, answer_refund),
    POST(REFUND "/fail", "failRefund", "The money could not go back.", OP_REFUND_FAIL,
         reason_schema, answer_refund),
    {.method = ROUTE_POST,
     .pattern = "/v1/payment-notices/{provider}",
     .name = "notePayment",
     .about = "What a provider says of a payment or a refund, in whatever order it comes.",
     .status = 200,
     .op = OP_PAYMENT_NOTICE,
     .command_bytes = sizeof(struct order_money),
     .body = &notice_schema,
     .is_signed = true,
     .answer = &answer_payment,
     .refusals = MONEY_REFUSALS,
     .build = build_notice},
};

const struct route_table route_money = {routes, sizeof routes / sizeof routes[0]};
