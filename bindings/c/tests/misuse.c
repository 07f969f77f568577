/* Misuse is a status, and leaves out memory and the attempts as they were. */
#include "check.h"

static uint8_t untouched[4096];

/* Says whether `size` bytes are as `spoil` left them. */
static int as_spoiled(const void *memory, size_t size) {
    return memcmp(memory, untouched, size) == 0;
}

static void spoil(void *memory, size_t size) { memset(memory, 0xA5, size); }

static void case_94_null_is_an_error_of_every_function_that_can_fail(void) {
    otp_engine *engine = sample_engine(), *engine_out = NULL;
    otp_store *store = sample_store(), *store_out = NULL;
    otp_key_ring *ring = sample_ring(), *ring_out = NULL;
    otp_signing_key *key_out = NULL;
    otp_bytes *bytes_out = NULL;
    otp_binding_options binding = sample_binding();
    otp_target target = sample_binding().target;
    const otp_binding *known = bound_to(engine, "15");
    otp_binding *binding_out = NULL;
    uint64_t number = 0;
    int32_t said = 0;
    const uint8_t *id = (const uint8_t *)"acme";
    SIZED(otp_issued, issued);
    SIZED(otp_verdict, verdict);
    SIZED(otp_challenge, challenge);
    SIZED(otp_odds, odds);
    SIZED(otp_delivery_report, report);
    SIZED(otp_key_ring_options, ring_options);
    SIZED(otp_submission, submission);
    SIZED(otp_chain_head, head);
    SIZED(otp_erase_request, request);
    request.tenant = view("x");
    request.target = target;
    request.sequence = 1;
    request.details = view("ip");
    submission.binding = known;
#define REFUSED(call) STATUS(OTP_STATUS_ARGUMENT, call)
    REFUSED(otp_engine_new(NULL, NULL, &engine_out));
    REFUSED(otp_engine_new(ring, NULL, NULL));
    REFUSED(otp_engine_with_policy(NULL, NULL, &engine_out));
    REFUSED(otp_engine_with_policy(engine, NULL, NULL));
    REFUSED(otp_key_ring_new(NULL, &ring_out));
    REFUSED(otp_key_ring_new(&ring_options, NULL));
    REFUSED(otp_signing_key_from_seed(view_of(NULL, 32), &key_out));
    REFUSED(otp_signing_key_from_seed(view_of(id, 4), NULL));
    REFUSED(otp_signing_key_from_pem(view_of(NULL, 9), &key_out));
    REFUSED(otp_signing_key_from_pem(view_of(id, 4), NULL));
    REFUSED(otp_signing_key_public_jwks(NULL, &bytes_out));
    REFUSED(otp_signing_key_public_pem(NULL, &bytes_out));
    REFUSED(otp_policy_default(NULL));
    REFUSED(otp_policy_check(NULL));
    REFUSED(otp_rate_limits_default(NULL));
    REFUSED(otp_binding_check(NULL));
    REFUSED(otp_binding_new(NULL, &binding, &binding_out));
    REFUSED(otp_binding_new(engine, NULL, &binding_out));
    REFUSED(otp_binding_new(engine, &binding, NULL));
    REFUSED(otp_store_memory_new(0, 0, NULL));
    REFUSED(otp_store_sqlite_open(view_of(NULL, 4), &store_out));
    REFUSED(otp_store_sqlite_open(view_of(id, 4), NULL));
    REFUSED(otp_store_host_new(NULL, &store_out));
    REFUSED(otp_store_check(NULL, &said, &bytes_out));
    REFUSED(otp_store_check(store, NULL, &bytes_out));
    REFUSED(otp_store_check(store, &said, NULL));
    REFUSED(otp_engine_issue(NULL, store, known, &issued));
    REFUSED(otp_engine_issue(engine, NULL, known, &issued));
    REFUSED(otp_engine_issue(engine, store, NULL, &issued));
    REFUSED(otp_engine_issue(engine, store, known, NULL));
    REFUSED(otp_engine_verify(NULL, store, known, id, 4, &verdict));
    REFUSED(otp_engine_verify(engine, NULL, known, id, 4, &verdict));
    REFUSED(otp_engine_verify(engine, store, NULL, id, 4, &verdict));
    REFUSED(otp_engine_verify(engine, store, known, NULL, 4, &verdict));
    REFUSED(otp_engine_verify(engine, store, known, id, 4, NULL));
    REFUSED(otp_engine_verify_submission(NULL, store, &submission, &verdict));
    REFUSED(otp_engine_verify_submission(engine, store, NULL, &verdict));
    REFUSED(otp_engine_verify_submission(engine, store, &submission, NULL));
    submission.code = view_of(NULL, 3);
    REFUSED(otp_engine_verify_submission(engine, store, &submission, &verdict));
    submission.code = view("");
    submission.binding = NULL;
    REFUSED(otp_engine_verify_submission(engine, store, &submission, &verdict));
    submission.binding = known;
    REFUSED(otp_engine_report_delivery(engine, store, known, NULL, &said));
    REFUSED(otp_engine_report_delivery(engine, store, known, &report, NULL));
    REFUSED(otp_engine_claim_send(engine, store, known, view_of(NULL, 4), 1, &issued));
    REFUSED(otp_engine_claim_send(engine, store, NULL, view_of(id, 4), 1, &issued));
    REFUSED(otp_engine_claim_send(engine, store, known, view_of(id, 4), 1, NULL));
    REFUSED(otp_engine_cancel(engine, store, known, NULL));
    REFUSED(otp_engine_cancel(engine, NULL, known, &said));
    REFUSED(otp_engine_status(engine, store, known, NULL));
    REFUSED(otp_engine_status(NULL, store, known, &challenge));
    REFUSED(otp_engine_unlock(engine, store, view_of(NULL, 4), view_of(id, 4), &said));
    REFUSED(otp_engine_unlock(engine, store, view_of(id, 4), view_of(NULL, 4), &said));
    REFUSED(otp_engine_unlock(engine, store, view_of(id, 4), view_of(id, 4), NULL));
    REFUSED(otp_engine_purge(engine, store, 1, NULL));
    REFUSED(otp_engine_purge(engine, NULL, 1, &number));
    REFUSED(otp_engine_check_store(engine, store, NULL));
    REFUSED(otp_engine_check_store(NULL, store, &said));
    REFUSED(otp_engine_check_store(engine, NULL, &said));
    REFUSED(otp_engine_adopt_store(engine, store, NULL));
    REFUSED(otp_engine_adopt_store(engine, NULL, &said));
    REFUSED(otp_engine_begin_store(engine, store, NULL));
    REFUSED(otp_engine_begin_store(NULL, store, &said));
    REFUSED(otp_engine_purge_confirmed(engine, store, 1, NULL));
    REFUSED(otp_engine_purge_confirmed(engine, NULL, 1, &number));
    REFUSED(otp_engine_reset_slot(engine, store, known, view_of(NULL, 4), &said));
    REFUSED(otp_engine_reset_slot(engine, store, known, view_of(id, 4), NULL));
    REFUSED(otp_engine_reset_slot(engine, store, NULL, view_of(id, 4), &said));
    REFUSED(otp_engine_reset_recipient(engine, NULL, known, view_of(id, 4), &said));
    REFUSED(otp_engine_reset_recipient(engine, store, known, view_of(id, 4), NULL));
    REFUSED(otp_engine_reset_user(engine, store, view_of(id, 4), view_of(id, 4), view_of(NULL, 4), &said));
    REFUSED(otp_engine_reset_user(engine, store, view_of(id, 4), view_of(id, 4), view_of(id, 4), NULL));
    REFUSED(otp_engine_odds(NULL, &odds));
    REFUSED(otp_engine_odds(engine, NULL));
    REFUSED(otp_engine_findings(NULL, &bytes_out));
    REFUSED(otp_engine_findings(engine, NULL));
    REFUSED(otp_engine_issue_many(engine, store, NULL, 1, &issued, sizeof issued));
    REFUSED(otp_engine_issue_many(engine, store, &known, 1, NULL, sizeof issued));
    REFUSED(otp_engine_verify_many(engine, store, NULL, sizeof submission, 1, &verdict, sizeof verdict));
    REFUSED(otp_engine_verify_many(engine, store, &submission, sizeof submission, 1, NULL, sizeof verdict));
    REFUSED(otp_engine_signatures(engine, store, view("x"), NULL, 1, &bytes_out));
    REFUSED(otp_engine_signatures(engine, store, view_of(NULL, 1), &target, 1, &bytes_out));
    REFUSED(otp_engine_signatures(engine, store, view("x"), &target, 1, NULL));
    REFUSED(otp_engine_chain_head(engine, store, view("x"), NULL, &head));
    REFUSED(otp_engine_chain_head(engine, store, view("x"), &target, NULL));
    REFUSED(otp_engine_erase(engine, store, NULL, &bytes_out));
    REFUSED(otp_engine_erase(engine, store, &request, NULL));
    REFUSED(otp_verify_record(view_of(NULL, 3), view("{}"), NULL, &said, &bytes_out));
    REFUSED(otp_verify_record(view("x"), view("{}"), NULL, NULL, &bytes_out));
    REFUSED(otp_verify_chain(view("x"), view_of(NULL, 3), NULL, &said, &bytes_out));
    REFUSED(otp_verify_chain(view("x"), view("{}"), NULL, &said, NULL));
#undef REFUSED
    CHECK(binding_out == NULL && engine_out == NULL && store_out == NULL && ring_out == NULL && key_out == NULL);
    CHECK(bytes_out == NULL && head.count == 0);
    CHECK(issued.outcome == 0 && verdict.outcome == 0 && challenge.state == 0);
    otp_engine_free(engine);
    otp_store_free(store);
    otp_key_ring_free(ring);
}

