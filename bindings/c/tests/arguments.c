/* What arrives as it was meant: sizes of items, flags, and what a client or a gateway wrote. */
#include "check.h"

/* Items as an earlier and as a later header have them: smaller and larger. */
#define OLDER_ISSUED offsetof(otp_issued, valid_for)
#define OLDER_VERDICT offsetof(otp_verdict, record_id)
#define OLDER_SUBMISSION offsetof(otp_submission, challenge_id)

typedef struct {
    otp_issued known;
    uint64_t tail[3];
} later_issued;

typedef struct {
    otp_verdict known;
    uint64_t tail[5];
} later_verdict;

typedef struct {
    otp_submission known;
    uint64_t tail[2];
} later_submission;

static void case_294_items_of_a_batch_are_as_large_as_the_caller_says(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    later_issued issued[3];
    later_verdict verdicts[3];
    later_submission submissions[2];
    const otp_binding *bindings[2];
    size_t at;
    bindings[0] = bound_to(engine, "1");
    bindings[1] = bound_to(engine, "2");
    memset(issued, 0xEE, sizeof issued);
    OK(otp_engine_issue_many(engine, store, bindings, 2, &issued[0].known, sizeof issued[0]));
    for (at = 0; at < 2; at++) {
        CHECK(issued[at].known.struct_size == sizeof issued[0]);
        CHECK(issued[at].known.outcome == OTP_OUTCOME_ISSUED && issued[at].known.send == 1);
        CHECK(strlen((const char *)issued[at].known.code) == 6);
        CHECK(issued[at].tail[0] == 0 && issued[at].tail[2] == 0); /* unknown to this library */
    }
    CHECK(((uint8_t *)&issued[2])[0] == 0xEE); /* behind the last one */

    memset(submissions, 0xEE, sizeof submissions);
    for (at = 0; at < 2; at++) {
        memset(&submissions[at].known, 0, sizeof submissions[at].known); /* their struct_size is not read */
        submissions[at].known.binding = bindings[at];
    }
    submissions[0].known.code = view(wrong(&issued[0].known));
    submissions[1].known.code = view((const char *)issued[1].known.code);
    memset(verdicts, 1, sizeof verdicts); /* an outcome of 0x01010101, and OTP_OUTCOME_ACCEPTED is 1 */
    OK(otp_engine_verify_many(engine, store, &submissions[0].known, sizeof submissions[0], 2, &verdicts[0].known,
                              sizeof verdicts[0]));
    CHECK(verdicts[0].known.outcome == OTP_OUTCOME_REJECTED && verdicts[0].known.rejection == OTP_REJECTION_WRONG);
    CHECK(verdicts[1].known.outcome == OTP_OUTCOME_ACCEPTED && verdicts[1].known.struct_size == sizeof verdicts[0]);
    CHECK(verdicts[0].tail[0] == 0 && verdicts[1].tail[4] == 0);
    CHECK(((uint8_t *)&verdicts[2])[0] == 1);
    otp_engine_free(engine);
    otp_store_free(store);
}

