/* A store of the host in C: a sound one, and those that lie, fail, re-enter or never succeed. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <pthread.h>

#include "host_store.h"

#define BUCKETS 4096

/* A cell of the sound store. */
typedef struct cell {
    struct cell *next;
    uint8_t key[32];
    uint64_t version;
    int has_end;
    int64_t end;
    size_t len;
    uint8_t *body;
} cell;

typedef struct {
    pthread_mutex_t lock;
    cell *buckets[BUCKETS];
    int drops;
    int expires; /* whether its class is that of cells that expire */
    /* How it misbehaves; all zeros is sound. */
    int32_t load_answer, commit_answer, purge_answer; /* in place of the true answer */
    int32_t outcome;                                  /* in place of the true outcome; -1 says nothing */
    int apply_first;                                  /* applies before it answers falsely */
    int lie;
    int always_conflict;
    int reenter;
    int32_t told; /* what has_cells says: 0 the truth, 1 nothing, 2 a number that means nothing */
    int32_t has_cells_answer;
    uint64_t lied_dropped;
    unsigned loads, commits;
    const otp_engine *engine;
    const otp_store *store;
    const otp_binding *binding;
    otp_engine *sibling;
    int32_t inner[6];
} table;

enum { LIE_NONE, LIE_LONGER_THAN_ROOM, LIE_EMPTY, LIE_BODY_LENGTH, LIE_FLAG, LIE_TAIL, LIE_MORE_ROOM_FOR_EVER,
       LIE_HUGE_NEED, LIE_VERSION, LIE_NOTHING_SAID, LIE_JUNK_BODY, LIES };

static cell **place_of(table *self, const uint8_t *key) {
    cell **place = &self->buckets[get_number(key, 4) % BUCKETS];
    while (*place != NULL && memcmp((*place)->key, key, 32) != 0) place = &(*place)->next;
    return place;
}

static void reenter(table *self) {
    const otp_binding *binding = self->binding;
    otp_binding_options options = sample_binding();
    otp_binding *none = NULL;
    SIZED(otp_policy, policy);
    SIZED(otp_issued, issued);
    SIZED(otp_verdict, verdict);
    uint64_t dropped = 0;
    int32_t said = 0;
    OK(otp_policy_default(&policy));
    self->inner[0] =
        otp_engine_verify(self->engine, self->store, binding, (const uint8_t *)"123456", 6, &verdict);
    self->inner[1] = otp_engine_issue(self->engine, self->store, binding, &issued);
    self->inner[2] = otp_engine_purge(self->engine, self->store, 1, &dropped);
    self->inner[3] = otp_engine_cancel(self->engine, self->store, binding, &said);
    self->inner[4] = otp_engine_with_policy(self->engine, &policy, &self->sibling);
    self->inner[5] = otp_binding_new(self->engine, &options, &none);
    otp_binding_free(none);
}

