#include "engine.h"

#include "floor.h"
#include "otp_engine.h"

#define SLOTS 1000
#define BATCH 256

/* An engine on a memory store with some slots, each with a user and a recipient of its own. */
typedef struct {
    otp_engine *engine;
    otp_store *store;
    int64_t now;
    uint64_t slots;
    otp_binding *bindings[SLOTS];
    /* What was issued, and what is entered. */
    uint8_t codes[SLOTS][OTP_CODE_CAPACITY];
    otp_submission submissions[SLOTS];
    otp_issued issued[BATCH];
    otp_verdict verdicts[BATCH];
} desk;

/* The time that is shown, and a read of the system's clock, as a host pays it. */
static int32_t tell_time(void *user_data, int64_t *unix_seconds_out) {
    struct timespec read;
    if (clock_gettime(CLOCK_REALTIME, &read) != 0) return 0;
    *unix_seconds_out = ((const desk *)user_data)->now;
    return 1;
}

static otp_view view(const void *data, size_t length) {
    otp_view made;
    made.data = data;
    made.len = length;
    return made;
}

static otp_view text(const char *of) { return view(of, strlen(of)); }

static otp_binding *bind_slot(const otp_engine *engine, unsigned slot) {
    char record[16], number[16];
    otp_binding *made = NULL;
    otp_binding_options binding;
    memset(&binding, 0, sizeof binding);
    REQUIRE(snprintf(record, sizeof record, "%u", slot) > 0);
    REQUIRE(snprintf(number, sizeof number, "601%08u", slot) > 0);
    binding.struct_size = sizeof binding;
    binding.tenant = text("acme");
    binding.purpose = text("sign");
    binding.target.model = text("loan.application");
    binding.target.field = text("client_schedule_esms_otp_signature_ids");
    binding.target.id = text(record);
    binding.user = text(record);
    binding.recipient = text(number);
    binding.recipient_kind = OTP_RECIPIENT_MOBILE;
    REQUIRE(otp_binding_new(engine, &binding, &made) == OTP_STATUS_OK);
    return made;
}

static desk *open_desk(effort how, int metered) {
    desk *made = calloc(1, sizeof *made);
    otp_key_ring *ring = NULL;
    otp_code_key code;
    otp_key_ring_options keys;
    otp_engine_options options;
    otp_rate_limits rate_limits;
    unsigned slot;
    REQUIRE(made != NULL);
    memset(&code, 0, sizeof code);
    memset(&keys, 0, sizeof keys);
    memset(&options, 0, sizeof options);
    memset(&rate_limits, 0, sizeof rate_limits);
    rate_limits.struct_size = sizeof rate_limits;
    REQUIRE(otp_rate_limits_default(&rate_limits) == OTP_STATUS_OK);
    rate_limits.unlimited = !metered;
    code.kid = text("2026a");
    code.secret = text("a code secret of thirty-two bytes");
    keys.struct_size = sizeof keys;
    keys.codes = &code;
    keys.code_count = 1;
    keys.code_size = sizeof(otp_code_key);
    keys.current = text("2026a");
    keys.index = text("an index secret of thirty-two b.");
    REQUIRE(otp_key_ring_new(&keys, &ring) == OTP_STATUS_OK);
    options.struct_size = sizeof options;
    options.rate_limits = &rate_limits;
    options.clock.now = tell_time;
    options.clock.user_data = made;
    REQUIRE(otp_engine_new(ring, &options, &made->engine) == OTP_STATUS_OK);
    otp_key_ring_free(ring);
    REQUIRE(otp_store_memory_new(0, 0, &made->store) == OTP_STATUS_OK);
    made->slots = how.quick ? 20 : SLOTS;
    for (slot = 0; slot < made->slots; slot++) made->bindings[slot] = bind_slot(made->engine, slot);
    return made;
}

static void close_desk(desk *done) {
    unsigned slot;
    for (slot = 0; slot < done->slots; slot++) otp_binding_free(done->bindings[slot]);
    otp_engine_free(done->engine);
    otp_store_free(done->store);
    free(done);
}

/* A new code each time: the clock goes on by a day, so that no rate limit refuses. */
static void next_day(void *with) { ((desk *)with)->now += 86400; }

static void issue(void *with, uint64_t n) {
    desk *at = with;
    uint64_t slot;
    for (slot = 0; slot < n; slot++) {
        otp_issued *issued = at->issued;
        issued->struct_size = sizeof *issued;
        REQUIRE(otp_engine_issue(at->engine, at->store, at->bindings[slot], issued) == OTP_STATUS_OK);
        REQUIRE(issued->outcome == OTP_OUTCOME_ISSUED);
    }
}

