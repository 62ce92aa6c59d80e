// The Switchyard adapter for {{name}}.
//
// An adapter is a pure function: commands in, HTTP requests out; answers in, typed results out. It opens no socket,
// reads no clock and keeps nothing between two calls. What differs from one venue to the next is here, and nothing else;
// waiting, retrying, limits and keeping orders are the gateway's.
//
// `{{name}}` is a made-up venue with a small JSON API, so that everything here runs as it is. Make it yours from the top:
// the descriptor, then one operation after the other, each with a recorded case in `cases/`.
//
// This file is what the component exports. Each operation is a pair. `state` is what a decode asked to have back when it
// needed another step (the tag CONTINUE), such as the place of the next page; nothing here needs one.

#include "adapter.h"

#define MARKET(name) exports_switchyard_adapter_market_##name
#define TRADING(name) exports_switchyard_adapter_trading_##name

typedef switchyard_adapter_types_state_t state_t;
typedef exports_switchyard_adapter_market_list_http_request_t requests_t;
typedef exports_switchyard_adapter_trading_list_http_request_t trading_requests_t;
typedef exports_switchyard_adapter_trading_list_http_response_t trading_responses_t;

// The requests of a step that has one.
static requests_t only(request_t request) {
    requests_t requests = {.ptr = of_call(sizeof(request_t)), .len = 1};
    requests.ptr[0] = request;
    return requests;
}

static bool one_request(bool made, request_t request, trading_requests_t *requests) {
    if (made) {
        requests_t list = only(request);
        *requests = (trading_requests_t){.ptr = list.ptr, .len = list.len};
    }
    return end_of_call(made);
}

static responses_t as_read(const trading_responses_t *responses) {
    return (responses_t){.ptr = responses->ptr, .len = responses->len};
}

// ---- market -----------------------------------------------------------------------------------

bool MARKET(encode_list_instruments)(context_t *context, state_t *state, requests_t *requests, error_t *error) {
    (void)context, (void)state, (void)error;
    *requests = only(get(TEXT("/v1/instruments")));
    return end_of_call(true);
}

bool MARKET(decode_list_instruments)(context_t *context, state_t *state, responses_t *responses,
                                     MARKET(listing_step_t) * step, error_t *error) {
    (void)state;
    step->tag = EXPORTS_SWITCHYARD_ADAPTER_MARKET_LISTING_STEP_DONE;
    return end_of_call(listing(context, responses, &step->val.done, error));
}

bool MARKET(encode_get_time)(context_t *context, state_t *state, requests_t *requests, error_t *error) {
    (void)context, (void)state, (void)error;
    *requests = only(get(TEXT("/v1/time")));
    return end_of_call(true);
}

bool MARKET(decode_get_time)(context_t *context, state_t *state, responses_t *responses, MARKET(time_step_t) * step,
                             error_t *error) {
    (void)state;
    step->tag = EXPORTS_SWITCHYARD_ADAPTER_MARKET_TIME_STEP_DONE;
    return end_of_call(venue_time(context, responses, &step->val.done, error));
}

bool MARKET(encode_get_ticker)(context_t *context, state_t *state, requests_t *requests, error_t *error) {
    (void)state;
    request_t request;
    bool made = ticker_request(context, &request, error);
    if (made) *requests = only(request);
    return end_of_call(made);
}

bool MARKET(decode_get_ticker)(context_t *context, state_t *state, responses_t *responses,
                               MARKET(ticker_step_t) * step, error_t *error) {
    (void)state;
    step->tag = EXPORTS_SWITCHYARD_ADAPTER_MARKET_TICKER_STEP_DONE;
    return end_of_call(best_prices(context, responses, &step->val.done, error));
}

bool MARKET(encode_get_order_book)(context_t *context, MARKET(get_order_book_t) * command, state_t *state,
                                   requests_t *requests, error_t *error) {
    (void)state;
    request_t request;
    bool made = book_request(context, command->depth, &request, error);
    if (made) *requests = only(request);
    return end_of_call(made);
}

bool MARKET(decode_get_order_book)(context_t *context, MARKET(get_order_book_t) * command, state_t *state,
                                   responses_t *responses, MARKET(order_book_step_t) * step, error_t *error) {
    (void)state;
    step->tag = EXPORTS_SWITCHYARD_ADAPTER_MARKET_ORDER_BOOK_STEP_DONE;
    return end_of_call(book(context, command->depth, responses, &step->val.done, error));
}

// ---- trading ----------------------------------------------------------------------------------

bool TRADING(encode_place)(context_t *context, place_t *command, state_t *state, trading_requests_t *requests,
                           error_t *error) {
    (void)state;
    request_t request = {0};
    return one_request(place_request(context, command, &request, error), request, requests);
}