static int32_t load(void *user_data, const uint8_t *keys, size_t key_count, otp_buffer *reply) {
    table *self = (table *)user_data;
    size_t at, needed = 0, to = 0;
    self->loads++;
    if (self->reenter) reenter(self);
    if (self->load_answer != 0) return self->load_answer;
    switch (self->lie) {
    case LIE_LONGER_THAN_ROOM: reply->len = reply->capacity + 1; return OTP_CALLBACK_RESULT_DONE;
    case LIE_EMPTY: reply->len = 0; return OTP_CALLBACK_RESULT_DONE;
    case LIE_MORE_ROOM_FOR_EVER: reply->len = reply->capacity + 1; return OTP_CALLBACK_RESULT_MORE_ROOM;
    case LIE_HUGE_NEED: reply->len = SIZE_MAX; return OTP_CALLBACK_RESULT_MORE_ROOM;
    case LIE_NOTHING_SAID: return OTP_CALLBACK_RESULT_DONE; /* len stays as it was */
    case LIE_FLAG: memset(reply->data, 7, key_count); reply->len = key_count; return OTP_CALLBACK_RESULT_DONE;
    case LIE_TAIL: memset(reply->data, 0, key_count + 1); reply->len = key_count + 1; return OTP_CALLBACK_RESULT_DONE;
    case LIE_BODY_LENGTH:
        memset(reply->data, 0xFF, 22);
        reply->data[0] = 1;
        reply->data[9] = 1;
        reply->len = 22;
        return OTP_CALLBACK_RESULT_DONE;
    default: break;
    }
    pthread_mutex_lock(&self->lock);
    for (at = 0; at < key_count; at++) {
        cell *found = *place_of(self, keys + 32 * at);
        needed += found == NULL ? 1 : 22 + found->len;
    }
    reply->len = needed;
    if (needed > reply->capacity) {
        pthread_mutex_unlock(&self->lock);
        return OTP_CALLBACK_RESULT_MORE_ROOM;
    }
    for (at = 0; at < key_count; at++) {
        cell *found = *place_of(self, keys + 32 * at);
        uint8_t *out = reply->data;
        out[to++] = found != NULL;
        if (found == NULL) continue;
        to += put_number(out + to, self->lie == LIE_VERSION ? 0 : found->version, 8);
        out[to++] = (uint8_t)found->has_end;
        to += put_number(out + to, (uint64_t)found->end, 8);
        to += put_number(out + to, found->len, 4);
        memcpy(out + to, found->body, found->len);
        if (self->lie == LIE_JUNK_BODY) memset(out + to, 0x5A, found->len);
        to += found->len;
    }
    pthread_mutex_unlock(&self->lock);
    return OTP_CALLBACK_RESULT_DONE;
}

/* Says whether a commit may be tried: no key twice, and nothing for ever where cells expire. */
static int is_supported(const table *self, const uint8_t *writes) {
    uint64_t count = get_number(writes, 4), at, before;
    const uint8_t *keys[8], *from = writes + 4;
    if (count > 8) return 0;
    for (at = 0; at < count; at++) {
        keys[at] = from;
        for (before = 0; before < at; before++) {
            if (memcmp(keys[before], from, 32) == 0) return 0;
        }
        if (self->expires && from[41] == 0) return 0;
        from += 54 + (size_t)get_number(from + 50, 4);
    }
    return 1;
}

/* One pass over given writes: checks all versions, or applies all. Returns 0 on a conflict. */
static int pass(table *self, const uint8_t *writes, size_t writes_len, int apply) {
    uint64_t count = get_number(writes, 4), at;
    const uint8_t *from = writes + 4;
    for (at = 0; at < count; at++) {
        const uint8_t *key = from, *head = from + 33;
        uint64_t expected = get_number(head, 8);
        size_t len = (size_t)get_number(head + 17, 4);
        cell **place = place_of(self, key), *found = *place;
        if ((found == NULL ? 0 : found->version) != expected) return 0;
        if (apply) {
            if (found == NULL) {
                found = (cell *)calloc(1, sizeof *found);
                CHECK(found != NULL);
                memcpy(found->key, key, 32);
                *place = found;
            }
            found->version = expected + 1;
            found->has_end = head[8];
            found->end = (int64_t)get_number(head + 9, 8);
            found->len = len;
            free(found->body);
            found->body = (uint8_t *)malloc(len + 1);
            CHECK(found->body != NULL);
            memcpy(found->body, head + 21, len);
        }
        from = head + 21 + len;
    }
    CHECK(from == writes + writes_len);
    return 1;
}

