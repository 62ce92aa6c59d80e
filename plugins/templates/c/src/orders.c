// Placing, cancelling and finding orders.

#include "adapter.h"

#define ORDERS TEXT("/v1/orders")

static const meaning_t SIDES[] = {{"buy", TYPE(SIDE_BUY)}, {"sell", TYPE(SIDE_SELL)}};

static const meaning_t TIMES_IN_FORCE[] = {
    {"gtc", TYPE(TIME_IN_FORCE_GTC)},
    {"ioc", TYPE(TIME_IN_FORCE_IOC)},
    {"fok", TYPE(TIME_IN_FORCE_FOK)},
    // Post-only: refused where it would take.
    {"post_only", TYPE(TIME_IN_FORCE_GTX)},
};

static const meaning_t STATES[] = {
    {"open", TYPE(ORDER_STATE_NEW)},          {"filled", TYPE(ORDER_STATE_FILLED)},
    {"canceled", TYPE(ORDER_STATE_CANCELED)}, {"rejected", TYPE(ORDER_STATE_REJECTED)},
    {"expired", TYPE(ORDER_STATE_EXPIRED)},
};

// ---- Requests ---------------------------------------------------------------------------------

static text_t method_name(uint8_t method) {
    switch (method) {
        case TYPE(METHOD_POST):
            return TEXT("POST");
        case TYPE(METHOD_DELETE):
            return TEXT("DELETE");
        default:
            return TEXT("GET");
    }
}

// An authenticated request: `x-signature` is the HMAC-SHA256, in hexadecimal digits, of the moment at which the request
// expires, the method, the path with its query, and the body, one behind the other. The secret stays with the gateway,
// which signs what it is given.
static bool signed_request(const context_t *context, uint8_t method, text_t path, text_t body, request_t *request,
                           error_t *error) {
    if (!context->account.is_some) {
        return refused(error, KIND(AUTH_FAILED), TEXT("the venue has no credentials configured"), NULL);
    }
    // The context is the only clock. `window_ms` is how long the caller wants the request to be valid: a venue that
    // checks it makes a late order impossible.
    text_t expires = digits_of(context->now + context->window_ms);
    text_t payload = JOIN(expires, method_name(method), path, body);
    bytes_t to_sign = {.ptr = payload.ptr, .len = payload.len}, signature;
    switchyard_adapter_signer_sign_error_t refusal;
    if (!switchyard_adapter_signer_sign(SWITCHYARD_ADAPTER_SIGNER_ALGORITHM_HMAC_SHA256,
                                        SWITCHYARD_ADAPTER_SIGNER_KEY_ENCODING_UTF8, &to_sign, &signature,
                                        &refusal)) {
        return refused(error, KIND(AUTH_FAILED), TEXT("the gateway does not sign with the configured key"), NULL);
    }
    *request = get(path);
    request->method = method;
    request->mutates = method != TYPE(METHOD_GET);
    request->body = (bytes_t){.ptr = body.ptr, .len = body.len};
    switchyard_adapter_types_header_t *headers = of_call(4 * sizeof(*headers));
    headers[0] = (switchyard_adapter_types_header_t){TEXT("x-api-key"), context->account.val.api_key};
    headers[1] = (switchyard_adapter_types_header_t){TEXT("x-expires"), expires};
    headers[2] = (switchyard_adapter_types_header_t){TEXT("x-signature"), hex_of(signature)};
    headers[3] = (switchyard_adapter_types_header_t){TEXT("content-type"), TEXT("application/json")};
    request->headers.ptr = headers;
    request->headers.len = body.len > 0 ? 4 : 3;
    return true;
}

static text_t name_of(const meaning_t *meanings, uint8_t meaning) {
    while (meanings->meaning != meaning) meanings++;
    size_t length = 0;
    while (meanings->text[length] != 0) length++;
    return (text_t){.ptr = (uint8_t *)meanings->text, .len = length};
}