static void case_94_zero_length_is_empty_and_an_impossible_length_is_refused(void) {
    otp_binding_options options = sample_binding();
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    otp_binding *none = NULL;
    otp_target nothing;
    int32_t said = 0;
    SIZED(otp_chain_head, head);
    SIZED(otp_verdict, verdict);
    memset(&nothing, 0, sizeof nothing);
    options.tenant = view_of(NULL, 0);
    STATUS(OTP_STATUS_ARGUMENT, otp_binding_new(engine, &options, &none));
    CHECK(detail_names("tenant"));
    STATUS(OTP_STATUS_ARGUMENT, otp_binding_check(&options));
    CHECK(detail_names("tenant"));
    options.tenant = view_of("acme", SIZE_MAX);
    STATUS(OTP_STATUS_ARGUMENT, otp_binding_new(engine, &options, &none));
    options = sample_binding();
    options.recipient_kind = 3;
    STATUS(OTP_STATUS_ARGUMENT, otp_binding_new(engine, &options, &none));
    CHECK(detail_names("recipient_kind"));
    options.recipient_kind = OTP_RECIPIENT_MOBILE;
    options.content = view("not a digest");
    STATUS(OTP_STATUS_ARGUMENT, otp_binding_new(engine, &options, &none));
    CHECK(detail_names("content"));
    options.content = view("");
    options.content_guessable = 1;
    STATUS(OTP_STATUS_ARGUMENT, otp_binding_new(engine, &options, &none));
    CHECK(detail_names("content is empty"));
    options.content_guessable = 2;
    STATUS(OTP_STATUS_ARGUMENT, otp_binding_new(engine, &options, &none));
    CHECK(detail_names("content_guessable") && none == NULL);
    /* What no binding can name is nobody: a typing error, and not "nothing to lift". */
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_unlock(engine, store, view(""), view("7"), &said));
    CHECK(detail_names("tenant is 0 bytes"));
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_reset_user(engine, store, view("acme"), view(""), view("why"), &said));
    CHECK(detail_names("user is 0 bytes"));
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_chain_head(engine, store, view("acme"), &nothing, &head));
    CHECK(detail_names("target.model is 0 bytes"));
    /* A code is any bytes, none too; one that could not lie in memory is no code. */
    OK(otp_engine_verify(engine, store, bound_to(engine, "15"), NULL, 0, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_MALFORMED);
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_verify(engine, store, bound_to(engine, "15"), (const uint8_t *)"1", SIZE_MAX, &verdict));
    CHECK(detail_names("code"));
    {
        /* A document of five bytes that are nowhere is not "no document". */
        SIZED(otp_submission, submission);
        SIZED(otp_evidence, evidence);
        submission.binding = bound_to(engine, "15");
        submission.code = view("123456");
        submission.evidence = &evidence;
        evidence.document = view_of(NULL, 5);
        STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_submission(engine, store, &submission, &verdict));
        CHECK(detail_names("document"));
        evidence.document = view_of(NULL, 0);
        evidence.image = view_of(NULL, 5);
        STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_submission(engine, store, &submission, &verdict));
        CHECK(detail_names("image"));
    }
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_94_a_small_buffer_sets_the_needed_size_and_nothing_else(void) {
    static const uint8_t secret[20] = {1, 2, 3};
    uint8_t buffer[2048];
    size_t needed = 0, again = 0;
    otp_store *none = NULL;
    STATUS(OTP_STATUS_BUFFER_TOO_SMALL, otp_base32_encode(view_of(secret, sizeof secret), NULL, 0, &needed));
    CHECK(needed == 32);
    spoil(buffer, sizeof buffer);
    STATUS(OTP_STATUS_BUFFER_TOO_SMALL, otp_base32_encode(view_of(secret, sizeof secret), buffer, needed - 1, &again));
    CHECK(again == needed && as_spoiled(buffer, sizeof buffer));
    OK(otp_base32_encode(view_of(secret, sizeof secret), buffer, needed, &again));
    CHECK(again == needed && as_spoiled(buffer + needed, sizeof buffer - needed));

    STATUS(OTP_STATUS_ARGUMENT, otp_store_memory_new(0, 5, &none));
    STATUS(OTP_STATUS_BUFFER_TOO_SMALL, otp_error_detail(NULL, 0, &needed));
    CHECK(needed > 1 && needed < sizeof buffer);
    spoil(buffer, sizeof buffer);
    STATUS(OTP_STATUS_BUFFER_TOO_SMALL, otp_error_detail(buffer, needed - 1, &again));
    CHECK(again == needed && as_spoiled(buffer, sizeof buffer));
    OK(otp_error_detail(buffer, needed, NULL)); /* the detail is still there */
    CHECK(strlen((char *)buffer) + 1 == needed && strstr((char *)buffer, "keep_records") != NULL);
}

