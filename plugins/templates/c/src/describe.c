// What the adapter is and what it will ever do. The operator approves this list, as a phone asks for permissions; a
// request outside of it is dropped unsent.

#include "adapter.h"

#define DESCRIPTOR(name) exports_switchyard_adapter_descriptor_##name

void exports_switchyard_adapter_descriptor_describe(DESCRIPTOR(descriptor_t) * descriptor) {
    static const struct {
        uint8_t method;
        const char *path;
        size_t length;
    } calls[] = {
#define CALL(method, path) {TYPE(METHOD_##method), path, sizeof(path) - 1}
        CALL(GET, "/v1/time"),
        CALL(GET, "/v1/instruments"),
        CALL(GET, "/v1/ticker"),
        CALL(GET, "/v1/book"),
        CALL(GET, "/v1/orders"),
        // `{}` stands for one segment of any text.
        CALL(GET, "/v1/orders/{}"),
        CALL(GET, "/v1/orders/by-client-id/{}"),
        CALL(POST, "/v1/orders"),
        CALL(DELETE, "/v1/orders/{}"),
        CALL(DELETE, "/v1/orders/by-client-id/{}"),
#undef CALL
    };
    static uint8_t products[] = {TYPE(PRODUCT_SPOT)};
    static text_t endpoints[1];
    endpoints[0] = ENDPOINT;

    DESCRIPTOR(endpoint_t) *endpoint = of_call(sizeof(*endpoint));
    *endpoint = (DESCRIPTOR(endpoint_t)){
        .alias = ENDPOINT,
        .description = TEXT("The REST API of {{name}}"),
        .products = {.ptr = products, .len = LENGTH(products)},
    };
    DESCRIPTOR(allowed_call_t) *allowed = of_call(LENGTH(calls) * sizeof(*allowed));
    for (size_t i = 0; i < LENGTH(calls); i++) {
        allowed[i] = (DESCRIPTOR(allowed_call_t)){
            .endpoint = ENDPOINT,
            .method = calls[i].method,
            .path = {.ptr = (uint8_t *)calls[i].path, .len = calls[i].length},
            // The gateway journals such a request before it sends it.
            .mutates = calls[i].method != TYPE(METHOD_GET),
        };
    }
    DESCRIPTOR(bucket_t) *bucket = of_call(sizeof(*bucket));
    *bucket = (DESCRIPTOR(bucket_t)){
        .name = BUCKET,
        .scope = EXPORTS_SWITCHYARD_ADAPTER_DESCRIPTOR_BUCKET_SCOPE_ACCOUNT,
        .endpoints = {.ptr = endpoints, .len = 1},
        .window_ms = 60000,
        .limit = 600,
        .remaining_header = {.is_some = true, .val = TEXT("x-ratelimit-remaining")},
    };
    DESCRIPTOR(endpoint_rules_t) *rules = of_call(sizeof(*rules));
    *rules = (DESCRIPTOR(endpoint_rules_t)){
        .endpoint = ENDPOINT,
        .amend_mode = EXPORTS_SWITCHYARD_ADAPTER_DESCRIPTOR_AMEND_MODE_UNSUPPORTED,
        .order_types = ALL_ORDER_TYPES,
        .times_in_force = ALL_TIMES_IN_FORCE,
        .open_without_instrument = true,
        .max_window_ms = 60000,
        // How long after its window a request that got no answer may still become an order. Take the venue's own
        // figure; where it has none, be generous: a short one risks placing twice.
        .settle_ms = 30000,
    };
    *descriptor = (DESCRIPTOR(descriptor_t)){
        .venue = TEXT("{{name}}"),
        .adapter_version = TEXT("0.1.0"),
        .endpoints = {.ptr = endpoint, .len = 1},
        .allowed_calls = {.ptr = allowed, .len = LENGTH(calls)},
        // The gateway makes ids within these rules. It needs [a-z0-9] and 20 characters at the least.
        .client_id_rules = {.max_length = 36, .alphabet = TEXT("abcdefghijklmnopqrstuvwxyz0123456789-")},
        .buckets = {.ptr = bucket, .len = 1},
        .endpoint_rules = {.ptr = rules, .len = 1},
    };
    end_of_call(true);
}