/* As a program that was compiled with an earlier header reads and writes them: by its own offsets. */
static void case_294_a_caller_with_smaller_items_is_served(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    union {
        uint8_t bytes[3 * OLDER_ISSUED];
        uint64_t aligned;
    } issued;
    union {
        uint8_t bytes[3 * OLDER_VERDICT];
        uint64_t aligned;
    } verdicts;
    union {
        uint8_t bytes[2 * OLDER_SUBMISSION];
        uint64_t aligned;
    } submissions;
    const otp_binding *bindings[2];
    otp_submission submission;
    otp_issued one;
    otp_verdict verdict;
    size_t at;
    bindings[0] = bound_to(engine, "1");
    bindings[1] = bound_to(engine, "2");
    memset(issued.bytes, 0xEE, sizeof issued.bytes);
    OK(otp_engine_issue_many(engine, store, bindings, 2, (otp_issued *)issued.bytes, OLDER_ISSUED));
    memset(&submission, 0, sizeof submission);
    for (at = 0; at < 2; at++) {
        memset(&one, 0, sizeof one);
        memcpy(&one, issued.bytes + at * OLDER_ISSUED, OLDER_ISSUED);
        CHECK(one.struct_size == OLDER_ISSUED && one.outcome == OTP_OUTCOME_ISSUED && one.send == 1);
        CHECK(strlen((const char *)one.code) == 6 && strcmp((const char *)one.recipient, "60123456789") == 0);
        submission.binding = bindings[at];
        submission.code = view_of(issued.bytes + at * OLDER_ISSUED + offsetof(otp_issued, code), 6);
        memcpy(submissions.bytes + at * OLDER_SUBMISSION, &submission, OLDER_SUBMISSION);
    }
    for (at = 2 * OLDER_ISSUED; at < sizeof issued.bytes; at++) CHECK(issued.bytes[at] == 0xEE);

    memset(verdicts.bytes, 0xEE, sizeof verdicts.bytes);
    OK(otp_engine_verify_many(engine, store, (const otp_submission *)submissions.bytes, OLDER_SUBMISSION, 2,
                              (otp_verdict *)verdicts.bytes, OLDER_VERDICT));
    for (at = 0; at < 2; at++) {
        memset(&verdict, 0, sizeof verdict);
        memcpy(&verdict, verdicts.bytes + at * OLDER_VERDICT, OLDER_VERDICT);
        CHECK(verdict.struct_size == OLDER_VERDICT && verdict.status == OTP_STATUS_OK);
        CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record == NULL);
    }
    for (at = 2 * OLDER_VERDICT; at < sizeof verdicts.bytes; at++) CHECK(verdicts.bytes[at] == 0xEE);

    /* Alone too. */
    submission.struct_size = OLDER_SUBMISSION;
    memset(&verdict, 0xEE, sizeof verdict);
    verdict.struct_size = OLDER_VERDICT;
    OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_ALREADY_USED && verdict.challenge_id[0] == 0xEE);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_294_an_item_size_that_cannot_be_is_refused_and_nothing_happens(void) {
    static const size_t bad[] = {0, 1, OLDER_ISSUED - 8, sizeof(otp_issued) + 1, 65536, SIZE_MAX};
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    otp_issued issued[2];
    otp_verdict verdicts[2];
    const otp_binding *binding = bound_to(engine, "15");
    size_t at;
    SIZED(otp_submission, submission);
    SIZED(otp_challenge, challenge);
    submission.binding = binding;
    memset(issued, 0xEE, sizeof issued);
    memset(verdicts, 0xEE, sizeof verdicts);
    for (at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        STATUS(OTP_STATUS_STRUCT_SIZE, otp_engine_issue_many(engine, store, &binding, 1, issued, bad[at]));
        CHECK(detail_names("issued_size"));
    }
    STATUS(OTP_STATUS_STRUCT_SIZE, otp_engine_verify_many(engine, store, &submission, sizeof submission, 1, verdicts,
                                                          OLDER_VERDICT - 8));
    CHECK(detail_names("verdict_size"));
    STATUS(OTP_STATUS_STRUCT_SIZE, otp_engine_verify_many(engine, store, &submission, OLDER_SUBMISSION - 8, 1,
                                                          verdicts, sizeof *verdicts));
    CHECK(detail_names("submission_size"));
    CHECK(((uint8_t *)issued)[0] == 0xEE && ((uint8_t *)verdicts)[0] == 0xEE);
    OK(otp_engine_status(engine, store, binding, &challenge));
    CHECK(challenge.state == OTP_CHALLENGE_STATE_NONE);
    otp_engine_free(engine);
    otp_store_free(store);
}

