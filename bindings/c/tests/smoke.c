/* Every function of the header, on a memory store. C99 and C++11 alike. */
#include "check.h"

/* What an engine with callbacks has told. */
typedef struct {
    int64_t now;
    int has_time;
    int clock_drops, observer_drops;
    unsigned events;
    int32_t last;
    char recipient[64];
} witness;

static int32_t tell_time(void *user_data, int64_t *unix_seconds_out) {
    witness *told = (witness *)user_data;
    *unix_seconds_out = told->now;
    return told->has_time;
}

static void take_note(void *user_data, const otp_event *event) {
    witness *told = (witness *)user_data;
    CHECK(event->struct_size == sizeof(otp_event));
    CHECK(event->at == told->now);
    told->events++;
    told->last = event->kind;
    if (event->recipient.len > 0 && event->recipient.len < sizeof told->recipient) {
        memcpy(told->recipient, event->recipient.data, event->recipient.len);
        told->recipient[event->recipient.len] = 0;
    }
}

static void drop_clock(void *user_data) { ((witness *)user_data)->clock_drops++; }

static void drop_observer(void *user_data) { ((witness *)user_data)->observer_drops++; }

static otp_engine *witnessed_engine(witness *told, const otp_signing_key *key, const otp_policy *policy) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL;
    SIZED(otp_engine_options, options);
    options.policy = policy;
    options.signing_key = key;
    options.clock.now = tell_time;
    options.clock.user_data = told;
    options.clock.drop_user_data = drop_clock;
    options.observer.observe = take_note;
    options.observer.user_data = told;
    options.observer.drop_user_data = drop_observer;
    OK(otp_engine_new(ring, &options, &engine));
    otp_key_ring_free(ring);
    return engine;
}

static witness new_witness(void) {
    witness told;
    memset(&told, 0, sizeof told);
    told.now = 1790000000;
    told.has_time = 1;
    return told;
}

static void every_status_has_a_text_of_its_own(void) {
    const int32_t known[] = {0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 31};
    const char *unknown = otp_status_text(-1);
    size_t at, other;
    CHECK(strcmp(otp_status_text(INT32_MAX), unknown) == 0);
    for (at = 0; at < sizeof known / sizeof known[0]; at++) {
        CHECK(strcmp(otp_status_text(known[at]), unknown) != 0);
        for (other = 0; other < at; other++) {
            CHECK(strcmp(otp_status_text(known[at]), otp_status_text(known[other])) != 0);
        }
    }
}

static void policy_and_rate_limits_are_filled_checked_and_refused_by_name(void) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL, *strict = NULL;
    SIZED(otp_policy, policy);
    SIZED(otp_rate_limits, rate_limits);
    SIZED(otp_engine_options, options);
    OK(otp_policy_default(&policy));
    OK(otp_rate_limits_default(&rate_limits));
    CHECK(policy.struct_size == sizeof policy && rate_limits.struct_size == sizeof rate_limits);
    CHECK(policy.code == OTP_CODE_DIGITS && policy.symbols == 6 && policy.validity == 180);
    CHECK(policy.max_attempts == 5 && policy.cooldown == 60 && policy.resend == OTP_RESEND_SAME);
    CHECK(rate_limits.unlimited == 0 && rate_limits.user_failures_per_day == 15);
    OK(otp_policy_check(&policy));
    policy.max_attempts = 10;
    OK(otp_policy_check(&policy));
    policy.max_attempts = 11;
    STATUS(OTP_STATUS_POLICY, otp_policy_check(&policy));
    CHECK(detail_names("11"));
    policy.max_attempts = 300; /* does not fit the core's type */
    STATUS(OTP_STATUS_POLICY, otp_policy_check(&policy));
    CHECK(detail_names("max_attempts is 300; it must be 1 to 10"));
    options.policy = &policy;
    STATUS(OTP_STATUS_POLICY, otp_engine_new(ring, &options, &engine));
    CHECK(engine == NULL);
    policy.max_attempts = 5;
    policy.code = 77; /* an unknown number */
    CHECK(otp_policy_check(&policy) != OTP_STATUS_OK);
    policy.code = OTP_CODE_DIGITS;
    rate_limits.user_failures_per_day = 33;
    options.rate_limits = &rate_limits;
    STATUS(OTP_STATUS_POLICY, otp_engine_new(ring, &options, &engine));
    rate_limits.user_failures_per_day = 4711;
    STATUS(OTP_STATUS_POLICY, otp_engine_new(ring, &options, &engine));
    CHECK(detail_names("user_failures_per_day is 4711; it must be 1 to 32"));
    rate_limits.user_failures_per_day = 32;
    OK(otp_engine_new(ring, &options, &engine));
    policy.symbols = 8;
    OK(otp_engine_with_policy(engine, &policy, &strict));
    {
        otp_store *store = sample_store();
        otp_issued issued = issue(strict, store, "15");
        CHECK(issued.outcome == OTP_OUTCOME_ISSUED && strlen((const char *)issued.code) == 8);
        otp_store_free(store);
    }
    otp_engine_free(engine); /* the sibling lives on */
    {
        SIZED(otp_odds, odds);
        otp_bytes *findings = NULL;
        OK(otp_engine_odds(strict, &odds));
        CHECK(odds.per_code > 0.0 && odds.per_code < 0.001);
        CHECK(odds.per_day >= odds.per_code && odds.per_year >= odds.per_day && odds.per_year <= 1.0);
        OK(otp_engine_findings(strict, &findings));
        CHECK(findings != NULL);
        otp_bytes_free(findings);
        OK(otp_recipient_findings(2, &findings));
        CHECK(bytes_hold(findings, "3.1.3.1"));
        otp_bytes_free(findings);
        STATUS(OTP_STATUS_ARGUMENT, otp_recipient_findings(3, &findings));
    }
    otp_engine_free(strict);
    otp_key_ring_free(ring);
}