static int32_t commit(void *user_data, const uint8_t *writes, size_t writes_len, int64_t now, int32_t *outcome_out) {
    table *self = (table *)user_data;
    int fits;
    (void)now;
    CHECK(*outcome_out == OTP_COMMIT_OUTCOME_UNKNOWN);
    __atomic_fetch_add(&self->commits, 1U, __ATOMIC_RELAXED);
    if (self->commit_answer != 0 && !self->apply_first) return self->commit_answer;
    if (self->always_conflict) {
        *outcome_out = OTP_COMMIT_OUTCOME_CONFLICT;
        return OTP_CALLBACK_RESULT_DONE;
    }
    if (!is_supported(self, writes)) return OTP_CALLBACK_RESULT_UNSUPPORTED;
    pthread_mutex_lock(&self->lock);
    fits = pass(self, writes, writes_len, 0);
    if (fits) pass(self, writes, writes_len, 1);
    pthread_mutex_unlock(&self->lock);
    if (self->outcome == 0) *outcome_out = fits ? OTP_COMMIT_OUTCOME_DONE : OTP_COMMIT_OUTCOME_CONFLICT;
    else if (self->outcome != -1) *outcome_out = self->outcome;
    return self->apply_first ? self->commit_answer : OTP_CALLBACK_RESULT_DONE;
}

static int32_t purge(void *user_data, int64_t now, uint64_t limit, uint64_t *dropped_out) {
    table *self = (table *)user_data;
    size_t at;
    if (self->purge_answer != 0) return self->purge_answer;
    if (self->lied_dropped != 0) {
        *dropped_out = self->lied_dropped;
        return OTP_CALLBACK_RESULT_DONE;
    }
    *dropped_out = 0;
    pthread_mutex_lock(&self->lock);
    for (at = 0; at < BUCKETS; at++) {
        cell **place = &self->buckets[at];
        while (*place != NULL && *dropped_out < limit) {
            cell *found = *place;
            if (found->has_end && found->end < now) {
                *place = found->next;
                free(found->body);
                free(found);
                (*dropped_out)++;
            } else {
                place = &found->next;
            }
        }
    }
    pthread_mutex_unlock(&self->lock);
    return OTP_CALLBACK_RESULT_DONE;
}

static void drop(void *user_data) { ((table *)user_data)->drops++; }

static table *new_table(void) {
    table *self = (table *)calloc(1, sizeof *self);
    CHECK(self != NULL && pthread_mutex_init(&self->lock, NULL) == 0);
    return self;
}

