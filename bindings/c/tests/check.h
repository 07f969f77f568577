/* What the C tests share: checks that end the program, and sample handles and requests. */
#ifndef OTP_ENGINE_TESTS_CHECK_H
#define OTP_ENGINE_TESTS_CHECK_H

#include <stdint.h>
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

/* Ends a test program. */
static inline int done(const char *program) {
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

static inline otp_binding sample_binding(void) {
    SIZED(otp_binding, binding);
    binding.tenant = view("acme");
    binding.purpose = view("sign");
    binding.model = view("loan.application");
    binding.field = view("client_schedule_esms_otp_signature_ids");
    binding.record = view("15");
    binding.user = view("7");
    binding.recipient = view("60123456789");
    binding.recipient_kind = OTP_RECIPIENT_MOBILE;
    return binding;
}

typedef struct {
    uint8_t bytes[2048];
    size_t len;
} request;

static inline request pack(const otp_binding *binding) {
    request packed;
    memset(&packed, 0, sizeof packed);
    OK(otp_binding_pack(binding, packed.bytes, sizeof packed.bytes, &packed.len));
    CHECK(packed.len > 20 && packed.len <= sizeof packed.bytes);
    return packed;
}

/* The sample binding for `record`, with what was typed; NULL for an issue. */
static inline request sample_request(const char *record, const char *typed) {
    otp_binding binding = sample_binding();
    binding.record = view(record);
    if (typed != NULL) binding.typed = view(typed);
    return pack(&binding);
}

static inline otp_issued issue(const otp_engine *engine, const otp_store *store, const char *record) {
    request packed = sample_request(record, NULL);
    SIZED(otp_issued, issued);
    OK(otp_engine_issue(engine, store, packed.bytes, packed.len, &issued));
    return issued;
}

static inline otp_verdict verify(const otp_engine *engine, const otp_store *store, const char *record,
                                 const char *typed) {
    request packed = sample_request(record, typed);
    SIZED(otp_verdict, verdict);
    OK(otp_engine_verify(engine, store, packed.bytes, packed.len, &verdict));
    return verdict;
}

/* A code of the same length that is not the right one. */
static inline const char *wrong(const otp_issued *issued) {
    return strcmp((const char *)issued->code, "000000") == 0 ? "000001" : "000000";
}

#endif