static void a_weak_or_missing_secret_is_refused(void) {
    otp_key_ring *ring = NULL;
    otp_code_key code;
    SIZED(otp_key_ring_options, options);
    memset(&code, 0, sizeof code);
    code.kid = view("k");
    code.secret = view("thirty-one bytes, one too few..");
    options.codes = &code;
    options.code_count = 1;
    options.code_size = sizeof(otp_code_key);
    options.index = view("an index secret of thirty-two b.");
    CHECK(code.secret.len == 31);
    STATUS(OTP_STATUS_KEY, otp_key_ring_new(&options, &ring));
    CHECK(detail_names("31") && !detail_names("too few"));
    code.secret = view("an index secret of thirty-two b."); /* one key, two uses */
    STATUS(OTP_STATUS_KEY, otp_key_ring_new(&options, &ring));
    code.secret = view("thirty-two bytes, just enough...");
    options.index = view("");
    STATUS(OTP_STATUS_KEY, otp_key_ring_new(&options, &ring));
    CHECK(ring == NULL);
}

static void the_main_job(void) {
    witness told = new_witness();
    otp_engine *engine = witnessed_engine(&told, NULL, NULL);
    otp_store *store = sample_store();
    const otp_binding *plain = bound_to(engine, "15");
    otp_issued issued = issue(engine, store, "15"), refused, again;
    otp_verdict verdict;
    SIZED(otp_challenge, challenge);
    SIZED(otp_delivery_report, report);
    int32_t said = 0;

    CHECK(issued.outcome == OTP_OUTCOME_ISSUED && issued.refusal_reason == OTP_REFUSAL_REASON_NONE && issued.status == 0);
    CHECK(strlen((const char *)issued.code) == 6 && strlen((const char *)issued.challenge_id) == 26);
    CHECK(strcmp((const char *)issued.recipient, "60123456789") == 0);
    CHECK(issued.send == 1 && issued.issued_at == told.now && issued.expires_at == told.now + 180);
    CHECK(told.last == OTP_EVENT_KIND_ISSUED && told.events == 1);
    CHECK(told.recipient[0] != 0 && strstr(told.recipient, "60123456789") == NULL);

    refused = issue(engine, store, "15");
    CHECK(refused.outcome == OTP_OUTCOME_REFUSED && refused.refusal_reason == OTP_REFUSAL_REASON_COOLDOWN);
    CHECK(refused.has_retry_at == 1 && refused.retry_at == told.now + 60 && refused.code[0] == 0);

    report.send = issued.send;
    report.delivered = 1;
    memcpy(report.challenge_id, issued.challenge_id, sizeof report.challenge_id);
    OK(otp_engine_report_delivery(engine, store, plain, &report, &said));
    CHECK(said == OTP_REPORT_OUTCOME_RECORDED);
    OK(otp_engine_report_delivery(engine, store, plain, &report, &said));
    CHECK(said == OTP_REPORT_OUTCOME_IGNORED); /* a second report of one send */
    report.delivered = 2;
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_report_delivery(engine, store, plain, &report, &said));
    CHECK(detail_names("delivered"));

    told.now += 60;
    again = issue(engine, store, "15");
    CHECK(again.outcome == OTP_OUTCOME_ISSUED && again.send == 2);
    CHECK(memcmp(again.code, issued.code, sizeof issued.code) == 0);
    report.delivered = 0;
    report.send = 2;
    memcpy(report.gateway_status, "E007", 5);
    OK(otp_engine_report_delivery(engine, store, plain, &report, &said));
    CHECK(said == 2);

    OK(otp_engine_status(engine, store, plain, &challenge));
    CHECK(challenge.state == OTP_CHALLENGE_STATE_PENDING && challenge.attempts_left == 5);
    CHECK(challenge.delivery == OTP_DELIVERY_FAILED);
    CHECK(strcmp((const char *)challenge.gateway_status, "E007") == 0);
    CHECK(memcmp(challenge.challenge_id, issued.challenge_id, sizeof issued.challenge_id) == 0);

    verdict = verify(engine, store, "15", wrong(&issued));
    CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.rejection == OTP_REJECTION_WRONG);
    CHECK(verdict.public_rejection == OTP_PUBLIC_REJECTION_INVALID && verdict.attempts_left == 4);
    verdict = verify(engine, store, "15", "12345");
    CHECK(verdict.rejection == OTP_REJECTION_MALFORMED);
    CHECK(verdict.public_rejection == OTP_PUBLIC_REJECTION_MALFORMED);
    verdict = verify(engine, store, "16", (const char *)issued.code);
    CHECK(verdict.outcome == OTP_OUTCOME_REJECTED);
    verdict = verify(engine, store, "15", (const char *)issued.code);
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.rejection == OTP_REJECTION_NONE);
    CHECK(verdict.verified_at == told.now && verdict.record == NULL && verdict.record_sequence == 0);
    CHECK(told.last == OTP_EVENT_KIND_ACCEPTED);
    verdict = verify(engine, store, "15", (const char *)issued.code);
    CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.rejection == OTP_REJECTION_ALREADY_USED);

    OK(otp_engine_status(engine, store, plain, &challenge));
    CHECK(challenge.state == OTP_CHALLENGE_STATE_VERIFIED);
    otp_wipe(issued.code, sizeof issued.code);
    CHECK(issued.code[0] == 0 && issued.code[5] == 0);

    otp_engine_free(engine);
    otp_store_free(store);
    CHECK(told.clock_drops == 1 && told.observer_drops == 1);
}