static void free_table(table *self) {
    size_t at;
    for (at = 0; at < BUCKETS; at++) {
        while (self->buckets[at] != NULL) {
            cell *next = self->buckets[at]->next;
            free(self->buckets[at]->body);
            free(self->buckets[at]);
            self->buckets[at] = next;
        }
    }
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static int32_t has_cells(void *user_data, int32_t *has_cells_out) {
    table *self = (table *)user_data;
    size_t at;
    if (self->has_cells_answer != 0) return self->has_cells_answer;
    if (self->told == 1) return OTP_CALLBACK_RESULT_DONE; /* what stands there stays */
    if (self->told == 2) {
        *has_cells_out = 7;
        return OTP_CALLBACK_RESULT_DONE;
    }
    pthread_mutex_lock(&self->lock);
    *has_cells_out = 0;
    for (at = 0; at < BUCKETS; at++) {
        if (self->buckets[at] != NULL) *has_cells_out = 1;
    }
    pthread_mutex_unlock(&self->lock);
    return OTP_CALLBACK_RESULT_DONE;
}

static otp_host_store functions_of(table *self) {
    SIZED(otp_host_store, functions);
    functions.load = load;
    functions.commit = commit;
    functions.purge = purge;
    functions.has_cells = has_cells;
    functions.store_class = OTP_STORE_CLASS_PERMANENT;
    functions.user_data = self;
    functions.drop_user_data = drop;
    return functions;
}

static otp_store *store_on(table *self) {
    otp_host_store functions = functions_of(self);
    return store_of(&functions);
}

static void a_sound_store_in_c_passes_the_suite(int32_t store_class) {
    table *self = new_table();
    otp_host_store functions = functions_of(self);
    otp_store *store = NULL;
    otp_bytes *report = NULL;
    int32_t passed = 0;
    functions.store_class = store_class;
    self->expires = store_class == OTP_STORE_CLASS_EXPIRING;
    OK(otp_store_host_new(&functions, &store));
    OK(otp_store_check(store, &passed, &report));
    if (!passed) fwrite(otp_bytes_data(report), 1, otp_bytes_len(report), stderr);
    CHECK(passed == 1 && self->commits > 1000);
    otp_bytes_free(report);
    otp_store_free(store);
    CHECK(self->drops == 1);
    free_table(self);
}

/* An engine with the code secret of the sample, and another index secret. */
static otp_engine *stranger(void) {
    static const uint8_t code[32] = {9}, index[32] = {8};
    SIZED(otp_key_ring_options, options);
    otp_code_key key;
    otp_key_ring *ring = NULL;
    otp_engine *engine = NULL;
    memset(&key, 0, sizeof key);
    key.kid = view("other");
    key.secret.data = code;
    key.secret.len = sizeof code;
    options.codes = &key;
    options.code_count = 1;
    options.code_size = sizeof(otp_code_key);
    options.index.data = index;
    options.index.len = sizeof index;
    OK(otp_key_ring_new(&options, &ring));
    OK(otp_engine_new(ring, NULL, &engine));
    otp_key_ring_free(ring);
    return engine;
}

static void case_200_a_store_that_another_key_ring_began_is_an_error_that_says_so(void) {
    table *self = new_table();
    otp_engine *ours = sample_engine(), *other = stranger();
    otp_store *stores[3] = {NULL, NULL, NULL};
    size_t at;
    int32_t keys = 0;
    stores[0] = store_on(self);
    OK(otp_store_memory_new(0, 1, &stores[1]));
    OK(otp_store_memory_new(0, 0, &stores[2]));
    for (at = 0; at < 3; at++) {
        OK(otp_engine_check_store(ours, stores[at], &keys));
        CHECK(keys == OTP_STORE_KEYS_BEGUN);
        OK(otp_engine_check_store(ours, stores[at], &keys));
        CHECK(keys == OTP_STORE_KEYS_PROVEN);
        keys = 77;
        STATUS(OTP_STATUS_FOREIGN_STORE, otp_engine_check_store(other, stores[at], &keys));
        CHECK(keys == 77 && detail_names("another index secret") && detail_names("begin_store"));
        STATUS(OTP_STATUS_FOREIGN_STORE, otp_engine_adopt_store(other, stores[at], &keys));
        CHECK(keys == 77);
        OK(otp_engine_begin_store(other, stores[at], &keys));
        CHECK(keys == OTP_STORE_KEYS_BEGUN);
        STATUS(OTP_STATUS_FOREIGN_STORE, otp_engine_check_store(ours, stores[at], &keys));
        otp_store_free(stores[at]);
    }
    CHECK(strstr(otp_status_text(OTP_STATUS_FOREIGN_STORE), "another key ring") != NULL);
    otp_engine_free(ours);
    otp_engine_free(other);
    free_table(self);
}

static void case_201_cells_without_a_canary_are_taken_over_or_begun_by_name_alone(void) {
    int32_t keys = 77, told;
    for (told = 0; told < 4; told++) {
        table *self = new_table();
        otp_engine *engine = sample_engine();
        otp_store *store = NULL;
        otp_host_store functions = functions_of(self);
        otp_issued issued;
        self->told = told;
        if (told == 3) functions.has_cells = NULL; /* it cannot tell */
        OK(otp_store_host_new(&functions, &store));
        if (told == 0) {
            issued = issue(engine, store, "15");
            otp_wipe(issued.code, sizeof issued.code);
        }
        keys = 77;
        STATUS(OTP_STATUS_NO_CANARY, otp_engine_check_store(engine, store, &keys));
        CHECK(keys == 77 && detail_names("adopt_store") && detail_names("begin_store"));
        if (told % 2 == 0) {
            OK(otp_engine_adopt_store(engine, store, &keys));
        } else {
            OK(otp_engine_begin_store(engine, store, &keys));
        }
        CHECK(keys == OTP_STORE_KEYS_BEGUN);
        OK(otp_engine_adopt_store(engine, store, &keys));
        CHECK(keys == OTP_STORE_KEYS_PROVEN);
        OK(otp_engine_check_store(engine, store, &keys));
        CHECK(keys == OTP_STORE_KEYS_PROVEN);
        otp_engine_free(engine);
        otp_store_free(store);
        free_table(self);
    }
    CHECK(strstr(otp_status_text(OTP_STATUS_NO_CANARY), "no canary") != NULL);
}

static void case_201_a_store_that_fails_to_tell_is_an_error(void) {
    table *self = new_table();
    otp_engine *engine = sample_engine();
    otp_store *store = store_on(self);
    int32_t keys = 77;
    self->has_cells_answer = OTP_CALLBACK_RESULT_UNAVAILABLE;
    STATUS(OTP_STATUS_STORE_UNAVAILABLE, otp_engine_check_store(engine, store, &keys));
    self->has_cells_answer = 99;
    STATUS(OTP_STATUS_STORE_UNAVAILABLE, otp_engine_check_store(engine, store, &keys));
    CHECK(keys == 77 && self->commits == 0);
    self->has_cells_answer = 0;
    OK(otp_engine_check_store(engine, store, &keys));
    CHECK(keys == OTP_STORE_KEYS_BEGUN);
    otp_engine_free(engine);
    otp_store_free(store);
    free_table(self);
}

static void case_205_where_cells_may_be_lost_nothing_is_proven(void) {
    table *self = new_table();
    otp_engine *ours = sample_engine(), *other = stranger();
    otp_store *store = NULL;
    otp_host_store functions = functions_of(self);
    int32_t keys = 0;
    functions.store_class = OTP_STORE_CLASS_EXPIRING;
    self->expires = 1;
    OK(otp_store_host_new(&functions, &store));
    OK(otp_engine_check_store(ours, store, &keys));
    CHECK(keys == OTP_STORE_KEYS_NOT_PROVEN);
    OK(otp_engine_check_store(ours, store, &keys));
    CHECK(keys == OTP_STORE_KEYS_NOT_PROVEN);
    STATUS(OTP_STATUS_FOREIGN_STORE, otp_engine_check_store(other, store, &keys));
    otp_engine_free(ours);
    otp_engine_free(other);
    otp_store_free(store);
    free_table(self);
}

static void a_store_that_says_done_and_does_nothing_fails_the_suite(void) {
    table *self = new_table();
    otp_store *store = store_on(self);
    otp_bytes *report = NULL;
    int32_t passed = 1;
    self->always_conflict = 1;
    OK(otp_store_check(store, &passed, &report));
    CHECK(passed == 0);
    otp_bytes_free(report);
    otp_store_free(store);
    free_table(self);
}

static void the_main_job_runs_on_a_host_store(void) {
    table *self = new_table();
    otp_store *store = store_on(self);
    otp_engine *engine = sample_engine();
    otp_issued issued = issue(engine, store, "15");
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
    CHECK(verify(engine, store, "15", wrong(&issued)).attempts_left == 4);
    CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    CHECK(verify(engine, store, "15", (const char *)issued.code).rejection == OTP_REJECTION_ALREADY_USED);
    otp_engine_free(engine);
    otp_store_free(store);
    CHECK(self->drops == 1);
    free_table(self);
}

static void user_data_passes_only_if_the_constructor_succeeds(void) {
    table *self = new_table();
    otp_host_store functions = functions_of(self);
    otp_store *store = NULL;
    otp_engine *engine = NULL;
    otp_key_ring *ring = sample_ring();
    SIZED(otp_engine_options, options);
    SIZED(otp_policy, policy);
    functions.load = NULL;
    STATUS(OTP_STATUS_ARGUMENT, otp_store_host_new(&functions, &store));
    functions = functions_of(self);
    functions.commit = NULL;
    STATUS(OTP_STATUS_ARGUMENT, otp_store_host_new(&functions, &store));
    functions = functions_of(self);
    functions.store_class = 4;
    STATUS(OTP_STATUS_ARGUMENT, otp_store_host_new(&functions, &store));
    functions = functions_of(self);
    functions.struct_size = sizeof functions - 1;
    STATUS(OTP_STATUS_STRUCT_SIZE, otp_store_host_new(&functions, &store));
    functions = functions_of(self);
    STATUS(OTP_STATUS_ARGUMENT, otp_store_host_new(&functions, NULL));
    CHECK(store == NULL && self->drops == 0);

    OK(otp_policy_default(&policy));
    policy.symbols = 5;
    options.policy = &policy;
    options.clock.user_data = self;
    options.clock.drop_user_data = drop;
    options.clock.now = NULL;
    STATUS(OTP_STATUS_POLICY, otp_engine_new(ring, &options, &engine));
    CHECK(engine == NULL && self->drops == 0);
    otp_key_ring_free(ring);

    functions = functions_of(self);
    functions.purge = NULL;
    functions.drop_user_data = NULL; /* may be NULL */
    OK(otp_store_host_new(&functions, &store));
    otp_store_free(store);
    CHECK(self->drops == 0);
    free_table(self);
}

/* Expects that neither operation works, and that nothing looks like a success. */
static void nothing_works(const otp_engine *engine, const otp_store *store, int32_t want, const char *what) {
    attempt given = attempt_at(engine, "15", "123456");
    SIZED(otp_issued, issued);
    SIZED(otp_verdict, verdict);
    expect(otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len,
                             &verdict), want, what, __FILE__, __LINE__);
    CHECK(verdict.outcome == OTP_OUTCOME_NONE);
    expect(otp_engine_issue(engine, store, given.binding, &issued), want, what, __FILE__, __LINE__);
    CHECK(issued.outcome == OTP_OUTCOME_NONE && issued.code[0] == 0);
}

