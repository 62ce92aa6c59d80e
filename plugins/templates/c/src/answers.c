// Reading answers: a success as what it says, everything else as the error that it means.

#include <string.h>

#include "adapter.h"

// Significant digits that the contract's decimals have at the most.
#define MOST_DIGITS 28
// Digits of the largest whole number below 2^53.
#define LONGEST_INTEGER 16

static text_t of_c(const char *text) {
    return (text_t){.ptr = (uint8_t *)text, .len = strlen(text)};
}

void complain(answer_t answer, const char *problem) {
    if (*answer.problem == NULL) *answer.problem = problem;
}

// A member of the answer's object. An absent field and `null` are the same: nothing, and never a zero.
static const json_t *member(answer_t answer, const char *name) {
    const json_t *found = NULL;
    const json_t *one = answer.object == NULL ? NULL : answer.object->first;
    for (; one != NULL; one = one->next) {
        if (same(one->name, of_c(name))) found = one;
    }
    return found == NULL || found->kind == JSON_NULL ? NULL : found;
}

maybe_text_t maybe_text_at(answer_t answer, const char *name) {
    const json_t *one = member(answer, name);
    if (one == NULL) return (maybe_text_t){.is_some = false};
    if (one->kind != JSON_TEXT || one->text.len == 0) {
        complain(answer, "a field that should be a text");
        return (maybe_text_t){.is_some = false};
    }
    return (maybe_text_t){.is_some = true, .val = one->text};
}

text_t text_at(answer_t answer, const char *name) {
    maybe_text_t text = maybe_text_at(answer, name);
    if (!text.is_some) {
        complain(answer, "a field is missing");
        return TEXT("");
    }
    return text.val;
}

// `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, of at most 28 significant digits.
static bool is_decimal(text_t text) {
    size_t at = 0, integer = 0, fraction = 0, significant = 0;
    bool has_point = false;
    if (at < text.len && text.ptr[at] == '-') at++;
    bool begins_with_zero = at < text.len && text.ptr[at] == '0';
    for (; at < text.len; at++) {
        uint8_t c = text.ptr[at];
        if (c == '.' && !has_point) {
            has_point = true;
        } else if (c >= '0' && c <= '9') {
            *(has_point ? &fraction : &integer) += 1;
            if (c != '0' || significant > 0) significant++;
        } else {
            return false;
        }
    }
    return integer > 0 && (integer == 1 || !begins_with_zero) && has_point == (fraction > 0) &&
           significant <= MOST_DIGITS && text.len <= 100;
}

static bool is_decimal_json(const json_t *json) {
    return (json->kind == JSON_TEXT || json->kind == JSON_NUMBER) && is_decimal(json->text);
}

maybe_decimal_t maybe_decimal_at(answer_t answer, const char *name) {
    const json_t *one = member(answer, name);
    if (one == NULL) return (maybe_decimal_t){.is_some = false};
    if (!is_decimal_json(one)) {
        complain(answer, "a field that should be a decimal");
        return (maybe_decimal_t){.is_some = false};
    }
    return (maybe_decimal_t){.is_some = true, .val = one->text};
}

text_t decimal_at(answer_t answer, const char *name) {
    maybe_decimal_t decimal = maybe_decimal_at(answer, name);
    if (!decimal.is_some) {
        complain(answer, "a field is missing");
        return TEXT("0");
    }
    return decimal.val;
}

text_t size_at(answer_t answer, const char *name) {
    text_t size = decimal_at(answer, name);
    if (size.ptr[0] == '-') complain(answer, "a negative size");
    return size;
}

static bool integer_of(const json_t *json, uint64_t *number) {
    if (json == NULL || json->kind != JSON_NUMBER || json->text.len > LONGEST_INTEGER) return false;
    *number = 0;
    for (size_t i = 0; i < json->text.len; i++) {
        uint8_t c = json->text.ptr[i];
        if (c < '0' || c > '9') return false;
        *number = *number * 10 + (c - '0');
    }
    return *number < (uint64_t)1 << 53;
}

uint64_t millis_at(answer_t answer, const char *name) {
    uint64_t number = 0;
    if (!integer_of(member(answer, name), &number)) complain(answer, "a field that should be a time");
    return number;
}