static void case_94_a_failed_call_writes_nothing_and_uses_up_no_attempt(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    otp_issued issued = issue(engine, store, "15"), second;
    const attempt right = attempt_at(engine, "15", (const char *)issued.code);
    SIZED(otp_challenge, challenge);
    otp_verdict verdict;
    int at;
    for (at = 0; at < 20; at++) {
        spoil(&verdict, sizeof verdict);
        verdict.struct_size = offsetof(otp_verdict, record_id) - 1;
        STATUS(OTP_STATUS_STRUCT_SIZE, otp_engine_verify(engine, store, right.binding, right.code.data, right.code.len, &verdict));
        CHECK(as_spoiled((uint8_t *)&verdict + sizeof(size_t), sizeof verdict - sizeof(size_t)));
        verdict.struct_size = sizeof verdict;
        STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify(engine, store, NULL, right.code.data, right.code.len, &verdict));
        CHECK(as_spoiled((uint8_t *)&verdict + sizeof(size_t), sizeof verdict - sizeof(size_t)));
    }
    spoil(&second, sizeof second);
    second.struct_size = 3;
    STATUS(OTP_STATUS_STRUCT_SIZE, otp_engine_issue(engine, store, right.binding, &second));
    OK(otp_engine_status(engine, store, right.binding, &challenge));
    CHECK(challenge.attempts_left == 5 && challenge.sends == 1);
    CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_95_freeing_null_is_harmless_any_number_of_times(void) {
    int at;
    for (at = 0; at < 3; at++) {
        otp_engine_free(NULL);
        otp_store_free(NULL);
        otp_key_ring_free(NULL);
        otp_signing_key_free(NULL);
        otp_bytes_free(NULL);
        otp_binding_free(NULL);
        otp_wipe(NULL, 0);
    }
    CHECK(otp_bytes_data(NULL) == NULL && otp_bytes_len(NULL) == 0);
}