static void case_518_a_send_that_waited_in_a_queue_is_claimed_once(void) {
    witness told = new_witness();
    otp_engine *engine = witnessed_engine(&told, NULL, NULL);
    otp_store *store = sample_store();
    const otp_binding *plain = bound_to(engine, "15");
    otp_issued issued = issue(engine, store, "15");
    otp_view id = view((const char *)issued.challenge_id);
    SIZED(otp_issued, claimed);
    SIZED(otp_challenge, challenge);
    told.now += 50;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_claim_send(engine, store, plain, id, 0, &claimed));
    CHECK(detail_names("send"));
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_claim_send(engine, store, plain, id, 256 + 1, &claimed));
    CHECK(detail_names("send") && claimed.outcome == OTP_OUTCOME_NONE);
    OK(otp_engine_claim_send(engine, store, plain, view("no such challenge"), 1, &claimed));
    CHECK(claimed.outcome == OTP_OUTCOME_REFUSED && claimed.refusal_reason == OTP_REFUSAL_REASON_SUPERSEDED);
    OK(otp_engine_claim_send(engine, store, plain, id, 2, &claimed));
    CHECK(claimed.refusal_reason == OTP_REFUSAL_REASON_UNKNOWN && claimed.code[0] == 0);
    OK(otp_engine_claim_send(engine, store, plain, id, 1, &claimed));
    CHECK(claimed.outcome == OTP_OUTCOME_ISSUED && claimed.refusal_reason == OTP_REFUSAL_REASON_NONE);
    CHECK(memcmp(claimed.code, issued.code, sizeof issued.code) == 0);
    CHECK(memcmp(claimed.challenge_id, issued.challenge_id, sizeof issued.challenge_id) == 0);
    CHECK(memcmp(claimed.recipient, issued.recipient, sizeof issued.recipient) == 0);
    CHECK(claimed.send == 1 && claimed.issued_at == issued.issued_at && claimed.expires_at == issued.expires_at);
    CHECK(claimed.valid_for == 130 && claimed.minutes == 2);
    CHECK(told.last == OTP_EVENT_KIND_CLAIMED);
    OK(otp_engine_status(engine, store, plain, &challenge));
    CHECK(challenge.delivery == OTP_DELIVERY_CLAIMED);
    OK(otp_engine_claim_send(engine, store, plain, id, 1, &claimed));
    CHECK(claimed.outcome == OTP_OUTCOME_REFUSED && claimed.refusal_reason == OTP_REFUSAL_REASON_CLAIMED);
    CHECK(claimed.code[0] == 0 && claimed.recipient[0] == 0 && claimed.has_retry_at == 0);
    told.now += 130;
    OK(otp_engine_claim_send(engine, store, plain, id, 1, &claimed));
    CHECK(claimed.refusal_reason == OTP_REFUSAL_REASON_EXPIRED);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void a_code_expires_by_the_hosts_clock(void) {
    witness told = new_witness();
    otp_engine *engine = witnessed_engine(&told, NULL, NULL);
    otp_store *store = sample_store();
    otp_issued issued = issue(engine, store, "15"), later;
    attempt given = attempt_at(engine, "15", (const char *)issued.code);
    SIZED(otp_verdict, verdict);
    told.now += 179;
    later = issue(engine, store, "16");
    CHECK(later.outcome == OTP_OUTCOME_ISSUED);
    told.now += 1;
    CHECK(verify(engine, store, "15", (const char *)issued.code).rejection == OTP_REJECTION_EXPIRED);
    told.now += 178;
    CHECK(verify(engine, store, "16", (const char *)later.code).outcome == OTP_OUTCOME_ACCEPTED);
    told.has_time = 0;
    STATUS(OTP_STATUS_CLOCK, otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len, &verdict));
    told.has_time = 2; /* neither 0 nor 1 */
    STATUS(OTP_STATUS_CLOCK, otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_NONE);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void cancel_unlock_and_purge(void) {
    witness told = new_witness();
    otp_engine *engine = witnessed_engine(&told, NULL, NULL);
    otp_store *store = sample_store();
    const otp_binding *plain = bound_to(engine, "15");
    otp_issued issued = issue(engine, store, "15");
    int32_t said = -1;
    uint64_t dropped = 0;
    int at;
    OK(otp_engine_cancel(engine, store, plain, &said));
    CHECK(said == 1);
    OK(otp_engine_cancel(engine, store, plain, &said));
    CHECK(said == 0);
    CHECK(verify(engine, store, "15", (const char *)issued.code).rejection == OTP_REJECTION_CANCELLED);

    issued = issue(engine, store, "16");
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
    for (at = 0; at < 5; at++) {
        otp_verdict verdict = verify(engine, store, "16", wrong(&issued));
        CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.attempts_left == (uint32_t)(4 - at));
    }
    {
        otp_verdict verdict = verify(engine, store, "16", (const char *)issued.code);
        CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.rejection == OTP_REJECTION_EXHAUSTED);
        CHECK(verdict.has_retry_at == 1 && verdict.retry_at > told.now);
    }
    OK(otp_engine_unlock(engine, store, view("acme"), view("7"), &said));
    CHECK(said == 1 && told.last == OTP_EVENT_KIND_UNLOCKED);
    OK(otp_engine_unlock(engine, store, view("acme"), view("nobody"), &said));
    CHECK(said == 0);

    OK(otp_engine_purge(engine, store, 1000, &dropped));
    CHECK(dropped == 0);
    /* case 153: a clock that jumped drops nothing before an administrator confirms it */
    told.now += 40 * 86400;
    dropped = 7;
    STATUS(OTP_STATUS_CLOCK_AHEAD, otp_engine_purge(engine, store, 1, &dropped));
    CHECK(dropped == 7);
    OK(otp_engine_purge_confirmed(engine, store, 1, &dropped));
    CHECK(dropped == 1);
    OK(otp_engine_purge(engine, store, 1000, &dropped));
    CHECK(dropped >= 1);
    otp_engine_free(engine);
    otp_store_free(store);
}