static void case_68_a_load_that_returns_garbage_or_lies_fails_closed(void) {
    static const int32_t numbers[] = {-1, 2, 4, 12, 99, 1739974896, INT32_MIN, INT32_MAX};
    otp_engine *engine = sample_engine();
    size_t at;
    int lie;
    for (at = 0; at < sizeof numbers / sizeof numbers[0]; at++) {
        table *self = new_table();
        otp_store *store = store_on(self);
        self->load_answer = numbers[at];
        nothing_works(engine, store, OTP_STATUS_STORE_UNAVAILABLE, "load returns garbage");
        CHECK(self->commits == 0);
        otp_store_free(store);
        free_table(self);
    }
    for (lie = LIE_NONE + 1; lie < LIES; lie++) {
        table *self = new_table();
        otp_store *store = store_on(self);
        otp_issued issued = issue(engine, store, "15");
        attempt given = attempt_at(engine, "15", (const char *)issued.code);
        SIZED(otp_verdict, verdict);
        int32_t status;
        CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
        self->lie = lie;
        self->loads = 0;
        status = otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len, &verdict);
        if (status == OTP_STATUS_OK) fprintf(stderr, "lie %d: outcome %d\n", lie, (int)verdict.outcome);
        CHECK(status != OTP_STATUS_OK && status != OTP_STATUS_PANICKED);
        CHECK(verdict.outcome == OTP_OUTCOME_NONE && self->loads < 100);
        /* The store that tells the truth again is served again, and the code is still good. */
        self->lie = LIE_NONE;
        CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
        otp_store_free(store);
        free_table(self);
    }
    otp_engine_free(engine);
}