static void case_9_bytes_of_no_text_a_nul_and_a_mebibyte_are_malformed(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    otp_issued issued = issue(engine, store, "15");
    const otp_binding *binding = bound_to(engine, "15");
    SIZED(otp_verdict, verdict);
    CHECK(verify(engine, store, "15", "\xFF\xFE").rejection == OTP_REJECTION_MALFORMED);
    /* A NUL never cuts a code short. */
    {
        uint8_t typed[8];
        memset(typed, 0, sizeof typed);
        memcpy(typed, issued.code, 6);
        typed[7] = 'x';
        OK(otp_engine_verify(engine, store, binding, typed, sizeof typed, &verdict));
        CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.rejection == OTP_REJECTION_MALFORMED);
    }
    /* Whatever is longer than any code is malformed too. */
    {
        size_t len = (size_t)1 << 20;
        char *long_text = (char *)malloc(len);
        CHECK(long_text != NULL);
        memset(long_text, '1', len);
        OK(otp_engine_verify(engine, store, binding, (const uint8_t *)long_text, len, &verdict));
        CHECK(verdict.rejection == OTP_REJECTION_MALFORMED);
        free(long_text);
    }
    CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_97_invalid_utf8_is_an_error_and_malformed_where_it_was_entered(void) {
    static const char *const bad[] = {"\xFF", "a\xC0\xAF", "\xED\xA0\x80", "\xE2\x82", "\xF4\x90\x80\x80"};
    static const char *const names[] = {"tenant", "purpose", "target.model", "target.field", "target.id", "user", "recipient"};
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    otp_issued issued = issue(engine, store, "15");
    otp_binding_options binding;
    otp_binding *none = NULL;
    size_t at, member;
    otp_verdict verdict;
    int32_t said = 0;
    for (at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        otp_view *members[7];
        verdict = verify(engine, store, "15", bad[at]);
        CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.rejection == OTP_REJECTION_MALFORMED);
        members[0] = &binding.tenant;
        members[1] = &binding.purpose;
        members[2] = &binding.target.model;
        members[3] = &binding.target.field;
        members[4] = &binding.target.id;
        members[5] = &binding.user;
        members[6] = &binding.recipient;
        for (member = 0; member < 7; member++) {
            binding = sample_binding();
            *members[member] = view(bad[at]);
            STATUS(OTP_STATUS_UTF8, otp_binding_new(engine, &binding, &none));
            CHECK(detail_names(names[member]));
        }
        /* A character whose halves lie in two texts, which stand side by side. */
        for (member = 0; member < 6; member++) {
            binding = sample_binding();
            *members[member] = view("front\xc3");
            *members[member + 1] = view("\xa9 rear");
            STATUS(OTP_STATUS_UTF8, otp_binding_new(engine, &binding, &none));
            CHECK(detail_names(names[member]));
        }
        STATUS(OTP_STATUS_UTF8, otp_engine_unlock(engine, store, view(bad[at]), view("7"), &said));
    }
    CHECK(none == NULL);
    CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_98_a_wrong_struct_size_is_refused(void) {
    otp_engine *engine = sample_engine(), *none = NULL;
    otp_store *store = sample_store(), *no_store = NULL;
    otp_key_ring *ring = sample_ring(), *no_ring = NULL;
    const otp_binding *known = bound_to(engine, "15");
    otp_binding *no_binding = NULL;
    otp_binding_options binding = sample_binding();
    otp_bytes *no_bytes = NULL;
    int32_t said = 0;
    size_t wrong_size;
    SIZED(otp_policy, policy);
    SIZED(otp_rate_limits, rate_limits);
    SIZED(otp_engine_options, options);
    SIZED(otp_key_ring_options, ring_options);
    SIZED(otp_host_store, table);
    SIZED(otp_issued, issued);
    SIZED(otp_challenge, challenge);
    SIZED(otp_odds, odds);
    SIZED(otp_verdict, verdict);
    SIZED(otp_evidence, evidence);
    SIZED(otp_delivery_report, report);
    SIZED(otp_expected, expected);
    SIZED(otp_submission, submission);
    SIZED(otp_erase_request, request);
    SIZED(otp_chain_head, head);
    submission.binding = known;
    submission.evidence = &evidence;
    for (wrong_size = 0; wrong_size < sizeof(size_t) + 1; wrong_size++) {
        policy.struct_size = rate_limits.struct_size = options.struct_size = ring_options.struct_size = wrong_size;
        table.struct_size = issued.struct_size = challenge.struct_size = odds.struct_size = wrong_size;
        evidence.struct_size = report.struct_size = expected.struct_size = binding.struct_size = wrong_size;
        request.struct_size = head.struct_size = wrong_size;
        verdict.struct_size = sizeof verdict;
        submission.struct_size = sizeof submission;
#define REFUSED(call) STATUS(OTP_STATUS_STRUCT_SIZE, call); CHECK(detail_names("struct_size"))
        REFUSED(otp_policy_default(&policy));
        REFUSED(otp_policy_check(&policy));
        REFUSED(otp_rate_limits_default(&rate_limits));
        REFUSED(otp_engine_new(ring, &options, &none));
        REFUSED(otp_key_ring_new(&ring_options, &no_ring));
        REFUSED(otp_store_host_new(&table, &no_store));
        REFUSED(otp_binding_check(&binding));
        REFUSED(otp_binding_new(engine, &binding, &no_binding));
        REFUSED(otp_engine_issue(engine, store, known, &issued));
        REFUSED(otp_engine_status(engine, store, known, &challenge));
        REFUSED(otp_engine_odds(engine, &odds));
        REFUSED(otp_engine_report_delivery(engine, store, known, &report, &said));
        REFUSED(otp_engine_claim_send(engine, store, known, view("x"), 1, &issued));
        REFUSED(otp_engine_verify_submission(engine, store, &submission, &verdict));
        submission.struct_size = wrong_size;
        REFUSED(otp_engine_verify_submission(engine, store, &submission, &verdict));
        REFUSED(otp_engine_erase(engine, store, &request, &no_bytes));
        REFUSED(otp_engine_chain_head(engine, store, view("x"), &binding.target, &head));
        REFUSED(otp_verify_record(view("x"), view("{}"), &expected, &said, &no_bytes));
        verdict.struct_size = wrong_size;
        REFUSED(otp_engine_verify(engine, store, known, NULL, 0, &verdict));
#undef REFUSED
    }
    CHECK(none == NULL && no_ring == NULL && no_store == NULL && no_bytes == NULL && no_binding == NULL);
    otp_engine_free(engine);
    otp_store_free(store);
    otp_key_ring_free(ring);
}