/* case 153: resets, with a reason that the observer hears */
static void resets(void) {
    witness told = new_witness();
    otp_engine *engine = witnessed_engine(&told, NULL, NULL);
    otp_store *store = sample_store();
    const otp_binding *plain = bound_to(engine, "15");
    otp_issued issued = issue(engine, store, "15");
    const uint8_t *why = (const uint8_t *)"ticket 4711";
    int32_t said = -1;
    int at;
    for (at = 0; at < 5; at++) (void)verify(engine, store, "15", wrong(&issued));
    CHECK(issue(engine, store, "15").refusal_reason == OTP_REFUSAL_REASON_EXHAUSTED);
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_reset_slot(engine, store, plain, view_of(why, 0), &said));
    CHECK(said == -1);
    OK(otp_engine_reset_slot(engine, store, plain, view_of(why, 11), &said));
    CHECK(said == 1 && told.last == OTP_EVENT_KIND_SLOT_RESET);
    OK(otp_engine_reset_slot(engine, store, plain, view_of(why, 11), &said));
    CHECK(said == 0);
    issued = issue(engine, store, "15");
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
    OK(otp_engine_reset_recipient(engine, store, plain, view_of(why, 11), &said));
    CHECK(said == 1 && told.last == OTP_EVENT_KIND_RECIPIENT_RESET);
    OK(otp_engine_reset_user(engine, store, view("acme"), view("7"), view_of(why, 11), &said));
    CHECK(said == 1 && told.last == OTP_EVENT_KIND_USER_RESET);
    OK(otp_engine_reset_user(engine, store, view("acme"), view("7"), view_of(why, 11), &said));
    CHECK(said == 0);
    otp_engine_free(engine);
    otp_store_free(store);
}

/* case 151: what is left of the validity */
static void a_code_that_is_sent_again_says_what_is_left(void) {
    witness told = new_witness();
    otp_engine *engine = witnessed_engine(&told, NULL, NULL);
    otp_store *store = sample_store();
    otp_issued first = issue(engine, store, "15"), second;
    CHECK(first.valid_for == 180 && first.minutes == 3);
    told.now += 61;
    second = issue(engine, store, "15");
    CHECK(second.send == 2 && second.valid_for == 119 && second.minutes == 1);
    CHECK(issue(engine, store, "15").minutes == 0); /* refused */
    otp_engine_free(engine);
    otp_store_free(store);
}

