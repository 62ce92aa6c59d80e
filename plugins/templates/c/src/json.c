// JSON (RFC 8259) into a tree. Whatever the bytes are, the result is a value or NULL.

#include <string.h>

#include "adapter.h"

// Deepest nesting that is read: each level takes a frame of the stack.
#define DEEPEST 64

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} cursor_t;

static bool value(cursor_t *cursor, json_t *json, int depth);

static void skip_space(cursor_t *cursor) {
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\n' || *cursor->at == '\r')) {
        cursor->at++;
    }
}

static bool take(cursor_t *cursor, uint8_t c) {
    if (cursor->at == cursor->end || *cursor->at != c) return false;
    cursor->at++;
    return true;
}

static bool take_word(cursor_t *cursor, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0) return false;
    cursor->at += length;
    return true;
}

static bool take_digits(cursor_t *cursor) {
    const uint8_t *begin = cursor->at;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') cursor->at++;
    return cursor->at > begin;
}

static bool number(cursor_t *cursor, json_t *json) {
    const uint8_t *begin = cursor->at;
    take(cursor, '-');
    if (!take(cursor, '0') && !take_digits(cursor)) return false;
    if (take(cursor, '.') && !take_digits(cursor)) return false;
    if (take(cursor, 'e') || take(cursor, 'E')) {
        if (!take(cursor, '+')) take(cursor, '-');
        if (!take_digits(cursor)) return false;
    }
    json->kind = JSON_NUMBER;
    json->text = (text_t){.ptr = (uint8_t *)begin, .len = (size_t)(cursor->at - begin)};
    return true;
}

static bool hex4(cursor_t *cursor, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        if (cursor->at == cursor->end) return false;
        uint8_t c = *cursor->at++;
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9') {
            *code = *code * 16 + (c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            *code = *code * 16 + (lower - 'a' + 10);
        } else {
            return false;
        }
    }
    return true;
}

static void put_utf8(text_t *text, uint32_t code) {
    uint8_t *out = text->ptr + text->len;
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        text->len += 1;
    } else if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        text->len += 2;
    } else if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        text->len += 3;
    } else {
        out[0] = (uint8_t)(0xf0 | code >> 18);
        out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[3] = (uint8_t)(0x80 | (code & 0x3f));
        text->len += 4;
    }
}

static bool escape(cursor_t *cursor, text_t *text) {
    if (cursor->at == cursor->end) return false;
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint8_t c = *cursor->at++;
    const char *found = c == 0 ? NULL : strchr(from, c);
    if (found != NULL) {
        text->ptr[text->len++] = (uint8_t)to[found - from];
        return true;
    }
    uint32_t code;
    if (c != 'u' || !hex4(cursor, &code)) return false;
    // Half of a pair alone is no character, and cannot be said in UTF-8.
    if (code >= 0xdc00 && code <= 0xdfff) return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        uint32_t low;
        if (!take(cursor, '\\') || !take(cursor, 'u') || !hex4(cursor, &low)) return false;
        if (low < 0xdc00 || low > 0xdfff) return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(text, code);
    return true;
}

// One character of more than one byte. A text that is no UTF-8 would be a trap at the border of the component.
static bool multibyte(cursor_t *cursor, text_t *text) {
    uint8_t lead = *cursor->at;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || cursor->end - cursor->at <= more) return false;
    uint32_t code = lead & (0x3f >> more);
    for (int i = 1; i <= more; i++) {
        if ((cursor->at[i] & 0xc0) != 0x80) return false;
        code = code << 6 | (cursor->at[i] & 0x3f);
    }
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    if (code < smallest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    cursor->at += more + 1;
    put_utf8(text, code);
    return true;
}

static bool string(cursor_t *cursor, text_t *text) {
    if (!take(cursor, '"')) return false;
    const uint8_t *end = cursor->at;
    while (end < cursor->end && *end != '"') end += *end == '\\' ? 2 : 1;
    if (end >= cursor->end) return false;
    // No escape is shorter than what it stands for.
    *text = (text_t){.ptr = of_call((size_t)(end - cursor->at)), .len = 0};
    while (cursor->at < end) {
        uint8_t c = *cursor->at;
        if (c == '\\') {
            cursor->at++;
            if (!escape(cursor, text)) return false;
        } else if (c < 0x20) {
            return false;
        } else if (c < 0x80) {
            text->ptr[text->len++] = c;
            cursor->at++;
        } else if (!multibyte(cursor, text)) {
            return false;
        }
    }
    return take(cursor, '"');
}

// The elements of a list or the members of an object, up to `close`.
static bool elements(cursor_t *cursor, json_t *json, uint8_t close, int depth) {
    json_t **link = &json->first;
    skip_space(cursor);
    if (take(cursor, close)) return true;
    do {
        json_t *element = of_call(sizeof(json_t));
        skip_space(cursor);
        if (json->kind == JSON_OBJECT) {
            if (!string(cursor, &element->name)) return false;
            skip_space(cursor);
            if (!take(cursor, ':')) return false;
        }
        if (!value(cursor, element, depth + 1)) return false;
        *link = element;
        link = &element->next;
        skip_space(cursor);
    } while (take(cursor, ','));
    return take(cursor, close);
}

static bool value(cursor_t *cursor, json_t *json, int depth) {
    skip_space(cursor);
    if (cursor->at == cursor->end || depth > DEEPEST) return false;
    switch (*cursor->at) {
        case '{':
            cursor->at++;
            json->kind = JSON_OBJECT;
            return elements(cursor, json, '}', depth);
        case '[':
            cursor->at++;
            json->kind = JSON_LIST;
            return elements(cursor, json, ']', depth);
        case '"':
            json->kind = JSON_TEXT;
            return string(cursor, &json->text);
        case 't':
            json->kind = JSON_BOOL;
            return take_word(cursor, "true");
        case 'f':
            json->kind = JSON_BOOL;
            return take_word(cursor, "false");
        case 'n':
            json->kind = JSON_NULL;
            return take_word(cursor, "null");
        default:
            return number(cursor, json);
    }
}

const json_t *json_parse(bytes_t body) {
    if (body.len == 0) return NULL;
    cursor_t cursor = {.at = body.ptr, .end = body.ptr + body.len};
    json_t *json = of_call(sizeof(json_t));
    if (!value(&cursor, json, 0)) return NULL;
    skip_space(&cursor);
    return cursor.at == cursor.end ? json : NULL;
}