// The gateway has checked the order against the instrument; what the venue cannot do at all is said here.
bool place_request(const context_t *context, const place_t *command, request_t *request, error_t *error) {
    const instrument_t *instrument;
    if (!instrument_of(context, &instrument, error)) return false;
    if (command->reduce_only) {
        return refused(error, KIND(INVALID_REQUEST), TEXT("there are no positions on spot"), "reduce-only");
    }
    bool is_limit = command->order_type == TYPE(ORDER_TYPE_LIMIT);
    bool is_market = command->order_type == TYPE(ORDER_TYPE_MARKET);
    if ((!is_limit && !is_market) || command->price.is_some != is_limit ||
        command->time_in_force.is_some != is_limit) {
        return refused(error, KIND(INVALID_REQUEST),
                       TEXT("a limit order has a price and a time in force, a market order has neither"),
                       "order-type");
    }
    text_t pricing = TEXT("");
    if (is_limit) {
        pricing = JOIN(TEXT(",\"price\":"), quoted(command->price.val), TEXT(",\"time_in_force\":"),
                       quoted(name_of(TIMES_IN_FORCE, command->time_in_force.val)));
    }
    // By the client id an order is found again whose answer was lost, so a venue that takes none needs another way.
    // Decimals go out as they came in, as texts.
    text_t body = JOIN(TEXT("{\"client_id\":"), quoted(command->client_id), TEXT(",\"symbol\":"),
                       quoted(instrument->venue_symbol), TEXT(",\"side\":"), quoted(name_of(SIDES, command->side)),
                       TEXT(",\"type\":"), is_limit ? TEXT("\"limit\"") : TEXT("\"market\""), TEXT(",\"size\":"),
                       quoted(command->quantity), pricing, TEXT("}"));
    return signed_request(context, TYPE(METHOD_POST), ORDERS, body, request, error);
}

// The venue's ids are of these characters. Any other id would make a path name something else: the list of orders where
// it is empty, another order where it has a `/`.
static bool is_id(text_t id) {
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.ptr[i];
        bool is_known = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
        if (!is_known) return false;
    }
    return id.len > 0;
}

// A request about one order, by the venue's id where it is known.
static bool one_order(const context_t *context, uint8_t method, const order_ref_t *order, request_t *request,
                      error_t *error) {
    text_t id = order->venue_id.is_some ? order->venue_id.val : order->client_id.val;
    if (!order->venue_id.is_some && !order->client_id.is_some) {
        return refused(error, KIND(INVALID_REQUEST), TEXT("no id at all"), "order");
    }
    if (!is_id(id)) {
        return refused(error, KIND(INVALID_REQUEST), TEXT("no order has such an id"), "order");
    }
    text_t path = JOIN(ORDERS, order->venue_id.is_some ? TEXT("/") : TEXT("/by-client-id/"), id);
    return signed_request(context, method, path, TEXT(""), request, error);
}

bool cancel_request(const context_t *context, const order_ref_t *order, request_t *request, error_t *error) {
    return one_order(context, TYPE(METHOD_DELETE), order, request, error);
}

bool find_request(const context_t *context, const order_ref_t *order, request_t *request, error_t *error) {
    return one_order(context, TYPE(METHOD_GET), order, request, error);
}

// On one instrument, or without one on the whole endpoint.
bool open_orders_request(const context_t *context, request_t *request, error_t *error) {
    text_t path = JOIN(ORDERS, TEXT("?status=open"));
    if (context->instrument.is_some) {
        path = JOIN(path, TEXT("&symbol="), percent_encoded(context->instrument.val.venue_symbol));
    }
    return signed_request(context, TYPE(METHOD_GET), path, TEXT(""), request, error);
}

// ---- Answers ----------------------------------------------------------------------------------