static void a_bad_item_in_the_middle_of_a_batch_undoes_no_other(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    otp_issued issued[3];
    otp_verdict verdicts[3];
    otp_submission submissions[3];
    const otp_binding *bindings[3];
    size_t at;
    bindings[0] = bound_to(engine, "1");
    bindings[1] = NULL;
    bindings[2] = bound_to(engine, "3");
    memset(issued, 0xEE, sizeof issued);
    OK(otp_engine_issue_many(engine, store, bindings, 3, issued, sizeof *issued));
    CHECK(issued[0].status == OTP_STATUS_OK && issued[0].outcome == OTP_OUTCOME_ISSUED);
    CHECK(issued[1].status == OTP_STATUS_ARGUMENT && issued[1].outcome == OTP_OUTCOME_NONE);
    CHECK(issued[2].status == OTP_STATUS_OK && issued[2].outcome == OTP_OUTCOME_ISSUED);
    CHECK(issued[0].struct_size == sizeof issued[0] && issued[1].code[0] == 0);

    memset(submissions, 0, sizeof submissions);
    for (at = 0; at < 3; at++) {
        submissions[at].binding = bindings[at];
        submissions[at].code = view((const char *)issued[at].code);
    }
    memset(verdicts, 0xEE, sizeof verdicts);
    OK(otp_engine_verify_many(engine, store, submissions, sizeof *submissions, 3, verdicts, sizeof *verdicts));
    CHECK(verdicts[0].outcome == OTP_OUTCOME_ACCEPTED && verdicts[2].outcome == OTP_OUTCOME_ACCEPTED);
    CHECK(verdicts[1].status == OTP_STATUS_ARGUMENT && verdicts[1].outcome == OTP_OUTCOME_NONE);
    CHECK(verdicts[1].record == NULL);

    /* What cannot be a batch is refused whole, before anything is written. */
    memset(verdicts, 0xEE, sizeof verdicts);
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_many(engine, store, NULL, sizeof *submissions, 3, verdicts,
                                                       sizeof *verdicts));
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_many(engine, store, submissions, sizeof *submissions, SIZE_MAX,
                                                       verdicts, sizeof *verdicts));
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_issue_many(engine, store, bindings, 65537, issued, sizeof *issued));
    CHECK(((uint8_t *)verdicts)[0] == 0xEE && ((uint8_t *)verdicts)[sizeof verdicts - 1] == 0xEE);
    OK(otp_engine_verify_many(engine, store, submissions, sizeof *submissions, 0, verdicts, sizeof *verdicts));
    otp_engine_free(engine);
    otp_store_free(store);
}

/* Says whether the detail of an item of the last batch names `word`. */
static int item_names(size_t item, const char *word) {
    uint8_t detail[512] = "";
    size_t needed = 0;
    OK(otp_item_detail(item, detail, sizeof detail, &needed));
    return needed == strlen((const char *)detail) + 1 && strstr((const char *)detail, word) != NULL;
}

static void case_634_each_failed_item_of_a_batch_has_its_own_detail(void) {
    otp_engine *engine = sample_engine(), *stranger = sample_engine();
    otp_store *store = sample_store();
    otp_issued issued[4];
    otp_verdict verdicts[4];
    otp_submission submissions[4];
    const otp_binding *bindings[4];
    uint8_t none[1];
    size_t at, needed = 0;
    SIZED(otp_evidence, evidence);
    bindings[0] = bound_to(engine, "1");
    bindings[1] = NULL;
    bindings[2] = bound_to(stranger, "3");
    bindings[3] = NULL;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_issue_many(engine, NULL, bindings, 4, issued, sizeof *issued));
    CHECK(detail_names("store is NULL"));
    OK(otp_engine_issue_many(engine, store, bindings, 4, issued, sizeof *issued));
    CHECK(issued[0].status == OTP_STATUS_OK && item_names(0, "") && !item_names(0, " "));
    CHECK(item_names(1, "binding is NULL") && item_names(3, "binding is NULL") && item_names(2, "key ring"));
    CHECK(!item_names(4, " ") && !item_names(SIZE_MAX, " "));
    CHECK(!detail_names("store")); /* the failure before is not the batch's */
    STATUS(OTP_STATUS_BUFFER_TOO_SMALL, otp_item_detail(1, none, sizeof none, &needed));
    CHECK(needed == sizeof "binding is NULL");

    memset(submissions, 0, sizeof submissions);
    for (at = 0; at < 4; at++) {
        submissions[at].binding = bindings[0];
        submissions[at].code = view("000000");
    }
    submissions[1].code = view_of(NULL, 6);
    evidence.signer_name = view_of("\xff", 1);
    submissions[2].evidence = &evidence;
    OK(otp_engine_verify_many(engine, store, submissions, sizeof *submissions, 4, verdicts, sizeof *verdicts));
    CHECK(verdicts[1].status == OTP_STATUS_ARGUMENT && item_names(1, "code"));
    CHECK(verdicts[2].status == OTP_STATUS_UTF8 && item_names(2, "signer_name"));
    CHECK(!item_names(0, " ") && !item_names(3, " "));
    OK(otp_engine_issue_many(engine, store, NULL, 0, NULL, sizeof *issued));
    CHECK(!item_names(1, " ")); /* of the last batch */
    otp_engine_free(stranger);
    otp_engine_free(engine);
    otp_store_free(store);
}

/* One binding serves any number of calls; one of other keys is refused, before anything happens. */
static void a_binding_serves_the_engines_of_its_key_ring_alone(void) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL, *second = NULL, *sibling = NULL, *stranger = sample_engine();
    otp_store *store = sample_store();
    otp_binding_options options = sample_binding();
    otp_binding *binding = NULL;
    int32_t said = 7;
    SIZED(otp_policy, policy);
    SIZED(otp_issued, issued);
    SIZED(otp_verdict, verdict);
    OK(otp_policy_default(&policy));
    OK(otp_engine_new(ring, NULL, &engine));
    OK(otp_engine_new(ring, NULL, &second));
    OK(otp_engine_with_policy(engine, &policy, &sibling));
    otp_key_ring_free(ring);
    OK(otp_binding_check(&options));
    OK(otp_binding_new(engine, &options, &binding));
    otp_engine_free(engine); /* it outlives its engine */
    OK(otp_engine_issue(second, store, binding, &issued));
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
    OK(otp_engine_verify(sibling, store, binding, (const uint8_t *)wrong(&issued), 6, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_WRONG);
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_cancel(stranger, store, binding, &said));
    CHECK(said == 7 && detail_names("another key ring"));
    OK(otp_engine_verify(second, store, binding, issued.code, 6, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED);
    otp_binding_free(binding);
    otp_engine_free(second);
    otp_engine_free(sibling);
    otp_engine_free(stranger);
    otp_store_free(store);
}