static void case_68_a_commit_without_a_clear_answer_is_unknown(void) {
    static const struct { int32_t answer, outcome; } said[] = {
        {0, 0}, {-1, 0}, {2, 0}, {3, 0}, {12, 0}, {99, 0}, {1739974896, 0}, {1, -1}, {1, 3}, {1, 99}, {1, INT32_MIN},
        {0, OTP_COMMIT_OUTCOME_DONE}};
    otp_engine *engine = sample_engine();
    size_t at;
    for (at = 0; at < sizeof said / sizeof said[0]; at++) {
        table *self = new_table();
        otp_store *store = store_on(self);
        otp_issued issued = issue(engine, store, "15");
        attempt given = attempt_at(engine, "15", (const char *)issued.code);
        SIZED(otp_verdict, verdict);
        self->apply_first = 1; /* it applies, and then does not say so */
        self->commit_answer = said[at].answer == 0 ? OTP_CALLBACK_RESULT_FAILED : said[at].answer;
        self->outcome = said[at].outcome;
        STATUS(OTP_STATUS_STORE_UNKNOWN, otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len,
                                                           &verdict));
        CHECK(verdict.outcome == OTP_OUTCOME_NONE);
        /* It was applied: whoever asks again hears so, and is not accepted a second time. */
        self->apply_first = 0;
        self->commit_answer = self->outcome = 0;
        CHECK(verify(engine, store, "15", (const char *)issued.code).rejection == OTP_REJECTION_ALREADY_USED);
        otp_store_free(store);
        free_table(self);
    }
    otp_engine_free(engine);
}