size_t count_at(answer_t answer, const char *name, const json_t **first) {
    const json_t *list = member(answer, name);
    *first = NULL;
    if (list == NULL || list->kind != JSON_LIST) {
        complain(answer, "a field that should be a list");
        return 0;
    }
    *first = list->first;
    size_t count = 0;
    for (const json_t *one = list->first; one != NULL; one = one->next) count++;
    return count;
}

answer_t element(answer_t answer, const json_t *object) {
    if (object->kind != JSON_OBJECT) complain(answer, "an object expected");
    return (answer_t){.object = object, .problem = answer.problem};
}

levels_t levels_at(answer_t answer, const char *name, size_t depth) {
    const json_t *one;
    size_t count = count_at(answer, name, &one);
    levels_t levels = {.ptr = of_call(count * sizeof(*levels.ptr)), .len = 0};
    for (; one != NULL; one = one->next) {
        const json_t *price = one->kind == JSON_LIST ? one->first : NULL;
        const json_t *size = price == NULL ? NULL : price->next;
        if (size == NULL || size->next != NULL || !is_decimal_json(price) || !is_decimal_json(size)) {
            complain(answer, "something that is no level of a book");
            break;
        }
        levels.ptr[levels.len].price = price->text;
        levels.ptr[levels.len].quantity = size->text;
        levels.len++;
    }
    // No more than were asked for, even where the venue gives more.
    if (levels.len > depth) levels.len = depth;
    return levels;
}

uint8_t meaning_at(answer_t answer, const char *name, const meaning_t *meanings, size_t count) {
    text_t text = text_at(answer, name);
    for (size_t i = 0; i < count; i++) {
        if (same(text, of_c(meanings[i].text))) return meanings[i].meaning;
    }
    complain(answer, "a value that is not documented");
    return 0;
}

// ---- Errors -----------------------------------------------------------------------------------

// What the venue's codes mean, whether the venue documents that nothing was done, and the command's field at fault.
// Where it does not document it, the effect is unknown: the gateway then looks for the order before it does anything
// else. Never guess.
static const struct {
    uint64_t code;
    uint8_t kind;
    uint8_t effect;
    const char *field;
} ERRORS[] = {
    {1000, KIND(INVALID_REQUEST), TYPE(EFFECT_NONE), NULL},
    {1001, KIND(INVALID_REQUEST), TYPE(EFFECT_NONE), "symbol"},
    {1002, KIND(AUTH_FAILED), TYPE(EFFECT_NONE), NULL},
    {1003, KIND(CLOCK_SKEW), TYPE(EFFECT_NONE), NULL},
    {1004, KIND(INSUFFICIENT_FUNDS), TYPE(EFFECT_NONE), NULL},
    {1005, KIND(ORDER_NOT_FOUND), TYPE(EFFECT_NONE), NULL},
    {1006, KIND(DUPLICATE_CLIENT_ID), TYPE(EFFECT_NONE), NULL},
    {1007, KIND(NOT_AMENDABLE), TYPE(EFFECT_NONE), NULL},
    {1008, KIND(RATE_LIMITED), TYPE(EFFECT_NONE), NULL},
    {1009, KIND(OVERLOADED), TYPE(EFFECT_NONE), NULL},
    {1010, KIND(OUTCOME_UNKNOWN), TYPE(EFFECT_UNKNOWN), NULL},
};

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static venue_option_u32_t retry_after_ms(const response_t *response) {
    static const char name[] = "retry-after";
    for (size_t i = 0; i < response->headers.len; i++) {
        text_t key = response->headers.ptr[i].f0, value = response->headers.ptr[i].f1;
        bool is_it = key.len == sizeof(name) - 1 && value.len > 0 && value.len <= 6;
        for (size_t j = 0; is_it && j < key.len; j++) is_it = lower(key.ptr[j]) == (uint8_t)name[j];
        uint32_t seconds = 0;
        for (size_t j = 0; is_it && j < value.len; j++) {
            is_it = value.ptr[j] >= '0' && value.ptr[j] <= '9';
            seconds = seconds * 10 + (uint32_t)(value.ptr[j] - '0');
        }
        if (is_it) return (venue_option_u32_t){.is_some = true, .val = seconds * 1000};
    }
    return (venue_option_u32_t){.is_some = false};
}