static void issue_all(void *with) {
    desk *at = with;
    unsigned slot;
    next_day(with);
    for (slot = 0; slot < at->slots; slot++) {
        otp_issued issued;
        issued.struct_size = sizeof issued;
        REQUIRE(otp_engine_issue(at->engine, at->store, at->bindings[slot], &issued) == OTP_STATUS_OK);
        REQUIRE(issued.outcome == OTP_OUTCOME_ISSUED);
        memcpy(at->codes[slot], issued.code, sizeof issued.code);
        memset(&at->submissions[slot], 0, sizeof at->submissions[slot]);
        at->submissions[slot].binding = at->bindings[slot];
        at->submissions[slot].code = text((const char *)at->codes[slot]);
    }
}

static void verify(void *with, uint64_t n) {
    desk *at = with;
    uint64_t slot;
    for (slot = 0; slot < n; slot++) {
        otp_view code = at->submissions[slot].code;
        otp_verdict *verdict = at->verdicts;
        verdict->struct_size = sizeof *verdict;
        REQUIRE(otp_engine_verify(at->engine, at->store, at->bindings[slot], code.data, code.len, verdict) ==
                OTP_STATUS_OK);
        REQUIRE(verdict->outcome == OTP_OUTCOME_ACCEPTED);
    }
}

static uint64_t batched(const desk *at) { return at->slots < BATCH ? at->slots : BATCH; }

static void issue_batch(void *with, uint64_t n) {
    desk *at = with;
    REQUIRE(otp_engine_issue_many(at->engine, at->store, (const otp_binding *const *)at->bindings, n, at->issued,
                                  sizeof *at->issued) == OTP_STATUS_OK);
    while (n-- > 0) REQUIRE(at->issued[n].outcome == OTP_OUTCOME_ISSUED);
}

static void verify_batch(void *with, uint64_t n) {
    desk *at = with;
    REQUIRE(otp_engine_verify_many(at->engine, at->store, at->submissions, sizeof *at->submissions, n, at->verdicts,
                                   sizeof *at->verdicts) == OTP_STATUS_OK);
    while (n-- > 0) REQUIRE(at->verdicts[n].outcome == OTP_OUTCOME_ACCEPTED);
}

/* What the call alone costs: a function of the same signature that does nothing. */
static otp_status nothing(const otp_engine *engine, const otp_store *store, const otp_binding *binding,
                          otp_issued *out) {
    (void)engine, (void)store, (void)binding, (void)out;
    return OTP_STATUS_OK;
}

static void empty_calls(void *with, uint64_t n) {
    otp_status (*volatile call)(const otp_engine *, const otp_store *, const otp_binding *, otp_issued *) = nothing;
    desk *at = with;
    while (n-- > 0) {
        REQUIRE(call(at->engine, at->store, at->bindings[n % at->slots], at->issued) == OTP_STATUS_OK);
    }
}

static void issue_floor(void *with, uint64_t n) { (void)with, otp_floor_issue(n); }
static void verify_floor(void *with, uint64_t n) { (void)with, otp_floor_verify(n); }
static void issue_floor_metered(void *with, uint64_t n) { (void)with, otp_floor_issue_metered(n); }
static void verify_floor_metered(void *with, uint64_t n) { (void)with, otp_floor_verify_metered(n); }

static void rows_of(effort how, int metered) {
    desk *issues = open_desk(how, metered), *verifies = open_desk(how, metered);
    desk *issue_batches = open_desk(how, metered), *verify_batches = open_desk(how, metered);
    uint64_t slots = issues->slots, many = batched(issues);
    void (*floor_issue)(void *, uint64_t) = metered ? issue_floor_metered : issue_floor;
    void (*floor_verify)(void *, uint64_t) = metered ? verify_floor_metered : verify_floor;
    row rows[] = {
        {"floor", NULL, floor_issue, NULL, slots},
        {"issue", next_day, issue, issues, slots},
        {"issue, batch of 256", next_day, issue_batch, issue_batches, many},
        {"empty call", NULL, empty_calls, issues, 0},
        {"floor again", NULL, floor_issue, NULL, slots},
    };
    row judged[] = {
        {"floor", NULL, floor_verify, NULL, slots},
        {"right code", issue_all, verify, verifies, slots},
        {"right code, batch of 256", issue_all, verify_batch, verify_batches, many},
        {"empty call", NULL, empty_calls, verifies, 0},
        {"floor again", NULL, floor_verify, NULL, slots},
    };
    group(how, metered ? "issue default" : "issue bare", rows, sizeof rows / sizeof *rows);
    group(how, metered ? "verify default" : "verify bare", judged, sizeof judged / sizeof *judged);
    close_desk(issues);
    close_desk(verifies);
    close_desk(issue_batches);
    close_desk(verify_batches);
}

void engine_rows(effort how) {
    rows_of(how, 0);
    rows_of(how, 1);
}