static void case_69_a_callback_that_fails_is_the_error_that_it_names(void) {
    otp_engine *engine = sample_engine();
    table *self = new_table();
    otp_store *store = store_on(self);
    attempt given = attempt_at(engine, "15", "");
    SIZED(otp_issued, issued);
    uint64_t dropped = 7;
    static const int32_t pairs[][2] = {{OTP_CALLBACK_RESULT_UNAVAILABLE, OTP_STATUS_STORE_UNAVAILABLE},
                                       {OTP_CALLBACK_RESULT_FULL, OTP_STATUS_STORE_FULL},
                                       {OTP_CALLBACK_RESULT_UNSUPPORTED, OTP_STATUS_STORE_UNSUPPORTED}};
    size_t at;
    for (at = 0; at < 3; at++) {
        self->load_answer = pairs[at][0];
        STATUS(pairs[at][1], otp_engine_issue(engine, store, given.binding, &issued));
        self->load_answer = 0;
        self->commit_answer = pairs[at][0];
        STATUS(pairs[at][1], otp_engine_issue(engine, store, given.binding, &issued));
        self->commit_answer = 0;
        self->purge_answer = pairs[at][0];
        STATUS(pairs[at][1], otp_engine_purge(engine, store, 5, &dropped));
        self->purge_answer = 0;
    }
    CHECK(dropped == 7 && issued.outcome == OTP_OUTCOME_NONE);
    otp_engine_free(engine);
    otp_store_free(store);
    free_table(self);
}

static void case_320_a_purge_that_may_have_dropped_cells_never_says_that_nothing_changed(void) {
    otp_engine *engine = sample_engine();
    table *self = new_table();
    otp_store *store = store_on(self);
    uint64_t dropped = 7;
    uint8_t text[256];
    const char *said = (const char *)text;
    size_t needed;
    self->lied_dropped = 6; /* more than was asked for: they are gone */
    STATUS(OTP_STATUS_STORE_UNKNOWN, otp_engine_purge(engine, store, 5, &dropped));
    OK(otp_error_detail(text, sizeof text, &needed));
    CHECK(strstr(said, "dropped 6 cells, with a limit of 5") != NULL);
    CHECK(strstr(said, "nothing was changed") == NULL);
    self->lied_dropped = UINT64_MAX;
    STATUS(OTP_STATUS_STORE_UNKNOWN, otp_engine_purge(engine, store, 5, &dropped));
    self->lied_dropped = 0;
    self->purge_answer = 77; /* no answer that there is */
    STATUS(OTP_STATUS_STORE_UNKNOWN, otp_engine_purge(engine, store, 5, &dropped));
    OK(otp_error_detail(text, sizeof text, &needed));
    CHECK(strstr(said, "nothing was changed") == NULL);
    self->purge_answer = OTP_CALLBACK_RESULT_UNAVAILABLE; /* the host's own word for it */
    STATUS(OTP_STATUS_STORE_UNAVAILABLE, otp_engine_purge(engine, store, 5, &dropped));
    CHECK(dropped == 7);
    otp_engine_free(engine);
    otp_store_free(store);
    free_table(self);
}