static otp_bytes *signed_once(otp_engine *engine, otp_store *store) {
    /* A line across 8 x 8 pixels. */
    static const uint8_t image[] = {
        0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x48, 0x44, 0x52,
        0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08, 0x01, 0x00, 0x00, 0x00, 0x00, 0xEC, 0x74, 0x83,
        0x26, 0x00, 0x00, 0x00, 0x19, 0x49, 0x44, 0x41, 0x54, 0x78, 0xDA, 0x63, 0xF8, 0xC7, 0xF0, 0x97,
        0xE1, 0x37, 0xC3, 0x77, 0x86, 0xF7, 0x0C, 0xF7, 0x19, 0xF6, 0x33, 0xD4, 0x03, 0x00, 0x3C, 0xE3,
        0x06, 0xFA, 0xA1, 0x67, 0x4F, 0x5A, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42,
        0x60, 0x82,
    };
    otp_issued issued = issue(engine, store, "15");
    SIZED(otp_submission, submission);
    SIZED(otp_verdict, verdict);
    SIZED(otp_evidence, evidence);
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
    submission.binding = bound_to(engine, "15");
    submission.code = view((const char *)issued.code);
    submission.evidence = &evidence;
    evidence.consent = view("I accept the offer.");
    evidence.ip = view("192.0.2.7");
    evidence.signer_name = view("Aisyah binti Rahman");
    evidence.image = view("<svg onload=\"..\"/>");
    OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.rejection == OTP_REJECTION_EVIDENCE);
    CHECK(verdict.evidence_fault == OTP_EVIDENCE_FAULT_UNFIT && verdict.evidence_kind == OTP_EVIDENCE_KIND_IMAGE);
    /* Nor is what only begins like an image one, nor a name one that shows nothing. */
    evidence.image = view_of(image, sizeof image - 12);
    OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
    CHECK(verdict.evidence_fault == OTP_EVIDENCE_FAULT_UNFIT && verdict.evidence_kind == OTP_EVIDENCE_KIND_IMAGE);
    evidence.image = view_of(image, sizeof image);
    evidence.signer_name = view("\xE2\x80\x8B");
    OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
    CHECK(verdict.evidence_fault == OTP_EVIDENCE_FAULT_UNFIT && verdict.evidence_kind == OTP_EVIDENCE_KIND_SIGNER_NAME);
    CHECK(verdict.public_rejection == OTP_PUBLIC_REJECTION_EVIDENCE && verdict.record == NULL);
    evidence.signer_name = view("");
    evidence.signer_name.data = NULL;
    evidence.image = view_of(image, sizeof image);
    OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
    CHECK(verdict.evidence_fault == OTP_EVIDENCE_FAULT_MISSING);
    CHECK(verdict.evidence_kind == OTP_EVIDENCE_KIND_SIGNER_NAME);
    evidence.signer_name = view("Aisyah binti Rahman");
    OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record != NULL);
    CHECK(strlen((const char *)verdict.record_id) == 22 && verdict.record_sequence >= 1);
    CHECK(strcmp((const char *)verdict.challenge_id, (const char *)issued.challenge_id) == 0);
    return verdict.record;
}

