// Texts: joined, compared, and in the spellings that requests need.

#include <string.h>

#include "adapter.h"

bool same(text_t left, text_t right) {
    return left.len == right.len && (left.len == 0 || memcmp(left.ptr, right.ptr, left.len) == 0);
}

text_t joined(const text_t *parts, size_t count) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++) length += parts[i].len;
    text_t text = {.ptr = of_call(length), .len = 0};
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) memcpy(text.ptr + text.len, parts[i].ptr, parts[i].len);
        text.len += parts[i].len;
    }
    return text;
}

text_t replaced(text_t text, text_t old, text_t by, size_t longest) {
    text_t out = {.ptr = of_call(longest + by.len), .len = 0};
    for (size_t at = 0; at < text.len && out.len < longest;) {
        bool is_it = old.len > 0 && text.len - at >= old.len && memcmp(text.ptr + at, old.ptr, old.len) == 0;
        text_t part = is_it ? by : (text_t){.ptr = text.ptr + at, .len = 1};
        memcpy(out.ptr + out.len, part.ptr, part.len);
        out.len += part.len;
        at += is_it ? old.len : 1;
    }
    return out;
}

text_t digits_of(uint64_t number) {
    text_t text = {.ptr = of_call(20), .len = 0};
    uint8_t reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) text.ptr[text.len++] = reversed[--count];
    return text;
}

text_t hex_of(bytes_t bytes) {
    static const char digits[] = "0123456789abcdef";
    text_t text = {.ptr = of_call(bytes.len * 2), .len = bytes.len * 2};
    for (size_t i = 0; i < bytes.len; i++) {
        text.ptr[2 * i] = (uint8_t)digits[bytes.ptr[i] >> 4];
        text.ptr[2 * i + 1] = (uint8_t)digits[bytes.ptr[i] & 15];
    }
    return text;
}

static bool is_unreserved(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

text_t percent_encoded(text_t text) {
    static const char digits[] = "0123456789ABCDEF";
    text_t out = {.ptr = of_call(text.len * 3), .len = 0};
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (is_unreserved(c)) {
            out.ptr[out.len++] = c;
        } else {
            out.ptr[out.len++] = '%';
            out.ptr[out.len++] = (uint8_t)digits[c >> 4];
            out.ptr[out.len++] = (uint8_t)digits[c & 15];
        }
    }
    return out;
}

text_t quoted(text_t text) {
    static const char digits[] = "0123456789abcdef";
    text_t out = {.ptr = of_call(text.len * 6 + 2), .len = 0};
    out.ptr[out.len++] = '"';
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\') {
            out.ptr[out.len++] = '\\';
            out.ptr[out.len++] = c;
        } else if (c < 0x20) {
            memcpy(out.ptr + out.len, "\\u00", 4);
            out.len += 4;
            out.ptr[out.len++] = (uint8_t)digits[c >> 4];
            out.ptr[out.len++] = (uint8_t)digits[c & 15];
        } else {
            out.ptr[out.len++] = c;
        }
    }
    out.ptr[out.len++] = '"';
    return out;
}