static void case_68_a_store_that_never_lets_a_commit_through_ends_as_contended(void) {
    otp_engine *engine = sample_engine();
    table *self = new_table();
    otp_store *store = store_on(self);
    self->always_conflict = 1;
    {
        attempt given = attempt_at(engine, "15", "");
        SIZED(otp_issued, issued);
        STATUS(OTP_STATUS_CONTENDED, otp_engine_issue(engine, store, given.binding, &issued));
        CHECK(issued.outcome == OTP_OUTCOME_NONE && self->commits > 0 && self->commits < 100000);
    }
    otp_engine_free(engine);
    otp_store_free(store);
    free_table(self);
}

static void case_70_a_callback_that_calls_back_is_refused_and_nothing_hangs(void) {
    otp_engine *engine = sample_engine();
    table *self = new_table();
    otp_store *store = store_on(self);
    otp_issued issued;
    size_t at;
    self->engine = engine;
    self->binding = bound_to(engine, "15");
    self->store = store;
    self->reenter = 1;
    issued = issue(engine, store, "15");
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED); /* the outer call is none the worse for it */
    for (at = 0; at < 6; at++) CHECK(self->inner[at] == OTP_STATUS_REENTERED);
    self->reenter = 0;
    CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    otp_engine_free(engine);
    otp_store_free(store);
    free_table(self);
}

/* Another fiber of the thread calls the library while a callback of the first one waits. */
static void case_287_a_call_of_another_fiber_is_answered_where_there_are_fibers(void) {
    otp_engine *engine = sample_engine();
    otp_store *others = sample_store();
    table *self = new_table();
    otp_host_store functions = functions_of(self);
    otp_store *store = NULL;
    otp_issued issued;
    size_t at;
    functions.fibers = 1;
    OK(otp_store_host_new(&functions, &store));
    self->engine = engine;
    self->binding = bound_to(engine, "15");
    self->store = others;
    self->reenter = 1;
    issued = issue(engine, store, "15");
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
    for (at = 0; at < 6; at++) CHECK(self->inner[at] == OTP_STATUS_OK);
    otp_engine_free(self->sibling);
    otp_engine_free(engine);
    otp_store_free(others);
    otp_store_free(store);
    free_table(self);
}

int main(int argc, char **argv) {
    the_main_job_runs_on_a_host_store();
    case_200_a_store_that_another_key_ring_began_is_an_error_that_says_so();
    case_201_cells_without_a_canary_are_taken_over_or_begun_by_name_alone();
    case_201_a_store_that_fails_to_tell_is_an_error();
    case_205_where_cells_may_be_lost_nothing_is_proven();
    user_data_passes_only_if_the_constructor_succeeds();
    case_68_a_load_that_returns_garbage_or_lies_fails_closed();
    case_68_a_commit_without_a_clear_answer_is_unknown();
    case_68_a_store_that_never_lets_a_commit_through_ends_as_contended();
    case_69_a_callback_that_fails_is_the_error_that_it_names();
    case_320_a_purge_that_may_have_dropped_cells_never_says_that_nothing_changed();
    case_70_a_callback_that_calls_back_is_refused_and_nothing_hangs();
    case_287_a_call_of_another_fiber_is_answered_where_there_are_fibers();
    if (argc < 2 || strcmp(argv[1], "--quick") != 0) {
        a_sound_store_in_c_passes_the_suite(OTP_STORE_CLASS_PERMANENT);
        a_sound_store_in_c_passes_the_suite(OTP_STORE_CLASS_EXPIRING);
        a_store_that_says_done_and_does_nothing_fails_the_suite();
    }
    return done("store");
}