static void case_98_a_later_and_longer_structure_is_served_and_its_tail_left_alone(void) {
    typedef struct {
        otp_issued known;
        uint8_t tail[64];
    } later_issued;
    typedef struct {
        otp_binding_options known;
        uint8_t tail[64];
    } later_binding;
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    later_issued issued;
    later_binding binding;
    otp_binding *made = NULL;
    spoil(&binding, sizeof binding);
    binding.known = sample_binding();
    binding.known.struct_size = sizeof binding;
    OK(otp_binding_new(engine, &binding.known, &made));
    spoil(&issued, sizeof issued);
    issued.known.struct_size = sizeof issued;
    OK(otp_engine_issue(engine, store, made, &issued.known));
    CHECK(issued.known.outcome == OTP_OUTCOME_ISSUED && issued.known.send == 1);
    CHECK(issued.known.struct_size == sizeof issued); /* the caller's own size stays */
    CHECK(as_spoiled(issued.tail, sizeof issued.tail));
    otp_binding_free(made);
    otp_engine_free(engine);
    otp_store_free(store);
}

int main(void) {
    spoil(untouched, sizeof untouched);
    case_94_null_is_an_error_of_every_function_that_can_fail();
    case_94_zero_length_is_empty_and_an_impossible_length_is_refused();
    case_94_a_small_buffer_sets_the_needed_size_and_nothing_else();
    case_94_a_failed_call_writes_nothing_and_uses_up_no_attempt();
    case_95_freeing_null_is_harmless_any_number_of_times();
    case_9_bytes_of_no_text_a_nul_and_a_mebibyte_are_malformed();
    case_97_invalid_utf8_is_an_error_and_malformed_where_it_was_entered();
    case_98_a_wrong_struct_size_is_refused();
    case_98_a_later_and_longer_structure_is_served_and_its_tail_left_alone();
    return done("misuse");
}
