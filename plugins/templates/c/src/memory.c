// Memory that lives as long as one call.
//
// The contract has the adapter own what it is given and the gateway free what it gets, piece by piece. This is simpler
// and cannot leak: every piece of a call is cut from one block, and the block is empty again when the next call begins.
// It takes the place of the C library's allocator.

#include <stdlib.h>
#include <string.h>

#include "adapter.h"

#define ALIGNMENT 16
#define PAGE 65536

// Where the linker's own data end.
extern unsigned char __heap_base;

static size_t used;
static bool is_over;

// A block begins with its size, for whoever wants it larger.
static void *take(size_t size) {
    if (size > SIZE_MAX / 4) abort();
    size_t base = ((size_t)&__heap_base + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t begin = base + used + ALIGNMENT;
    size_t end = begin + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t there = __builtin_wasm_memory_size(0) * PAGE;
    if (end > there) {
        // A trap ends this call alone; the gateway goes on with a fresh instance.
        size_t pages = (end - there + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) abort();
    }
    used = end - base;
    *(size_t *)(begin - ALIGNMENT) = size;
    return (void *)begin;
}

void *of_call(size_t size) {
    return memset(take(size), 0, size);
}

bool end_of_call(bool result) {
    is_over = true;
    return result;
}

void *realloc(void *old, size_t size) {
    void *block = take(size);
    size_t old_size = old == NULL ? 0 : *(size_t *)((size_t)old - ALIGNMENT);
    return old_size == 0 ? block : memcpy(block, old, old_size < size ? old_size : size);
}

// What the gateway calls to put arguments and the results of imports in place.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t alignment,
                                                                size_t size) {
    if (is_over) {
        is_over = false;
        used = 0;
    }
    if (size == 0) return (void *)alignment;
    return realloc(old_size == 0 ? NULL : old, size);
}

void *malloc(size_t size) {
    return take(size);
}

void *calloc(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) abort();
    return of_call(count * size);
}

// The bindings free each piece of a result when the gateway has read it; here the call's end does.
void free(void *block) {
    (void)block;
}