bool TRADING(decode_place)(context_t *context, place_t *command, state_t *state, trading_responses_t *responses,
                           TRADING(order_step_t) * step, error_t *error) {
    (void)state;
    responses_t read = as_read(responses);
    step->tag = EXPORTS_SWITCHYARD_ADAPTER_TRADING_ORDER_STEP_DONE;
    return end_of_call(placed(context, command, &read, &step->val.done, error));
}

bool TRADING(encode_cancel)(context_t *context, TRADING(cancel_t) * command, state_t *state,
                            trading_requests_t *requests, error_t *error) {
    (void)state;
    request_t request = {0};
    return one_request(cancel_request(context, &command->order, &request, error), request, requests);
}

bool TRADING(decode_cancel)(context_t *context, TRADING(cancel_t) * command, state_t *state,
                            trading_responses_t *responses, TRADING(cancel_step_t) * step, error_t *error) {
    (void)state;
    responses_t read = as_read(responses);
    TRADING(cancel_outcome_t) *outcome = &step->val.done;
    step->tag = EXPORTS_SWITCHYARD_ADAPTER_TRADING_CANCEL_STEP_DONE;
    bool is_read = the_one(context, &command->order, true, &read, &outcome->val.confirmed, error);
    // Say "confirmed" only of an order that is at its end; the gateway looks again after "accepted".
    outcome->tag = is_read && is_final(&outcome->val.confirmed)
                       ? EXPORTS_SWITCHYARD_ADAPTER_TRADING_CANCEL_OUTCOME_CONFIRMED
                       : EXPORTS_SWITCHYARD_ADAPTER_TRADING_CANCEL_OUTCOME_ACCEPTED;
    return end_of_call(is_read);
}

bool TRADING(encode_get_order)(context_t *context, TRADING(get_order_t) * command, state_t *state,
                               trading_requests_t *requests, error_t *error) {
    (void)state;
    request_t request = {0};
    return one_request(find_request(context, &command->order, &request, error), request, requests);
}

bool TRADING(decode_get_order)(context_t *context, TRADING(get_order_t) * command, state_t *state,
                               trading_responses_t *responses, TRADING(order_step_t) * step, error_t *error) {
    (void)state;
    responses_t read = as_read(responses);
    step->tag = EXPORTS_SWITCHYARD_ADAPTER_TRADING_ORDER_STEP_DONE;
    return end_of_call(the_one(context, &command->order, false, &read, &step->val.done, error));
}

bool TRADING(encode_list_open)(context_t *context, state_t *state, trading_requests_t *requests, error_t *error) {
    (void)state;
    request_t request = {0};
    return one_request(open_orders_request(context, &request, error), request, requests);
}

bool TRADING(decode_list_open)(context_t *context, state_t *state, trading_responses_t *responses,
                               TRADING(orders_step_t) * step, error_t *error) {
    (void)state;
    responses_t read = as_read(responses);
    step->tag = EXPORTS_SWITCHYARD_ADAPTER_TRADING_ORDERS_STEP_DONE;
    return end_of_call(open_orders(context, &read, &step->val.done, error));
}

// ---- What the venue has, and this adapter has not yet -----------------------------------------

static bool unsupported(error_t *error) {
    return end_of_call(refused(error, KIND(UNSUPPORTED), TEXT("the adapter has no such operation"), NULL));
}

// A pair of an operation with no command of its own, and of one with a command.
#define UNSUPPORTED(interface, name, step_t)                                                                     \
    bool interface(encode_##name)(context_t * c, state_t * s, interface(list_http_request_t) * r, error_t * e) { \
        (void)c, (void)s, (void)r;                                                                               \
        return unsupported(e);                                                                                   \
    }                                                                                                            \
    bool interface(decode_##name)(context_t * c, state_t * s, interface(list_http_response_t) * a,              \
                                  interface(step_t) * r, error_t * e) {                                          \
        (void)c, (void)s, (void)a, (void)r;                                                                      \
        return unsupported(e);                                                                                   \
    }
#define UNSUPPORTED_COMMAND(interface, name, step_t)                                                             \
    bool interface(encode_##name)(context_t * c, interface(name##_t) * command, state_t * s,                     \
                                  interface(list_http_request_t) * r, error_t * e) {                             \
        (void)c, (void)command, (void)s, (void)r;                                                                \
        return unsupported(e);                                                                                   \
    }                                                                                                            \
    bool interface(decode_##name)(context_t * c, interface(name##_t) * command, state_t * s,                     \
                                  interface(list_http_response_t) * a, interface(step_t) * r, error_t * e) {     \
        (void)c, (void)command, (void)s, (void)a, (void)r;                                                       \
        return unsupported(e);                                                                                   \
    }

UNSUPPORTED_COMMAND(MARKET, get_candles, candles_step_t)
UNSUPPORTED_COMMAND(TRADING, amend, amend_step_t)
UNSUPPORTED(TRADING, cancel_all, cancel_all_step_t)
UNSUPPORTED_COMMAND(TRADING, list_history, history_step_t)
UNSUPPORTED_COMMAND(TRADING, list_fills, fills_step_t)
