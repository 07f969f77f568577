/* What the C tests share: checks that end the program, and sample handles and bindings. */
#ifndef OTP_ENGINE_TESTS_CHECK_H
#define OTP_ENGINE_TESTS_CHECK_H

#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otp_engine.h"

/* How many checks have passed; a program that checks nothing must not count as a success. */
static unsigned long checks_passed = 0;

static inline void fail(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: FAILED: %s\n", file, line, what);
    exit(1);
}

#define CHECK(condition)                                   \
    do {                                                   \
        if (!(condition)) fail(#condition, __FILE__, __LINE__); \
        __atomic_fetch_add(&checks_passed, 1UL, __ATOMIC_RELAXED); \
    } while (0)

static inline void expect(int32_t got, int32_t want, const char *call, const char *file, int line) {
    if (got != want) {
        uint8_t detail[512] = "";
        size_t needed = 0;
        if (otp_error_detail(detail, sizeof detail, &needed) != OTP_STATUS_OK) detail[0] = 0;
        fprintf(stderr, "%s:%d: FAILED: %s: status %d (%s), expected %d; %s\n", file, line, call,
                (int)got, otp_status_text(got), (int)want, (const char *)detail);
        exit(1);
    }
    __atomic_fetch_add(&checks_passed, 1UL, __ATOMIC_RELAXED);
}

#define STATUS(want, call) expect((call), (want), #call, __FILE__, __LINE__)
#define OK(call) STATUS(OTP_STATUS_OK, call)

/* Declares a structure with all zeros and its size. */
#define SIZED(type, name)            \
    type name;                       \
    memset(&name, 0, sizeof name);   \
    name.struct_size = sizeof name

/* The bindings that a program made. */
typedef struct kept {
    otp_binding *binding;
    struct kept *next;
} kept;

static kept *all_kept = NULL;

/* Ends a test program. */
static inline int done(const char *program) {
    while (all_kept != NULL) {
        kept *first = all_kept;
        all_kept = first->next;
        otp_binding_free(first->binding);
        free(first);
    }
    if (checks_passed == 0) {
        fprintf(stderr, "%s: nothing was checked\n", program);
        return 1;
    }
    printf("%s: %lu checks passed\n", program, checks_passed);
    return 0;
}

static inline otp_view view_of(const void *data, size_t len) {
    otp_view view;
    view.data = (const uint8_t *)data;
    view.len = len;
    return view;
}

static inline otp_view view(const char *text) { return view_of(text, strlen(text)); }

static inline otp_view view_of_bytes(const otp_bytes *bytes) {
    return view_of(otp_bytes_data(bytes), otp_bytes_len(bytes));
}

/* Says whether the detail of the last fault names `word`. */
static inline int detail_names(const char *word) {
    uint8_t detail[512] = "";
    size_t needed = 0;
    if (otp_error_detail(detail, sizeof detail, &needed) != OTP_STATUS_OK) return 0;
    return needed == strlen((const char *)detail) + 1 && strstr((const char *)detail, word) != NULL;
}

/* Says whether bytes, which have no NUL at their end, hold `word`. */
static inline int bytes_hold(const otp_bytes *bytes, const char *word) {
    size_t len = otp_bytes_len(bytes), size = strlen(word), at;
    for (at = 0; at + size <= len; at++) {
        if (memcmp(otp_bytes_data(bytes) + at, word, size) == 0) return 1;
    }
    return 0;
}

static inline otp_key_ring *sample_ring(void) {
    static const char secret[] = "a code secret of thirty-two bytes", index[] = "an index secret of thirty-two b.";
    otp_key_ring *ring = NULL;
    otp_code_key code;
    SIZED(otp_key_ring_options, options);
    memset(&code, 0, sizeof code);
    code.kid = view("2026a");
    code.secret = view(secret);
    options.codes = &code;
    options.code_count = 1;
    options.code_size = sizeof(otp_code_key);
    options.current = view("2026a");
    options.index = view(index);
    OK(otp_key_ring_new(&options, &ring));
    CHECK(ring != NULL);
    return ring;
}

/* An engine with the default policy and the system's clock. */
static inline otp_engine *sample_engine(void) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL;
    SIZED(otp_engine_options, options);
    OK(otp_engine_new(ring, &options, &engine));
    otp_key_ring_free(ring);
    return engine;
}

static inline otp_store *sample_store(void) {
    otp_store *store = NULL;
    OK(otp_store_memory_new(0, 0, &store));
    return store;
}

static inline otp_binding_options sample_binding(void) {
    SIZED(otp_binding_options, binding);
    binding.tenant = view("acme");
    binding.purpose = view("sign");
    binding.target.model = view("loan.application");
    binding.target.field = view("client_schedule_esms_otp_signature_ids");
    binding.target.id = view("15");
    binding.user = view("7");
    binding.recipient = view("60123456789");
    binding.recipient_kind = OTP_RECIPIENT_MOBILE;
    return binding;
}

/* A binding that done() frees. */
static inline const otp_binding *bound(const otp_engine *engine, const otp_binding_options *options) {
    kept *made = (kept *)malloc(sizeof *made);
    CHECK(made != NULL);
    made->binding = NULL;
    OK(otp_binding_new(engine, options, &made->binding));
    CHECK(made->binding != NULL);
    made->next = __atomic_load_n(&all_kept, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&all_kept, &made->next, made, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) continue;
    return made->binding;
}

/* The sample binding for the record `id`. */
static inline const otp_binding *bound_to(const otp_engine *engine, const char *id) {
    otp_binding_options binding = sample_binding();
    binding.target.id = view(id);
    return bound(engine, &binding);
}

/* What a person enters, and for what. */
typedef struct {
    const otp_binding *binding;
    otp_view code;
} attempt;

static inline attempt attempt_of(const otp_engine *engine, const otp_binding_options *options, const char *code) {
    attempt made;
    made.binding = bound(engine, options);
    made.code = view(code);
    return made;
}

/* At the sample binding for the record `id`. */
static inline attempt attempt_at(const otp_engine *engine, const char *id, const char *code) {
    attempt made;
    made.binding = bound_to(engine, id);
    made.code = view(code);
    return made;
}

static inline otp_issued issue(const otp_engine *engine, const otp_store *store, const char *id) {
    SIZED(otp_issued, issued);
    OK(otp_engine_issue(engine, store, bound_to(engine, id), &issued));
    return issued;
}

static inline otp_verdict verify(const otp_engine *engine, const otp_store *store, const char *id, const char *code) {
    SIZED(otp_verdict, verdict);
    OK(otp_engine_verify(engine, store, bound_to(engine, id), (const uint8_t *)code, strlen(code), &verdict));
    return verdict;
}

/* A code of the same length that is not the right one. */
static inline const char *wrong(const otp_issued *issued) {
    return strcmp((const char *)issued->code, "000000") == 0 ? "000001" : "000000";
}

#endif
