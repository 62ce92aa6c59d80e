// Instruments, the clock and best prices: nothing of it is signed.

#include "adapter.h"

#define STATUS(name) EXPORTS_SWITCHYARD_ADAPTER_MARKET_INSTRUMENT_STATUS_##name

static const meaning_t STATUSES[] = {
    {"trading", STATUS(TRADING)},
    {"halted", STATUS(HALTED)},
    {"delisted", STATUS(CLOSED)},
};

request_t get(text_t path) {
    static switchyard_adapter_types_cost_t cost;
    cost = (switchyard_adapter_types_cost_t){.bucket = BUCKET, .amount = 1};
    return (request_t){
        .endpoint = ENDPOINT,
        .method = TYPE(METHOD_GET),
        .path = path,
        .costs = {.ptr = &cost, .len = 1},
        .mutates = false,
    };
}

bool instrument_of(const context_t *context, const instrument_t **instrument, error_t *error) {
    if (!context->instrument.is_some) {
        return refused(error, KIND(INVALID_REQUEST), TEXT("this operation needs an instrument"), "symbol");
    }
    *instrument = &context->instrument.val;
    return true;
}

static maybe_decimal_t some(text_t decimal) {
    return (maybe_decimal_t){.is_some = true, .val = decimal};
}

// The same option by the name that the bindings give it in this interface.
static exports_switchyard_adapter_market_option_decimal_t limit(maybe_decimal_t decimal) {
    return (exports_switchyard_adapter_market_option_decimal_t){.is_some = decimal.is_some, .val = decimal.val};
}

#define LIMIT_AT(answer, name) limit(some(decimal_at(answer, name)))

// Every limit of the venue that is given here is checked before an order is sent.
static exports_switchyard_adapter_market_listed_instrument_t listed(answer_t entry) {
    text_t base = text_at(entry, "base"), quote = text_at(entry, "quote");
    return (exports_switchyard_adapter_market_listed_instrument_t){
        .instrument =
            {
                // The unified symbol is the same at every venue; `venue_symbol` is this one's own name.
                .symbol = JOIN(base, TEXT("/"), quote),
                .venue_symbol = text_at(entry, "symbol"),
                .endpoint = ENDPOINT,
                .product = TYPE(PRODUCT_SPOT),
                .payoff = TYPE(PAYOFF_DELIVERY),
                .base = base,
                .quote = quote,
                .settle = quote,
                .quantity_unit = TYPE(QUANTITY_UNIT_BASE),
                .contract_size = TEXT("1"),
            },
        .status = NAMED(entry, "status", STATUSES),
        .price = {.step = LIMIT_AT(entry, "tick_size")},
        .quantity =
            {
                .min = LIMIT_AT(entry, "min_size"),
                .max = LIMIT_AT(entry, "max_size"),
                .step = LIMIT_AT(entry, "lot_size"),
            },
        .notional =
            {
                .is_some = true,
                .val =
                    {
                        .min = LIMIT_AT(entry, "min_notional"),
                        .min_applies_to_market = true,
                        .min_applies_to_reduce_only = true,
                    },
            },
        .order_types = ALL_ORDER_TYPES,
        .times_in_force = ALL_TIMES_IN_FORCE,
    };
}

bool listing(const context_t *context, const responses_t *responses, listing_t *listing, error_t *error) {
    answer_t answer;
    if (!read_begins(context, responses, false, &answer, error)) return false;
    const json_t *one;
    size_t count = count_at(answer, "instruments", &one);
    *listing = (listing_t){0};
    listing->instruments.ptr = of_call(count * sizeof(*listing->instruments.ptr));
    for (; one != NULL; one = one->next) {
        listing->instruments.ptr[listing->instruments.len++] = listed(element(answer, one));
    }
    return read_ends(answer, false, error);
}

// The gateway measures the skew of the venue's clock by it.
bool venue_time(const context_t *context, const responses_t *responses, uint64_t *time, error_t *error) {
    answer_t answer;
    if (!read_begins(context, responses, false, &answer, error)) return false;
    *time = millis_at(answer, "time");
    return read_ends(answer, false, error);
}

bool ticker_request(const context_t *context, request_t *request, error_t *error) {
    const instrument_t *instrument;
    if (!instrument_of(context, &instrument, error)) return false;
    *request = get(JOIN(TEXT("/v1/ticker?symbol="), percent_encoded(instrument->venue_symbol)));
    return true;
}

bool best_prices(const context_t *context, const responses_t *responses, ticker_t *ticker, error_t *error) {
    const instrument_t *instrument;
    answer_t answer;
    if (!instrument_of(context, &instrument, error)) return false;
    if (!read_begins(context, responses, false, &answer, error)) return false;
    text_t symbol = text_at(answer, "symbol");
    *ticker = (ticker_t){
        .symbol = instrument->symbol,
        // An empty side of the book is `null`: absent, never zero.
        .bid = limit(maybe_decimal_at(answer, "bid")),
        .bid_quantity = limit(maybe_decimal_at(answer, "bid_size")),
        .ask = limit(maybe_decimal_at(answer, "ask")),
        .ask_quantity = limit(maybe_decimal_at(answer, "ask_size")),
        .last = limit(maybe_decimal_at(answer, "last")),
        .at = {.is_some = true, .val = millis_at(answer, "time")},
    };
    if (!same(symbol, instrument->venue_symbol)) complain(answer, "the answer is about another symbol");
    return read_ends(answer, false, error);
}

bool book_request(const context_t *context, uint32_t depth, request_t *request, error_t *error) {
    const instrument_t *instrument;
    if (!instrument_of(context, &instrument, error)) return false;
    *request = get(JOIN(TEXT("/v1/book?symbol="), percent_encoded(instrument->venue_symbol), TEXT("&depth="),
                        digits_of(depth)));
    return true;
}

bool book(const context_t *context, uint32_t depth, const responses_t *responses, book_t *book, error_t *error) {
    const instrument_t *instrument;
    answer_t answer;
    if (!instrument_of(context, &instrument, error)) return false;
    if (!read_begins(context, responses, false, &answer, error)) return false;
    text_t symbol = text_at(answer, "symbol");
    *book = (book_t){
        .symbol = instrument->symbol,
        .bids = levels_at(answer, "bids", depth),
        .asks = levels_at(answer, "asks", depth),
        .at = {.is_some = true, .val = millis_at(answer, "time")},
    };
    if (!same(symbol, instrument->venue_symbol)) complain(answer, "the answer is about another symbol");
    return read_ends(answer, false, error);
}