static order_report_t report_of(answer_t answer) {
    // Not an optional decimal: a missing fill is no fill of zero, but an answer that cannot be read.
    text_t filled = size_at(answer, "filled");
    uint8_t state = NAMED(answer, "status", STATES);
    for (size_t i = 0; i < filled.len; i++) {
        bool is_touched = filled.ptr[i] >= '1' && filled.ptr[i] <= '9';
        if (is_touched && state == TYPE(ORDER_STATE_NEW)) state = TYPE(ORDER_STATE_PARTIALLY_FILLED);
    }
    // The catalogue knows the unified name; a symbol that it does not list keeps the venue's.
    text_t endpoint = ENDPOINT, symbol = text_at(answer, "symbol"), type = text_at(answer, "type");
    instrument_t instrument;
    if (switchyard_adapter_catalogue_find(&endpoint, &symbol, &instrument)) symbol = instrument.symbol;
    order_report_t report = {
        .symbol = symbol,
        .venue_id = text_at(answer, "id"),
        .client_id = maybe_text_at(answer, "client_id"),
        .side = NAMED(answer, "side", SIDES),
        // Somebody's stop order, say, is listed, but not placed by the gateway.
        .order_type = same(type, TEXT("limit"))    ? TYPE(ORDER_TYPE_LIMIT)
                      : same(type, TEXT("market")) ? TYPE(ORDER_TYPE_MARKET)
                                                   : TYPE(ORDER_TYPE_OTHER),
        .quantity = {.is_some = true, .val = size_at(answer, "size")},
        .price = maybe_decimal_at(answer, "price"),
        .state = state,
        .filled_quantity = filled,
        .average_price = maybe_decimal_at(answer, "average_price"),
        .created_at = {.is_some = true, .val = millis_at(answer, "created")},
        .updated_at = {.is_some = true, .val = millis_at(answer, "updated")},
        .reason = maybe_text_at(answer, "reason"),
    };
    report.time_in_force.is_some = maybe_text_at(answer, "time_in_force").is_some;
    if (report.time_in_force.is_some) {
        report.time_in_force.val = NAMED(answer, "time_in_force", TIMES_IN_FORCE);
    }
    return report;
}

bool placed(const context_t *context, const place_t *command, const responses_t *responses, order_report_t *report,
            error_t *error) {
    answer_t answer;
    if (!read_begins(context, responses, true, &answer, error)) return false;
    *report = report_of(answer);
    // An answer about another order says nothing of this one.
    bool is_it = report->client_id.is_some && same(report->client_id.val, command->client_id);
    if (!is_it) complain(answer, "the answer is about another order");
    if (!read_ends(answer, true, error)) return false;
    // A refusal is an error, never a report.
    if (report->state == TYPE(ORDER_STATE_REJECTED)) {
        text_t reason = report->reason.is_some ? report->reason.val : TEXT("rejected without a reason");
        return refused(error, KIND(INVALID_REQUEST), reason, NULL);
    }
    return true;
}

bool the_one(const context_t *context, const order_ref_t *asked, bool mutates, const responses_t *responses,
             order_report_t *report, error_t *error) {
    answer_t answer;
    if (!read_begins(context, responses, mutates, &answer, error)) return false;
    *report = report_of(answer);
    bool is_it = asked->venue_id.is_some
                     ? same(report->venue_id, asked->venue_id.val)
                     : asked->client_id.is_some && report->client_id.is_some &&
                           same(report->client_id.val, asked->client_id.val);
    if (!is_it) complain(answer, "the answer is about another order");
    return read_ends(answer, mutates, error);
}

bool is_final(const order_report_t *report) {
    return report->state == TYPE(ORDER_STATE_FILLED) || report->state == TYPE(ORDER_STATE_CANCELED) ||
           report->state == TYPE(ORDER_STATE_REJECTED) || report->state == TYPE(ORDER_STATE_EXPIRED);
}

bool open_orders(const context_t *context, const responses_t *responses, order_reports_t *reports, error_t *error) {
    answer_t answer;
    if (!read_begins(context, responses, false, &answer, error)) return false;
    const json_t *one;
    size_t count = count_at(answer, "orders", &one);
    *reports = (order_reports_t){.ptr = of_call(count * sizeof(order_report_t)), .len = 0};
    for (; one != NULL; one = one->next) reports->ptr[reports->len++] = report_of(element(answer, one));
    return read_ends(answer, false, error);
}