/* An empty list of C++ has no address. */
static void case_612_a_batch_of_none_needs_no_array(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    OK(otp_engine_issue_many(engine, store, NULL, 0, NULL, sizeof(otp_issued)));
    OK(otp_engine_verify_many(engine, store, NULL, sizeof(otp_submission), 0, NULL, sizeof(otp_verdict)));
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_issue_many(NULL, store, NULL, 0, NULL, sizeof(otp_issued)));
    CHECK(detail_names("engine"));
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_verify_many(engine, NULL, NULL, sizeof(otp_submission), 0, NULL, sizeof(otp_verdict)));
    CHECK(detail_names("store"));
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_294_keys_of_a_ring_lie_as_far_apart_as_the_caller_says(void) {
    static const char first[] = "a code secret of thirty-two bytes", second[] = "another secret of thirty-two byte",
                      index[] = "an index secret of thirty-two b.";
    struct {
        otp_code_key known;
        uint64_t tail[2];
    } keys[2];
    otp_key_ring *ring = NULL;
    SIZED(otp_key_ring_options, options);
    memset(keys, 0xEE, sizeof keys);
    memset(&keys[0].known, 0, sizeof keys[0].known);
    memset(&keys[1].known, 0, sizeof keys[1].known);
    keys[0].known.kid = view("2026a");
    keys[0].known.secret = view(first);
    keys[1].known.kid = view("2026b");
    keys[1].known.secret = view(second);
    options.codes = &keys[0].known;
    options.code_count = 2;
    options.current = view("2026b");
    options.index = view(index);
    STATUS(OTP_STATUS_STRUCT_SIZE, otp_key_ring_new(&options, &ring)); /* nobody said how large */
    CHECK(detail_names("code_size"));
    options.code_size = sizeof keys[0].known - 8;
    STATUS(OTP_STATUS_STRUCT_SIZE, otp_key_ring_new(&options, &ring));
    options.code_size = sizeof keys[0];
    OK(otp_key_ring_new(&options, &ring));
    otp_key_ring_free(ring);
}

