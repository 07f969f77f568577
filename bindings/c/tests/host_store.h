/* A store of the host that keeps cells in memory, for the C tests that need one. */
#ifndef OTP_ENGINE_TESTS_HOST_STORE_H
#define OTP_ENGINE_TESTS_HOST_STORE_H

#include "check.h"

static inline uint64_t get_number(const uint8_t *from, size_t bytes) {
    uint64_t number = 0;
    while (bytes-- > 0) number = number << 8 | *from++;
    return number;
}

/* Writes a number big-endian; returns its length. */
static inline size_t put_number(uint8_t *to, uint64_t number, size_t bytes) {
    size_t at;
    for (at = 0; at < bytes; at++) to[at] = (uint8_t)(number >> (8 * (bytes - 1 - at)));
    return bytes;
}

typedef struct {
    uint8_t key[32], kind, head[17]; /* version, "has an end", end: as they travel */
    size_t len;
    uint8_t body[16384];
} shelf_cell;

typedef struct {
    shelf_cell cells[512];
    size_t count;
    int hidden; /* the kind of the cells that are gone, as if another client had deleted them; 0 for none */
    unsigned commits;
} shelf;

static inline shelf_cell *shelf_find(shelf *self, const uint8_t *key) {
    size_t at;
    for (at = 0; at < self->count; at++) {
        shelf_cell *found = &self->cells[at];
        if (memcmp(found->key, key, 32) == 0 && found->kind != self->hidden) return found;
    }
    return NULL;
}

static inline int32_t shelf_load(void *user_data, const uint8_t *keys, size_t key_count, otp_buffer *reply) {
    shelf *self = (shelf *)user_data;
    uint8_t *out = reply->data;
    size_t at, needed = 0;
    for (at = 0; at < key_count; at++) {
        const shelf_cell *found = shelf_find(self, keys + 32 * at);
        needed += found == NULL ? 1 : 22 + found->len;
    }
    reply->len = needed;
    if (needed > reply->capacity) return OTP_CALLBACK_RESULT_MORE_ROOM;
    for (at = 0; at < key_count; at++) {
        const shelf_cell *found = shelf_find(self, keys + 32 * at);
        *out++ = found != NULL;
        if (found == NULL) continue;
        memcpy(out, found->head, 17);
        out += 17;
        out += put_number(out, found->len, 4);
        memcpy(out, found->body, found->len);
        out += found->len;
    }
    return OTP_CALLBACK_RESULT_DONE;
}

static inline int32_t shelf_commit(void *user_data, const uint8_t *writes, size_t writes_len, int64_t now,
                                   int32_t *outcome_out) {
    shelf *self = (shelf *)user_data;
    int apply;
    (void)now;
    self->commits++;
    for (apply = 0; apply < 2; apply++) {
        const uint8_t *from = writes + 4;
        uint64_t left = get_number(writes, 4);
        for (; left > 0; left--) {
            uint64_t expected = get_number(from + 33, 8);
            size_t len = (size_t)get_number(from + 50, 4);
            shelf_cell *found = shelf_find(self, from);
            if ((found == NULL ? 0 : get_number(found->head, 8)) != expected) {
                *outcome_out = OTP_COMMIT_OUTCOME_CONFLICT;
                return OTP_CALLBACK_RESULT_DONE;
            }
            if (apply) {
                if (found == NULL) {
                    CHECK(self->count < sizeof self->cells / sizeof self->cells[0]);
                    found = &self->cells[self->count++];
                }
                CHECK(len <= sizeof found->body);
                memcpy(found->key, from, 32);
                found->kind = from[32];
                memcpy(found->head, from + 33, 17);
                put_number(found->head, expected + 1, 8);
                memcpy(found->body, from + 54, len);
                found->len = len;
            }
            from += 54 + len;
        }
        CHECK(from == writes + writes_len);
    }
    *outcome_out = OTP_COMMIT_OUTCOME_DONE;
    return OTP_CALLBACK_RESULT_DONE;
}

static inline int32_t shelf_purge(void *user_data, int64_t now, uint64_t limit, uint64_t *dropped_out) {
    (void)user_data, (void)now, (void)limit;
    *dropped_out = 0;
    return OTP_CALLBACK_RESULT_DONE;
}

static inline int32_t shelf_has_cells(void *user_data, int32_t *has_cells_out) {
    *has_cells_out = ((shelf *)user_data)->count > 0;
    return OTP_CALLBACK_RESULT_DONE;
}

static inline otp_host_store shelf_functions(shelf *self) {
    SIZED(otp_host_store, functions);
    functions.load = shelf_load;
    functions.commit = shelf_commit;
    functions.purge = shelf_purge;
    functions.has_cells = shelf_has_cells;
    functions.store_class = OTP_STORE_CLASS_PERMANENT;
    functions.user_data = self;
    return functions;
}

static inline otp_store *store_of(const otp_host_store *functions) {
    otp_store *store = NULL;
    OK(otp_store_host_new(functions, &store));
    return store;
}

#endif
