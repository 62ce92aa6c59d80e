// What the files of this adapter share: short names for the contract's types, and what each file offers.
//
// How the contract (`wit/`) looks in C is in build/bindings/venue.h, which each build makes anew. A `result` is a
// function's bool (true is success) with two places to write to; an `option` is a struct with `is_some`; a `variant` is
// a tag and a union; a `list` is a pointer and a length.

#ifndef ADAPTER_H
#define ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "venue.h"

typedef venue_string_t text_t;
typedef venue_option_string_t maybe_text_t;
typedef venue_list_u8_t bytes_t;
typedef switchyard_adapter_types_context_t context_t;
typedef switchyard_adapter_types_instrument_t instrument_t;
typedef switchyard_adapter_types_http_request_t request_t;
typedef switchyard_adapter_types_http_response_t response_t;
typedef exports_switchyard_adapter_market_list_http_response_t responses_t;
typedef switchyard_adapter_types_option_decimal_t maybe_decimal_t;
typedef switchyard_adapter_types_order_ref_t order_ref_t;
typedef switchyard_adapter_types_order_report_t order_report_t;
typedef switchyard_adapter_types_error_t error_t;
typedef exports_switchyard_adapter_market_listing_t listing_t;
typedef exports_switchyard_adapter_market_ticker_t ticker_t;
typedef exports_switchyard_adapter_market_order_book_t book_t;
typedef exports_switchyard_adapter_market_list_level_t levels_t;
typedef exports_switchyard_adapter_trading_place_t place_t;
typedef exports_switchyard_adapter_trading_list_order_report_t order_reports_t;

// The end of a long constant: ORDER(SIDE_BUY).
#define TYPE(name) SWITCHYARD_ADAPTER_TYPES_##name
#define KIND(name) TYPE(ERROR_KIND_##name)

// A text that the program holds; lists of them and of other constants.
#define TEXT(literal) ((text_t){.ptr = (uint8_t *)(literal), .len = sizeof(literal) - 1})
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

// The alias of the venue's one origin. Configuration maps it to a URL; an adapter never names a host.
#define ENDPOINT TEXT("rest")
// The budget that the venue enforces. Each request says what it spends of it.
#define BUCKET TEXT("requests")

#define ALL_ORDER_TYPES (TYPE(ORDER_TYPES_MARKET) | TYPE(ORDER_TYPES_LIMIT))
#define ALL_TIMES_IN_FORCE \
    (TYPE(TIMES_IN_FORCE_GTC) | TYPE(TIMES_IN_FORCE_IOC) | TYPE(TIMES_IN_FORCE_FOK) | TYPE(TIMES_IN_FORCE_GTX))

// ---- memory.c ---------------------------------------------------------------------------------

// Memory of this call, all zero. Nothing is ever freed: it goes as a whole when the next call begins.
void *of_call(size_t size);
// Says that a call is over, and hands its result on.
bool end_of_call(bool result);

// ---- text.c -----------------------------------------------------------------------------------

bool same(text_t left, text_t right);
text_t joined(const text_t *parts, size_t count);
#define JOIN(...) joined((text_t[]){__VA_ARGS__}, LENGTH(((text_t[]){__VA_ARGS__})))
// The text with `old`, wherever it occurs, replaced, up to the first `longest` bytes or some more.
text_t replaced(text_t text, text_t old, text_t by, size_t longest);
text_t digits_of(uint64_t number);
text_t hex_of(bytes_t bytes);
// All but RFC 3986's unreserved characters as `%XX`, so that what is signed is what is sent.
text_t percent_encoded(text_t text);
// A text as JSON, in quotes.
text_t quoted(text_t text);

// ---- json.c -----------------------------------------------------------------------------------

typedef enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT } json_kind_t;

typedef struct json {
    json_kind_t kind;
    text_t text;        // A text's characters; a number's digits, since a float would lose some of them.
    text_t name;        // Of a member of an object.
    struct json *first; // The first element or member.
    struct json *next;  // The one behind this.
} json_t;

// The value of a whole body; NULL where the body is no JSON, or JSON that nests without end.
const json_t *json_parse(bytes_t body);

// ---- answers.c --------------------------------------------------------------------------------

// An answer that is being read. The first thing that is not as documented stays in `problem`, and what is read after it
// is empty: one look at `problem` at the end is enough.
typedef struct {
    const json_t *object;
    const char **problem;
} answer_t;

// Notes what is not as documented, unless something was before.
void complain(answer_t answer, const char *problem);

text_t text_at(answer_t answer, const char *name);
maybe_text_t maybe_text_at(answer_t answer, const char *name);
text_t decimal_at(answer_t answer, const char *name);
maybe_decimal_t maybe_decimal_at(answer_t answer, const char *name);
// A decimal that cannot be below zero.
text_t size_at(answer_t answer, const char *name);
uint64_t millis_at(answer_t answer, const char *name);
// The objects of a list: how many, and each as an answer of its own.
size_t count_at(answer_t answer, const char *name, const json_t **first);
answer_t element(answer_t answer, const json_t *object);

// One side of a book, lists of price and size, up to `depth` levels.
levels_t levels_at(answer_t answer, const char *name, size_t depth);

// What a text stands for.
typedef struct {
    const char *text;
    uint8_t meaning;
} meaning_t;

// What the text of a field means; a text that the venue does not document is no guess of ours.
uint8_t meaning_at(answer_t answer, const char *name, const meaning_t *meanings, size_t count);
#define NAMED(answer, name, meanings) meaning_at(answer, name, meanings, LENGTH(meanings))

// Opens the answer to the one request of a step. `mutates` says whether the request could change something: an answer
// that cannot be read then leaves open what happened, since a venue that answered may well have acted.
bool read_begins(const context_t *context, const responses_t *responses, bool mutates, answer_t *answer,
                 error_t *error);
// Whether all of it was as documented.
bool read_ends(answer_t answer, bool mutates, error_t *error);

// The error after which certainly nothing was done. It is false, so that it can be returned.
bool refused(error_t *error, uint8_t kind, text_t message, const char *field);

// ---- market.c ---------------------------------------------------------------------------------

request_t get(text_t path);
bool instrument_of(const context_t *context, const instrument_t **instrument, error_t *error);
bool listing(const context_t *context, const responses_t *responses, listing_t *listing, error_t *error);
bool venue_time(const context_t *context, const responses_t *responses, uint64_t *time, error_t *error);
bool ticker_request(const context_t *context, request_t *request, error_t *error);
bool best_prices(const context_t *context, const responses_t *responses, ticker_t *ticker, error_t *error);
bool book_request(const context_t *context, uint32_t depth, request_t *request, error_t *error);
bool book(const context_t *context, uint32_t depth, const responses_t *responses, book_t *book, error_t *error);

// ---- orders.c ---------------------------------------------------------------------------------

bool place_request(const context_t *context, const place_t *command, request_t *request, error_t *error);
bool cancel_request(const context_t *context, const order_ref_t *order, request_t *request, error_t *error);
bool find_request(const context_t *context, const order_ref_t *order, request_t *request, error_t *error);
bool open_orders_request(const context_t *context, request_t *request, error_t *error);
bool placed(const context_t *context, const place_t *command, const responses_t *responses, order_report_t *report,
            error_t *error);
// The order that was asked for; `mutates` where the request was to end it.
bool the_one(const context_t *context, const order_ref_t *asked, bool mutates, const responses_t *responses,
             order_report_t *report, error_t *error);
bool is_final(const order_report_t *report);
bool open_orders(const context_t *context, const responses_t *responses, order_reports_t *reports, error_t *error);

#endif