static void case_284_a_flag_is_0_or_1_and_a_send_1_to_255(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    const otp_binding *plain = bound_to(engine, "15");
    otp_key_ring *ring = sample_ring(), *no_ring = NULL;
    otp_engine *no_engine = NULL;
    otp_bytes *text = NULL;
    otp_code_key key;
    int32_t said = 0;
    SIZED(otp_delivery_report, report);
    SIZED(otp_expected, expected);
    SIZED(otp_chain_head, head);
    SIZED(otp_engine_options, options);
    SIZED(otp_key_ring_options, keys);
    report.delivered = 1;
    report.send = 0;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_report_delivery(engine, store, plain, &report, &said));
    CHECK(detail_names("send"));
    report.send = 256 + 1; /* not 1 */
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_report_delivery(engine, store, plain, &report, &said));
    CHECK(detail_names("send"));
    expected.chain_head = &head; /* not: compare nothing */
    STATUS(OTP_STATUS_ARGUMENT, otp_verify_record(view("a.b.c"), view("{\"keys\":[]}"), &expected, &said, &text));
    CHECK(detail_names("chain_head"));
    options.fibers = 2;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_new(ring, &options, &no_engine));
    CHECK(detail_names("fibers"));
    memset(&key, 0, sizeof key);
    key.kid = view("2026a");
    key.secret = view("a code secret of thirty-two bytes");
    key.is_retired = 256;
    keys.codes = &key;
    keys.code_count = 1;
    keys.code_size = sizeof key;
    keys.index = view("an index secret of thirty-two b.");
    STATUS(OTP_STATUS_ARGUMENT, otp_key_ring_new(&keys, &no_ring));
    CHECK(detail_names("is_retired"));
    CHECK(text == NULL && no_engine == NULL && no_ring == NULL);
    otp_key_ring_free(ring);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_292_a_challenge_id_that_is_none_is_a_rejection(void) {
    static const char *const ids[] = {"gen_839210", "no challenge has such a name.", "0123456789ABCDEFGHIJKLMNOP",
                                      "\xFF\xFE", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"};
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    otp_issued issued = issue(engine, store, "15");
    size_t at;
    for (at = 0; at < sizeof ids / sizeof ids[0]; at++) {
        const otp_binding *binding = bound_to(engine, "15");
        SIZED(otp_submission, submission);
        SIZED(otp_verdict, verdict);
        SIZED(otp_delivery_report, report);
        int32_t said = 0;
        submission.binding = binding;
        submission.code = view((const char *)issued.code);
        submission.challenge_id = view(ids[at]);
        OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
        CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.public_rejection == OTP_PUBLIC_REJECTION_INVALID);
        report.send = 1;
        report.delivered = 1;
        memcpy(report.challenge_id, ids[at], strlen(ids[at]) < 26 ? strlen(ids[at]) : 26);
        OK(otp_engine_report_delivery(engine, store, binding, &report, &said));
        CHECK(said == 3);
    }
    CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_293_a_gateway_says_what_it_likes(void) {
    static const struct { const char *said, *kept; } statuses[] = {
        {"INVALID_", "INVAL"}, {"no way", "noway"}, {"\xFF\xFE", ""}, {"1\t0", "10"}, {"", ""}};
    size_t at;
    for (at = 0; at < sizeof statuses / sizeof statuses[0]; at++) {
        otp_engine *engine = sample_engine();
        otp_store *store = sample_store();
        otp_issued issued = issue(engine, store, "15");
        const otp_binding *plain = bound_to(engine, "15");
        int32_t said = 0;
        SIZED(otp_delivery_report, report);
        SIZED(otp_challenge, challenge);
        memcpy(report.challenge_id, issued.challenge_id, sizeof report.challenge_id);
        memcpy(report.gateway_status, statuses[at].said, strlen(statuses[at].said));
        report.send = issued.send;
        OK(otp_engine_report_delivery(engine, store, plain, &report, &said));
        CHECK(said == 2);
        OK(otp_engine_status(engine, store, plain, &challenge));
        CHECK(challenge.delivery == OTP_DELIVERY_FAILED);
        CHECK(strcmp((const char *)challenge.gateway_status, statuses[at].kept) == 0);
        otp_engine_free(engine);
        otp_store_free(store);
    }
}

static void case_295_a_path_that_is_no_file_is_refused_by_name(void) {
    static const char *const paths[] = {":memory:", "file::memory:?cache=shared", "", "file:cells.db"};
    otp_store *store = NULL;
    size_t at;
    for (at = 0; at < sizeof paths / sizeof paths[0]; at++) {
        STATUS(OTP_STATUS_ARGUMENT,
               otp_store_sqlite_open(view(paths[at]), &store));
        CHECK(detail_names("path") && store == NULL);
    }
}

static void a_zeroed_policy_is_refused_and_the_way_out_is_named(void) {
    SIZED(otp_policy, policy);
    policy.max_attempts = 3;
    STATUS(OTP_STATUS_ARGUMENT, otp_policy_check(&policy));
    CHECK(detail_names("policy.code is 0") && detail_names("OTP_CODE_DIGITS (1)"));
    CHECK(detail_names("otp_policy_default"));
    policy.code = OTP_CODE_DIGITS;
    STATUS(OTP_STATUS_ARGUMENT, otp_policy_check(&policy));
    CHECK(detail_names("policy.resend is 0") && detail_names("OTP_RESEND_SAME (1)"));
    CHECK(detail_names("otp_policy_default"));
    OK(otp_policy_default(&policy));
    policy.max_attempts = 3;
    OK(otp_policy_check(&policy));
}

static void case_652_secrets_of_zeros_are_refused_by_name(void) {
    static const uint8_t zeros[32] = {0};
    otp_key_ring *ring = NULL;
    otp_signing_key *signing = NULL;
    otp_code_key key;
    SIZED(otp_key_ring_options, options);
    memset(&key, 0, sizeof key);
    key.kid = view("2026a");
    key.secret = view_of(zeros, sizeof zeros);
    options.codes = &key;
    options.code_count = 1;
    options.code_size = sizeof key;
    options.index = view("an index secret of thirty-two b.");
    STATUS(OTP_STATUS_KEY, otp_key_ring_new(&options, &ring));
    CHECK(detail_names("the code secret 2026a is all zero bytes"));
    key.secret = view("a code secret of thirty-two bytes");
    options.index = view_of(zeros, sizeof zeros);
    STATUS(OTP_STATUS_KEY, otp_key_ring_new(&options, &ring));
    CHECK(detail_names("the index secret is all zero bytes"));
    STATUS(OTP_STATUS_KEY, otp_signing_key_from_seed(view_of(zeros, sizeof zeros), &signing));
    CHECK(detail_names("all zero bytes") && ring == NULL && signing == NULL);
}

static void case_654_a_number_is_told_as_it_was_given(void) {
    static const uint32_t huge[] = {256, 65536, 4294967295u};
    static const char *const told[] = {" 256", " 65536", " 4294967295"};
    size_t at;
    for (at = 0; at < 3; at++) {
        uint8_t number[16];
        size_t needed = 0;
        otp_hotp *hotp = NULL;
        otp_totp *totp = NULL;
        const otp_view secret = view("12345678901234567890");
        SIZED(otp_credential, credential);
        STATUS(OTP_STATUS_ARGUMENT, otp_hotp_new(secret, OTP_HASH_SHA1, huge[at], 0, &hotp));
        CHECK(detail_names("digits is") && detail_names(told[at]) && detail_names("6 to 10"));
        STATUS(OTP_STATUS_ARGUMENT, otp_totp_new(secret, OTP_HASH_SHA1, huge[at], 30, &totp));
        CHECK(detail_names("digits is") && detail_names(told[at]));
        credential.kind = OTP_CREDENTIAL_TOTP;
        credential.hash = OTP_HASH_SHA1;
        credential.period = 30;
        credential.digits = huge[at];
        memcpy(credential.secret, "12345678901234567890", 20);
        credential.secret_len = 20;
        memcpy(credential.account, "a", 2);
        STATUS(OTP_STATUS_ARGUMENT, otp_uri_build(&credential, number, sizeof number, &needed));
        CHECK(detail_names("digits is") && detail_names(told[at]));
        CHECK(hotp == NULL && totp == NULL);
        if (huge[at] < 1000) continue;
        STATUS(OTP_STATUS_ARGUMENT, otp_mobile_parse(view("0123456789"), huge[at], number, sizeof number, &needed));
        CHECK(detail_names("country code must be from 1 to 999, not") && detail_names(told[at]));
    }
}

static void a_count_of_codes_has_a_bound_at_both_ends(void) {
    otp_key_ring *ring = NULL;
    otp_code_key codes[1];
    SIZED(otp_key_ring_options, options);
    memset(codes, 0, sizeof codes);
    options.codes = codes;
    options.code_size = sizeof codes[0];
    STATUS(OTP_STATUS_ARGUMENT, otp_key_ring_new(&options, &ring));
    CHECK(detail_names("code_count is 0; it must be 1 to 64"));
    options.code_count = 65;
    STATUS(OTP_STATUS_ARGUMENT, otp_key_ring_new(&options, &ring));
    CHECK(detail_names("code_count is 65; it must be 1 to 64") && ring == NULL);
}

int main(void) {
    case_294_items_of_a_batch_are_as_large_as_the_caller_says();
    case_294_a_caller_with_smaller_items_is_served();
    case_294_an_item_size_that_cannot_be_is_refused_and_nothing_happens();
    case_612_a_batch_of_none_needs_no_array();
    case_294_keys_of_a_ring_lie_as_far_apart_as_the_caller_says();
    case_284_a_flag_is_0_or_1_and_a_send_1_to_255();
    case_292_a_challenge_id_that_is_none_is_a_rejection();
    case_293_a_gateway_says_what_it_likes();
    case_295_a_path_that_is_no_file_is_refused_by_name();
    a_zeroed_policy_is_refused_and_the_way_out_is_named();
    case_652_secrets_of_zeros_are_refused_by_name();
    case_654_a_number_is_told_as_it_was_given();
    a_count_of_codes_has_a_bound_at_both_ends();
    return done("arguments");
}