static void evidence_becomes_records_that_verify_as_one_and_as_a_chain(void) {
    witness told = new_witness();
    uint8_t seed[32], none[32];
    otp_signing_key *key = NULL, *same = NULL;
    otp_bytes *jwks = NULL, *pem = NULL, *record, *second, *all = NULL, *latest = NULL, *text = NULL, *left = NULL;
    otp_engine *engine;
    otp_store *lossy = sample_store(), *store = NULL;
    const otp_target target = sample_binding().target;
    int32_t valid = -1;
    SIZED(otp_policy, policy);
    SIZED(otp_expected, expected);
    SIZED(otp_chain_head, head);
    SIZED(otp_erase_request, request);
    SIZED(otp_issued, refused);

    memset(seed, 7, sizeof seed);
    memset(none, 0, sizeof none);
    STATUS(OTP_STATUS_KEY, otp_signing_key_from_seed(view_of(seed, 31), &key));
    CHECK(key == NULL);
    OK(otp_signing_key_from_seed(view_of(seed, sizeof seed), &key));
    OK(otp_signing_key_public_jwks(key, &jwks));
    OK(otp_signing_key_public_pem(key, &pem));
    CHECK(bytes_hold(jwks, "Ed25519") && bytes_hold(pem, "BEGIN PUBLIC KEY"));
    STATUS(OTP_STATUS_KEY, otp_signing_key_from_pem(view("junk"), &same));
    /* PKCS#8 of the same seed, as OpenSSL 3 writes it. */
    {
        static const char private_pem[] =
            "-----BEGIN PRIVATE KEY-----\n"
            "MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n"
            "-----END PRIVATE KEY-----\n";
        otp_bytes *other = NULL;
        OK(otp_signing_key_from_pem(view(private_pem), &same));
        OK(otp_signing_key_public_pem(same, &other));
        CHECK(otp_bytes_len(other) == otp_bytes_len(pem));
        CHECK(memcmp(otp_bytes_data(other), otp_bytes_data(pem), otp_bytes_len(pem)) == 0);
        otp_bytes_free(other);
        otp_signing_key_free(same);
    }

    OK(otp_policy_default(&policy));
    policy.evidence = OTP_REQUIRE_SIGNER_NAME | OTP_REQUIRE_CONSENT;
    engine = witnessed_engine(&told, key, &policy);
    /* The engine keeps a copy of the key; a store that forgets is refused. */
    otp_signing_key_free(key);
    STATUS(OTP_STATUS_STORE_UNSUPPORTED, otp_engine_issue(engine, lossy, bound_to(engine, "15"), &refused));
    STATUS(OTP_STATUS_ARGUMENT, otp_store_memory_new(0, 2, &store));
    OK(otp_store_memory_new(0, 1, &store));

    head.count = 99;
    OK(otp_engine_chain_head(engine, store, view("acme"), &target, &head));
    CHECK(head.count == 0 && head.has_digest == 0 && memcmp(head.digest, none, sizeof none) == 0);
    OK(otp_engine_signatures(engine, store, view("acme"), &target, 10, &all));
    CHECK(otp_bytes_len(all) == 0);
    otp_bytes_free(all);

    record = signed_once(engine, store);
    told.now += 200;
    second = signed_once(engine, store);
    OK(otp_engine_chain_head(engine, store, view("acme"), &target, &head));
    CHECK(head.count == 2 && head.has_digest == 1 && memcmp(head.digest, none, sizeof none) != 0);
    OK(otp_engine_signatures(engine, store, view("acme"), &target, 1, &latest));
    CHECK(otp_bytes_len(latest) == otp_bytes_len(second));
    CHECK(memcmp(otp_bytes_data(latest), otp_bytes_data(second), otp_bytes_len(second)) == 0);
    OK(otp_engine_signatures(engine, store, view("acme"), &target, 10, &all));

    expected.tenant = view("acme");
    expected.target = target;
    OK(otp_verify_record(view_of_bytes(record), view_of_bytes(jwks), &expected, &valid, &text));
    CHECK(valid == 1 && bytes_hold(text, "acme"));
    otp_bytes_free(text);
    expected.tenant = view("another");
    OK(otp_verify_record(view_of_bytes(record), view_of_bytes(jwks), &expected, &valid, &text));
    CHECK(valid == 0 && otp_bytes_len(text) > 0);
    otp_bytes_free(text);
    OK(otp_verify_record(view("no record at all"), view_of_bytes(jwks), NULL, &valid, &text));
    CHECK(valid == 0);
    otp_bytes_free(text);
    text = NULL;
    STATUS(OTP_STATUS_KEY, otp_verify_record(view_of_bytes(record), view("{}"), NULL, &valid, &text));
    CHECK(text == NULL);

    expected.tenant = view("acme");
    expected.chain_head = &head;
    OK(otp_verify_chain(view_of_bytes(all), view_of_bytes(jwks), &expected, &valid, &text));
    CHECK(valid == 1 && bytes_hold(text, "chain\tgood") && bytes_hold(text, "head\tgood"));
    otp_bytes_free(text);
    OK(otp_verify_chain(view_of_bytes(record), view_of_bytes(jwks), &expected, &valid, &text));
    CHECK(valid == 0 && bytes_hold(text, "bad")); /* the newest one is missing */
    otp_bytes_free(text);

    request.tenant = view("acme");
    request.target = target;
    request.sequence = 1;
    request.details = view("code");
    CHECK(otp_engine_erase(engine, store, &request, &left) == OTP_STATUS_ARGUMENT);
    request.sequence = 9;
    request.details = view("ip");
    OK(otp_engine_erase(engine, store, &request, &left));
    CHECK(otp_bytes_len(left) == 0);
    otp_bytes_free(left);
    request.sequence = 1;
    request.details = view("ip,typed");
    OK(otp_engine_erase(engine, store, &request, &left));
    CHECK(otp_bytes_len(left) > 0 && otp_bytes_len(left) < otp_bytes_len(record));
    OK(otp_verify_record(view_of_bytes(left), view_of_bytes(jwks), NULL, &valid, &text));
    CHECK(valid == 1);

    otp_bytes_free(text);
    otp_bytes_free(left);
    otp_bytes_free(all);
    otp_bytes_free(latest);
    otp_bytes_free(record);
    otp_bytes_free(second);
    otp_bytes_free(jwks);
    otp_bytes_free(pem);
    otp_engine_free(engine);
    otp_store_free(store);
    otp_store_free(lossy);
    CHECK(told.clock_drops == 1 && told.observer_drops == 1);
}

static void a_memory_store_passes_the_suite_through_c(void) {
    otp_store *store = sample_store();
    otp_bytes *report = NULL;
    int32_t passed = -1;
    OK(otp_store_check(store, &passed, &report));
    if (passed != 1) fwrite(otp_bytes_data(report), 1, otp_bytes_len(report), stderr);
    CHECK(passed == 1 && otp_bytes_len(report) > 0);
    otp_bytes_free(report);
    otp_store_free(store);
}

