// A greeter in C, written with nothing but host-api/ABI.md: no SDK, no C library.
//
//   init      the deployer becomes the owner; the word is "Hello".
//   set_word  the input becomes the word, 1 to 32 bytes. For the owner.
//   greet     the input is a name of 1 to 32 bytes: returns "WORD, NAME!", counts, emits an event.
//   count     returns how many were greeted, as 16 little-endian bytes. Made for views.
//
// `greet` reads the word and adds to the count. Both are the contract's own, and whoever reads and
// adds declares `write`: callers run one after the other. Were the word a constant, `credit` would
// do, and callers would run side by side.
//
// Built in this folder by clang 22.1.8 (any with the target wasm32 and its wasm-ld will do):
//
//   clang --target=wasm32-unknown-unknown -mcpu=mvp -mbulk-memory -std=c17 -Wall -Wextra -Werror \
//     -Oz -ffreestanding -nostdlib -Wl,--no-entry -Wl,--stack-first -Wl,-z,stack-size=4096 \
//     -Wl,--strip-all -o ../wasm/greeter.wasm greeter.c
//
// `-mcpu=mvp` switches off what clang enables by itself and contracts may not use, such as multiple
// results; the stack comes first in memory, so that running out of it is a trap.

#include <stdbool.h>
#include <stdint.h>

#define HOST(function) __attribute__((import_module("tos_v1"), import_name(#function)))
#define ENTRY(function) __attribute__((export_name(#function))) void function(void)

HOST(caller) void tos_caller(uint8_t *out);
HOST(contract) void tos_contract(uint8_t *out);
HOST(input) uint32_t tos_input(void *out, uint32_t cap);
HOST(storage_read)
int32_t tos_storage_read(const uint8_t *partition, const char *key, uint32_t key_len, void *out,
                         uint32_t cap);
HOST(storage_write)
int32_t tos_storage_write(const uint8_t *partition, const char *key, uint32_t key_len,
                          const void *value, uint32_t value_len);
HOST(counter_add)
int32_t tos_counter_add(const uint8_t *partition, const char *key, uint32_t key_len,
                        uint64_t amount);
HOST(counter_read)
int32_t tos_counter_read(const uint8_t *partition, const char *key, uint32_t key_len, uint8_t *out);
HOST(set_return) int32_t tos_set_return(const void *data, uint32_t len);
HOST(emit)
int32_t tos_emit(const uint8_t *topics, uint32_t topic_count, const void *data, uint32_t data_len);
HOST(abort)
_Noreturn void tos_abort(uint32_t code, const char *message, uint32_t message_len, const char *file,
                         uint32_t file_len, uint32_t line);

enum { ADDRESS_LEN = 33, TOPIC_LEN = 32, TEXT_LEN_MAX = 32, COUNTER_LEN = 16 };

// Codes of the contract's own, part of its interface.
enum { NOT_OWNER = 1, TEXT_LEN = 2 };

// A text in the program and its length, as the host takes it.
#define TEXT(text) text, sizeof(text) - 1
// Fails with a code; the operator sees message, file and line.
#define FAIL(code, message) tos_abort(code, TEXT(message), TEXT("c/greeter.c"), __LINE__)

static uint32_t append(uint8_t *to, uint32_t at, const void *from, uint32_t len) {
    __builtin_memcpy(to + at, from, len);
    return at + len;
}

static bool same(const uint8_t *a, const uint8_t *b, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        if (a[i] != b[i]) return false;
    return true;
}

// Reads the input as a text; returns its length.
static uint32_t text_input(uint8_t *out) {
    uint32_t len = tos_input(out, TEXT_LEN_MAX);
    if (len < 1 || len > TEXT_LEN_MAX) FAIL(TEXT_LEN, "a text has 1 to 32 bytes");
    return len;
}

ENTRY(init) {
    uint8_t self[ADDRESS_LEN], owner[ADDRESS_LEN];
    tos_contract(self);
    tos_caller(owner);
    tos_storage_write(self, TEXT("owner"), owner, sizeof owner);
    tos_storage_write(self, TEXT("word"), TEXT("Hello"));
}

ENTRY(set_word) {
    uint8_t self[ADDRESS_LEN], owner[ADDRESS_LEN], caller[ADDRESS_LEN], word[TEXT_LEN_MAX];
    tos_contract(self);
    tos_caller(caller);
    tos_storage_read(self, TEXT("owner"), owner, sizeof owner);
    if (!same(caller, owner, ADDRESS_LEN)) FAIL(NOT_OWNER, "only the owner may do this");
    uint32_t len = text_input(word);
    tos_storage_write(self, TEXT("word"), word, len);
}

ENTRY(greet) {
    uint8_t self[ADDRESS_LEN], name[TEXT_LEN_MAX], word[TEXT_LEN_MAX];
    uint8_t greeting[2 * TEXT_LEN_MAX + 3], topic[TOPIC_LEN] = "greeter.greeted";
    uint32_t name_len = text_input(name);
    tos_contract(self);
    int32_t word_len = tos_storage_read(self, TEXT("word"), word, sizeof word);

    uint32_t len = append(greeting, 0, word, (uint32_t)word_len);
    len = append(greeting, len, TEXT(", "));
    len = append(greeting, len, name, name_len);
    len = append(greeting, len, TEXT("!"));

    tos_counter_add(self, TEXT("count"), 1);
    tos_emit(topic, 1, name, name_len);
    tos_set_return(greeting, len);
}

ENTRY(count) {
    uint8_t self[ADDRESS_LEN], total[COUNTER_LEN];
    tos_contract(self);
    tos_counter_read(self, TEXT("count"), total);
    tos_set_return(total, sizeof total);
}