// What the HTTP status alone says. A 4xx is a refusal; after anything else a change may have been made.
static void by_status(uint16_t status, bool has_wait, uint8_t *kind, uint8_t *effect) {
    *effect = TYPE(EFFECT_NONE);
    if (status == 401 || status == 403) {
        *kind = KIND(AUTH_FAILED);
    } else if (status == 404 || status == 405 || status == 410) {
        *kind = KIND(UNSUPPORTED);
    } else if (status == 429) {
        *kind = KIND(RATE_LIMITED);
    } else if (status >= 400 && status < 500 && status != 408) {
        *kind = KIND(INVALID_REQUEST);
    } else {
        *effect = TYPE(EFFECT_UNKNOWN);
        bool is_known = status == 408 || (status >= 500 && status < 600);
        *kind = status == 503 && has_wait ? KIND(OVERLOADED)
                : is_known                ? KIND(VENUE_UNAVAILABLE)
                                          : KIND(MALFORMED_RESPONSE);
    }
}

// Longest part of the venue's own text that goes on, in bytes.
#define MOST_SAID 500

// What the venue said, for people and logs: venues quote keys that they do not like.
static text_t said(const context_t *context, text_t message) {
    text_t key = context->account.is_some ? context->account.val.api_key : TEXT("");
    message = replaced(message, key, TEXT("[api-key]"), 2 * MOST_SAID);
    if (message.len > MOST_SAID) {
        message.len = MOST_SAID;
        // Not in the middle of a character.
        while ((message.ptr[message.len] & 0xc0) == 0x80) message.len--;
    }
    return message;
}

// The error that an answer other than a success means: `{"code": 1004, "message": "..."}`.
static void failure(const context_t *context, const response_t *response, bool mutates, error_t *error) {
    venue_option_u32_t wait = retry_after_ms(response);
    uint8_t effect;
    *error = (error_t){.message = JOIN(TEXT("HTTP status "), digits_of(response->status))};
    by_status(response->status, wait.is_some, &error->kind.tag, &effect);
    // A proxy on the way answers in HTML, or not at all: then the status has to do.
    const char *problem = NULL;
    answer_t complaint = {.object = json_parse(response->body), .problem = &problem};
    uint64_t code;
    maybe_text_t message = maybe_text_at(complaint, "message");
    if (message.is_some && integer_of(member(complaint, "code"), &code)) {
        error->venue_code = (maybe_text_t){.is_some = true, .val = digits_of(code)};
        error->message = said(context, message.val);
        for (size_t i = 0; i < LENGTH(ERRORS); i++) {
            if (ERRORS[i].code != code) continue;
            error->kind.tag = ERRORS[i].kind;
            effect = ERRORS[i].effect;
            if (ERRORS[i].field != NULL) {
                error->field = (maybe_text_t){.is_some = true, .val = of_c(ERRORS[i].field)};
            }
        }
    }
    if (error->kind.tag == KIND(RATE_LIMITED)) error->kind.val.rate_limited = wait;
    if (error->kind.tag == KIND(OVERLOADED)) error->kind.val.overloaded = wait;
    error->effect = mutates ? effect : TYPE(EFFECT_NONE);
}

bool refused(error_t *error, uint8_t kind, text_t message, const char *field) {
    *error = (error_t){.kind = {.tag = kind}, .effect = TYPE(EFFECT_NONE), .message = message};
    if (field != NULL) error->field = (maybe_text_t){.is_some = true, .val = of_c(field)};
    return false;
}

static bool malformed(error_t *error, const char *problem, bool mutates) {
    refused(error, KIND(MALFORMED_RESPONSE), of_c(problem), NULL);
    error->effect = mutates ? TYPE(EFFECT_UNKNOWN) : TYPE(EFFECT_NONE);
    return false;
}

bool read_begins(const context_t *context, const responses_t *responses, bool mutates, answer_t *answer,
                 error_t *error) {
    if (responses->len != 1) return malformed(error, "one response expected", mutates);
    const response_t *response = &responses->ptr[0];
    if (response->status < 200 || response->status >= 300) {
        failure(context, response, mutates, error);
        return false;
    }
    const json_t *json = json_parse(response->body);
    if (json == NULL || json->kind != JSON_OBJECT) return malformed(error, "the body is no JSON object", mutates);
    answer->object = json;
    answer->problem = of_call(sizeof(const char *));
    return true;
}

bool read_ends(answer_t answer, bool mutates, error_t *error) {
    return *answer.problem == NULL || malformed(error, *answer.problem, mutates);
}