static void an_sqlite_store_is_opened_by_path(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = NULL, *none = NULL;
    otp_issued issued;
    char path[256];
    const char *folder = getenv("OTP_TEST_FOLDER");
    int len = snprintf(path, sizeof path, "%s/smoke.db", folder == NULL ? "/tmp" : folder);
    CHECK(len > 0 && (size_t)len < sizeof path);
    remove(path);
    STATUS(OTP_STATUS_ARGUMENT, otp_store_sqlite_open(view_of(path, 0), &none));
    STATUS(OTP_STATUS_UTF8, otp_store_sqlite_open(view_of("\xFF", 1), &none));
    STATUS(OTP_STATUS_STORE_UNAVAILABLE, otp_store_sqlite_open(view("/no-such/x.db"), &none));
    CHECK(none == NULL);
    OK(otp_store_sqlite_open(view_of(path, (size_t)len), &store));
    issued = issue(engine, store, "15");
    otp_store_free(store);
    OK(otp_store_sqlite_open(view_of(path, (size_t)len), &store));
    CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    otp_store_free(store);
    otp_engine_free(engine);
    remove(path);
}

static void case_364_one_telephone_is_one_number(void) {
    uint8_t digits[OTP_MOBILE_MAX];
    size_t needed = 0;
    OK(otp_mobile_parse(view("012-345 6789"), 60, digits, sizeof digits, &needed));
    CHECK(needed == 11 && memcmp(digits, "60123456789", needed) == 0);
    OK(otp_mobile_parse(view("+39 06 1234 5678"), 0, digits, sizeof digits, &needed));
    CHECK(needed == 12 && memcmp(digits, "390612345678", needed) == 0);
    STATUS(OTP_STATUS_ARGUMENT,
           otp_mobile_parse(view("+600123456789"), 0, digits, sizeof digits, &needed));
    STATUS(OTP_STATUS_ARGUMENT,
           otp_mobile_parse(view("+60 60123456789"), 0, digits, sizeof digits, &needed));
    STATUS(OTP_STATUS_ARGUMENT,
           otp_mobile_parse(view("0123456789"), 1000, digits, sizeof digits, &needed));
    STATUS(OTP_STATUS_ARGUMENT,
           otp_mobile_parse(view("0123456789"), 65536 + 60, digits, sizeof digits, &needed));
    STATUS(OTP_STATUS_ARGUMENT, otp_mobile_parse(view("012-345 6789"), 60, digits, 11, NULL));
}

static void a_message_is_composed_or_refused_by_name(void) {
    static const char text[] = "#otp# approves #subject#";
    SIZED(otp_message_options, options);
    SIZED(otp_message, message);
    options.template_text = view_of(text, sizeof text - 1);
    options.domain = view("loans.example");
    OK(otp_message_check(&options));
    options.code = view("482913");
    options.minutes = 3;
    STATUS(OTP_STATUS_ARGUMENT, otp_message_compose(&options, &message));
    CHECK(message.text == NULL);
    options.subject = view("RM 12,000");
    OK(otp_message_compose(&options, &message));
    static const char written[] = "482913 approves RM 12,000\n@loans.example #482913";
    CHECK(otp_bytes_len(message.text) == sizeof written - 1);
    CHECK(memcmp(otp_bytes_data(message.text), written, sizeof written - 1) == 0);
    CHECK(message.encoding == OTP_ENCODING_GSM7 && message.segments == 1);
    CHECK(message.units == sizeof written - 1);
    otp_bytes_free(message.text);
    options.template_text = view_of("\xe4\xbb\xa3\xe7\xa0\x81 #otp#", 12);
    options.subject = view_of(NULL, 0);
    OK(otp_message_compose(&options, &message));
    CHECK(message.encoding == OTP_ENCODING_UCS2);
    otp_bytes_free(message.text);
    options.template_text = view("no place");
    STATUS(OTP_STATUS_ARGUMENT, otp_message_check(&options));
    STATUS(OTP_STATUS_ARGUMENT, otp_message_check(NULL));
    STATUS(OTP_STATUS_ARGUMENT, otp_message_compose(&options, NULL));
}

int main(int argc, char **argv) {
    every_status_has_a_text_of_its_own();
    policy_and_rate_limits_are_filled_checked_and_refused_by_name();
    a_weak_or_missing_secret_is_refused();
    the_main_job();
    case_518_a_send_that_waited_in_a_queue_is_claimed_once();
    a_code_expires_by_the_hosts_clock();
    cancel_unlock_and_purge();
    resets();
    a_code_that_is_sent_again_says_what_is_left();
    a_bad_item_in_the_middle_of_a_batch_undoes_no_other();
    case_634_each_failed_item_of_a_batch_has_its_own_detail();
    a_binding_serves_the_engines_of_its_key_ring_alone();
    evidence_becomes_records_that_verify_as_one_and_as_a_chain();
    an_sqlite_store_is_opened_by_path();
    a_message_is_composed_or_refused_by_name();
    case_364_one_telephone_is_one_number();
    if (argc < 2 || strcmp(argv[1], "--quick") != 0) a_memory_store_passes_the_suite_through_c();
    return done("smoke");
}
