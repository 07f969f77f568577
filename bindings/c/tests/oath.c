/* Codes of the user's own device: the RFCs' vectors, URIs, and an engine that takes each once. */
#include "check.h"

static const char *SECRET = "12345678901234567890";
static const char *LONGER = "12345678901234567890123456789012";

static otp_hotp *make_hotp(uint64_t first) {
    otp_hotp *hotp = NULL;
    OK(otp_hotp_new(view(SECRET), OTP_HASH_SHA1, 6, first, &hotp));
    return hotp;
}

static otp_totp *make_totp(void) {
    otp_totp *totp = NULL;
    OK(otp_totp_new(view(SECRET), OTP_HASH_SHA1, 8, 30, &totp));
    return totp;
}

static otp_ocra *make_ocra(const char *suite) {
    otp_ocra *ocra = NULL;
    OK(otp_ocra_new(view(suite), view(LONGER), &ocra));
    return ocra;
}

static void hotp_codes_are_those_of_rfc_4226(void) {
    static const char *codes[] = {"755224", "287082", "359152", "969429", "338314",
                                  "254676", "287922", "162583", "399871", "520489"};
    otp_hotp *hotp = make_hotp(0);
    uint8_t code[OTP_CODE_CAPACITY];
    uint64_t at;
    SIZED(otp_oath_match, match);
    for (at = 0; at < 10; at++) {
        OK(otp_hotp_generate(hotp, at, code, sizeof code));
        CHECK(strcmp((const char *)code, codes[at]) == 0);
        OK(otp_hotp_verify(hotp, code, 6, 0, 9, &match));
        CHECK(match.matched == 1 && match.counter == at);
        OK(otp_hotp_verify(hotp, code, 6, at + 1, 0, &match));
        CHECK(match.matched == 0 && match.counter == 0);
    }
    OK(otp_hotp_resynchronise(hotp, view(codes[7]), view(codes[8]), 0, 100, &match));
    CHECK(match.matched == 1 && match.counter == 8);
    OK(otp_hotp_resynchronise(hotp, view(codes[7]), view(codes[7]), 0, 100, &match));
    CHECK(match.matched == 0);
    /* At the last counter, and no further. */
    OK(otp_hotp_generate(hotp, UINT64_MAX, code, sizeof code));
    OK(otp_hotp_verify(hotp, code, 6, UINT64_MAX - 3, 255, &match));
    CHECK(match.matched == 1 && match.counter == UINT64_MAX);
    /* Any bytes are an answer; none of these a code. */
    OK(otp_hotp_verify(hotp, NULL, 0, 0, 9, &match));
    CHECK(match.matched == 0);
    OK(otp_hotp_verify(hotp, (const uint8_t *)"75522\xff", 6, 0, 9, &match));
    CHECK(match.matched == 0);
    otp_hotp_free(hotp);
    otp_hotp_free(NULL);
}

static void totp_codes_are_those_of_rfc_6238(void) {
    static const struct {
        int64_t now;
        const char *code;
    } lines[] = {{59, "94287082"}, {1111111109, "07081804"}, {1111111111, "14050471"},
                 {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"}};
    otp_totp *totp = make_totp();
    uint8_t code[OTP_CODE_CAPACITY];
    size_t at;
    SIZED(otp_oath_match, match);
    for (at = 0; at < sizeof lines / sizeof lines[0]; at++) {
        OK(otp_totp_generate(totp, lines[at].now, code, sizeof code));
        CHECK(strcmp((const char *)code, lines[at].code) == 0);
        OK(otp_totp_verify(totp, code, 8, lines[at].now + 30, 1, &match));
        CHECK(match.matched == 1 && match.step == (uint64_t)lines[at].now / 30);
    }
    STATUS(OTP_STATUS_ARGUMENT, otp_totp_generate(totp, -1, code, sizeof code));
    CHECK(detail_names("now"));
    OK(otp_totp_verify(totp, code, 8, INT64_MIN, 255, &match));
    OK(otp_totp_verify(totp, code, 8, INT64_MAX, 255, &match));
    CHECK(match.matched == 0);
    otp_totp_free(totp);
    otp_totp_free(NULL);
}

static void ocra_codes_are_those_of_rfc_6287(void) {
    otp_ocra *ocra = make_ocra("OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1"), *mutual;
    uint8_t code[OTP_CODE_CAPACITY];
    SIZED(otp_ocra_inputs, inputs);
    SIZED(otp_oath_match, match);
    inputs.question = view("12345678");
    inputs.pin = view("1234");
    inputs.has_counter = 1;
    inputs.counter = 3;
    OK(otp_ocra_generate(ocra, &inputs, code, sizeof code));
    CHECK(strcmp((const char *)code, "71565254") == 0);
    inputs.counter = 0;
    inputs.look_ahead = 5;
    OK(otp_ocra_verify(ocra, &inputs, code, 8, &match));
    CHECK(match.matched == 1 && match.counter == 3);
    inputs.pin = view("1235");
    OK(otp_ocra_verify(ocra, &inputs, code, 8, &match));
    CHECK(match.matched == 0);
    inputs.has_counter = 0;
    STATUS(OTP_STATUS_ARGUMENT, otp_ocra_generate(ocra, &inputs, code, sizeof code));
    CHECK(detail_names("counter"));
    inputs.has_counter = 7;
    STATUS(OTP_STATUS_ARGUMENT, otp_ocra_generate(ocra, &inputs, code, sizeof code));
    CHECK(detail_names("has_counter"));
    otp_ocra_free(ocra);
    otp_ocra_free(NULL);

    mutual = make_ocra("OCRA-1:HOTP-SHA256-8:QA08");
    memset(&inputs, 0, sizeof inputs);
    inputs.struct_size = sizeof inputs;
    inputs.question = view("CLI22220");
    inputs.other_question = view("SRV11110");
    OK(otp_ocra_generate(mutual, &inputs, code, sizeof code));
    CHECK(strcmp((const char *)code, "28247970") == 0);
    otp_ocra_free(mutual);
}

static void what_cannot_be_used_is_refused_by_name(void) {
    otp_hotp *hotp = NULL, *good = make_hotp(0);
    otp_totp *totp = NULL;
    otp_ocra *ocra = NULL;
    uint8_t code[OTP_CODE_CAPACITY];
    const uint8_t *secret = (const uint8_t *)SECRET;
    SIZED(otp_oath_match, match);
    STATUS(OTP_STATUS_KEY, otp_hotp_new(view_of(secret, 15), OTP_HASH_SHA1, 6, 0, &hotp));
    CHECK(detail_names("15") && hotp == NULL);
    STATUS(OTP_STATUS_ARGUMENT, otp_hotp_new(view_of(secret, 20), 0, 6, 0, &hotp));
    STATUS(OTP_STATUS_ARGUMENT, otp_hotp_new(view_of(secret, 20), OTP_HASH_SHA1, 5, 0, &hotp));
    STATUS(OTP_STATUS_ARGUMENT, otp_hotp_new(view_of(secret, 20), OTP_HASH_SHA1, 1030, 0, &hotp));
    STATUS(OTP_STATUS_ARGUMENT, otp_hotp_new(view_of(NULL, 20), OTP_HASH_SHA1, 6, 0, &hotp));
    STATUS(OTP_STATUS_ARGUMENT, otp_hotp_new(view_of(secret, 20), OTP_HASH_SHA1, 6, 0, NULL));
    STATUS(OTP_STATUS_ARGUMENT, otp_totp_new(view_of(secret, 20), OTP_HASH_SHA1, 6, 0, &totp));
    CHECK(detail_names("period"));
    STATUS(OTP_STATUS_ARGUMENT, otp_ocra_new(view("OCRA-1"), view_of(secret, 20), &ocra));
    STATUS(OTP_STATUS_UTF8, otp_ocra_new(view_of("\xff", 1), view_of(secret, 20), &ocra));
    STATUS(OTP_STATUS_ARGUMENT, otp_hotp_generate(NULL, 0, code, sizeof code));
    memset(code, 'x', sizeof code);
    STATUS(OTP_STATUS_BUFFER_TOO_SMALL, otp_hotp_generate(good, 0, code, 6));
    STATUS(OTP_STATUS_BUFFER_TOO_SMALL, otp_hotp_generate(good, 0, NULL, 99));
    CHECK(code[0] == 'x');
    OK(otp_hotp_generate(good, 0, code, 7));
    CHECK(code[6] == 0 && code[7] == 'x');
    STATUS(OTP_STATUS_ARGUMENT, otp_hotp_verify(good, code, 6, 0, 256, &match));
    CHECK(detail_names("look_ahead"));
    match.struct_size -= 1;
    STATUS(OTP_STATUS_STRUCT_SIZE, otp_hotp_verify(good, code, 6, 0, 0, &match));
    otp_hotp_free(good);
}

static void secrets_and_uris_are_read_and_written(void) {
    static const char *text = "otpauth://totp/ACME%20Bank:ann%40example.com"
                              "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME%20Bank"
                              "&algorithm=SHA256&digits=8&period=60";
    static const char *base32 = " gezd gnbv gy3t qojq gezd gnbv gy3t qojq ";
    uint8_t buffer[600];
    size_t needed = 0;
    SIZED(otp_credential, credential);
    OK(otp_base32_decode(view(base32), buffer, sizeof buffer, &needed));
    CHECK(needed == 20 && memcmp(buffer, SECRET, 20) == 0);
    STATUS(OTP_STATUS_BUFFER_TOO_SMALL,
           otp_base32_decode(view(base32), buffer, 19, &needed));
    STATUS(OTP_STATUS_KEY, otp_base32_decode(view("0189"), buffer, sizeof buffer, &needed));
    OK(otp_base32_encode(view_of(SECRET, 20), buffer, sizeof buffer, &needed));
    CHECK(needed == 32 && memcmp(buffer, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 32) == 0);

    OK(otp_uri_parse(view(text), &credential));
    CHECK(credential.kind == OTP_CREDENTIAL_TOTP && credential.hash == OTP_HASH_SHA256);
    CHECK(credential.digits == 8 && credential.period == 60 && credential.counter == 0);
    CHECK(credential.secret_len == 20 && memcmp(credential.secret, SECRET, 20) == 0);
    CHECK(strcmp((const char *)credential.issuer, "ACME Bank") == 0);
    CHECK(strcmp((const char *)credential.account, "ann@example.com") == 0);
    OK(otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    CHECK(needed == strlen(text) && memcmp(buffer, text, needed) == 0);
    credential.kind = OTP_CREDENTIAL_HOTP;
    credential.counter = UINT64_MAX;
    credential.issuer[0] = 0;
    OK(otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    OK(otp_uri_parse(view_of(buffer, needed), &credential));
    CHECK(credential.kind == OTP_CREDENTIAL_HOTP && credential.counter == UINT64_MAX);
    CHECK(credential.issuer[0] == 0 && credential.period == 0);
    credential.kind = 3;
    STATUS(OTP_STATUS_ARGUMENT, otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    credential.kind = OTP_CREDENTIAL_HOTP;
    credential.secret_len = 1025;
    STATUS(OTP_STATUS_ARGUMENT, otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    STATUS(OTP_STATUS_ARGUMENT, otp_uri_parse(view("http://x"), &credential));
    STATUS(OTP_STATUS_UTF8, otp_uri_parse(view_of("\xff", 1), &credential));
    otp_wipe((uint8_t *)&credential, sizeof credential);
}

static void an_engine_takes_a_code_once_and_counts_wrong_ones(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = NULL, *forgetful = sample_store();
    otp_hotp *hotp = make_hotp(2);
    otp_ocra *ocra = make_ocra("OCRA-1:HOTP-SHA256-8:C-QH16-PSHA1"), *short_one = make_ocra("OCRA-1:HOTP-SHA256-8:QN08");
    attempt right = attempt_at(engine, "15", "969429"), wrong_one = attempt_at(engine, "15", "000000");
    attempt first = attempt_at(engine, "15", "162583"), bare = attempt_at(engine, "15", ""), answer;
    uint8_t question[16], code[OTP_CODE_CAPACITY];
    size_t needed = 0;
    SIZED(otp_oath_verdict, verdict);
    SIZED(otp_ocra_inputs, inputs);
    OK(otp_store_memory_new(0, 1, &store));
    STATUS(OTP_STATUS_STORE_UNSUPPORTED,
           otp_engine_verify_hotp(engine, forgetful, right.binding, hotp, right.code.data, right.code.len, 5, NULL, &verdict));
    CHECK(detail_names("need one that keeps them for ever") && verdict.outcome == OTP_OUTCOME_NONE);
    OK(otp_engine_verify_hotp(engine, store, right.binding, hotp, right.code.data, right.code.len, 5, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.has_matched == 1 && verdict.matched == 3);
    CHECK(verdict.verified_at > 0);
    OK(otp_engine_verify_hotp(engine, store, right.binding, hotp, right.code.data, right.code.len, 5, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.rejection == OTP_REJECTION_ALREADY_USED);
    OK(otp_engine_verify_hotp(engine, store, wrong_one.binding, hotp, wrong_one.code.data, wrong_one.code.len, 5, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_WRONG && verdict.attempts_left == 14);
    CHECK(verdict.public_rejection == OTP_PUBLIC_REJECTION_INVALID);
    OK(otp_engine_resynchronise_hotp(engine, store, first.binding, hotp, first.code, view("399871"), 1000, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.matched == 8);
    OK(otp_engine_resynchronise_hotp(engine, store, right.binding, hotp, right.code, view(""), 1000, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_MALFORMED); /* a second field that was left empty */
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_verify_hotp(engine, store, right.binding, hotp, right.code.data, right.code.len, 256, NULL, &verdict));

    {
        otp_totp *totp = make_totp();
        attempt none = attempt_at(engine, "15", "x");
        OK(otp_engine_verify_totp(engine, forgetful, none.binding, totp, none.code.data, none.code.len, 1, NULL, &verdict));
        CHECK(verdict.rejection == OTP_REJECTION_MALFORMED);
        otp_totp_free(totp);
    }

    OK(otp_engine_ocra_question(engine, bare.binding, ocra, question, sizeof question, &needed));
    CHECK(needed == 16);
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_ocra_question(engine, bare.binding, short_one, question, sizeof question, &needed));
    CHECK(detail_names("QH16"));
    inputs.question = view_of(question, sizeof question);
    inputs.pin = view("1234");
    inputs.has_counter = 1;
    OK(otp_ocra_generate(ocra, &inputs, code, sizeof code));
    answer = attempt_at(engine, "15", (const char *)code);
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_verify_ocra(engine, store, answer.binding, ocra, &inputs, answer.code.data, answer.code.len, NULL, &verdict));
    CHECK(detail_names("question"));
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_verify_ocra(engine, store, answer.binding, ocra, NULL, answer.code.data, answer.code.len, NULL, &verdict));
    CHECK(detail_names("pin"));
    inputs.question = view_of(NULL, 0);
    answer = attempt_at(engine, "16", (const char *)code);
    OK(otp_engine_verify_ocra(engine, store, answer.binding, ocra, &inputs, answer.code.data, answer.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_WRONG); /* another record */
    answer = attempt_at(engine, "15", (const char *)code);
    OK(otp_engine_verify_ocra(engine, store, answer.binding, ocra, &inputs, answer.code.data, answer.code.len, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.matched == 0);
    OK(otp_engine_verify_ocra(engine, store, answer.binding, ocra, &inputs, answer.code.data, answer.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_ALREADY_USED);

    otp_ocra_free(short_one);
    otp_ocra_free(ocra);
    otp_hotp_free(hotp);
    otp_store_free(forgetful);
    otp_store_free(store);
    otp_engine_free(engine);
}

static void case_129_what_makes_other_codes_or_none_is_refused(void) {
    static const char *encoder = "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&encoder=steam";
    static const char *cut = "otpauth://totp/ACME:ann%3Abob?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer="
                             "&image=https://a.my/x#y&digits=8";
    static const char *old = "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP";
    static const uint8_t constant[20] = {0};
    otp_hotp *hotp = NULL;
    otp_totp *totp = NULL;
    uint8_t buffer[600], code[OTP_CODE_CAPACITY];
    size_t needed = 0;
    SIZED(otp_credential, credential);
    STATUS(OTP_STATUS_ARGUMENT, otp_uri_parse(view(encoder), &credential));
    CHECK(detail_names("encoder"));
    OK(otp_uri_parse(view(cut), &credential));
    CHECK(credential.digits == 6 && strcmp((const char *)credential.account, "ann:bob") == 0);
    CHECK(strcmp((const char *)credential.image, "https://a.my/x") == 0);
    OK(otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    CHECK(needed < sizeof buffer);
    buffer[needed] = 0;
    CHECK(strstr((const char *)buffer, "&image=https%3A%2F%2Fa.my%2Fx") != NULL);
    memcpy(credential.image, "http://a", 9);
    STATUS(OTP_STATUS_ARGUMENT, otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    CHECK(detail_names("image"));
    STATUS(OTP_STATUS_KEY, otp_hotp_new(view_of(constant, 20), OTP_HASH_SHA1, 6, 0, &hotp));
    CHECK(detail_names("same"));

    /* Ten bytes, for whoever says so. */
    STATUS(OTP_STATUS_KEY, otp_uri_parse(view(old), &credential));
    OK(otp_uri_parse_legacy(view(old), &credential));
    CHECK(credential.secret_len == 10 && credential.legacy_secret == 1);
    OK(otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    credential.legacy_secret = 0;
    STATUS(OTP_STATUS_KEY, otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    credential.legacy_secret = 2;
    STATUS(OTP_STATUS_ARGUMENT, otp_uri_build(&credential, buffer, sizeof buffer, &needed));
    STATUS(OTP_STATUS_KEY, otp_totp_new(view_of(credential.secret, 10), OTP_HASH_SHA1, 6, 30, &totp));
    OK(otp_totp_new_legacy(view_of(credential.secret, 10), OTP_HASH_SHA1, 6, 30, &totp));
    OK(otp_totp_generate(totp, 1111111109, code, sizeof code));
    CHECK(strcmp((const char *)code, "071271") == 0);
    STATUS(OTP_STATUS_KEY, otp_hotp_new_legacy(view_of(credential.secret, 9), OTP_HASH_SHA1, 6, 0, &hotp));
    OK(otp_hotp_new_legacy(view_of(credential.secret, 10), OTP_HASH_SHA1, 6, 0, &hotp));
    STATUS(OTP_STATUS_KEY, otp_base32_decode(view("JBSWY3DPEHPK3PXP"), buffer, 10, &needed));
    OK(otp_base32_decode_legacy(view("JBSWY3DPEHPK3PXP"), buffer, 10, &needed));
    CHECK(needed == 10);
    otp_totp_free(totp);
    otp_hotp_free(hotp);
    otp_wipe((uint8_t *)&credential, sizeof credential);
}

static void case_130_several_devices_are_one_call_and_one_charge(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = NULL;
    otp_hotp *token = make_hotp(0);
    otp_totp *phone = make_totp();
    otp_ocra *ocra = make_ocra("OCRA-1:HOTP-SHA256-8:C-QH16-PSHA1");
    attempt right = attempt_at(engine, "15", "969429"), wrong_one = attempt_at(engine, "15", "000000");
    otp_bytes *lines = NULL;
    const otp_device *devices[4];
    SIZED(otp_device, first);
    SIZED(otp_device, second);
    SIZED(otp_device, third);
    SIZED(otp_ocra_inputs, inputs);
    SIZED(otp_oath_verdict, verdict);
    SIZED(otp_odds, odds);
    OK(otp_store_memory_new(0, 1, &store));
    first.totp = phone;
    second.hotp = token;
    second.reach = 5;
    inputs.pin = view("1234");
    third.ocra = ocra;
    third.inputs = &inputs;
    devices[0] = &first;
    devices[1] = &second;
    devices[2] = &third;
    devices[3] = NULL;
    OK(otp_engine_verify_devices(engine, store, right.binding, devices, 3, right.code.data, right.code.len, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.device == 1 && verdict.matched == 3);
    OK(otp_engine_verify_devices(engine, store, right.binding, devices, 3, right.code.data, right.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_ALREADY_USED && verdict.device == 0);
    OK(otp_engine_verify_devices(engine, store, wrong_one.binding, devices, 3, wrong_one.code.data, wrong_one.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_WRONG && verdict.attempts_left == 14);
    OK(otp_engine_device_odds(engine, devices, 2, &odds));
    CHECK(odds.per_day > 90e-6 && odds.per_day < 91e-6); /* 6 counters at 6 digits, 2 steps at 8 */
    OK(otp_engine_device_findings(engine, devices, 2, &lines));
    CHECK(otp_bytes_len(lines) > 20);
    otp_bytes_free(lines);
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_devices(engine, store, right.binding, devices, 0, right.code.data, right.code.len, NULL, &verdict));
    CHECK(detail_names("devices"));
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_devices(engine, store, right.binding, devices, 4, right.code.data, right.code.len, NULL, &verdict));
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_devices(engine, store, right.binding, NULL, 1, right.code.data, right.code.len, NULL, &verdict));
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_verify_devices(engine, store, right.binding, devices + 3, 1, right.code.data, right.code.len, NULL, &verdict));
    devices[2] = &second;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_devices(engine, store, right.binding, devices, 3, right.code.data, right.code.len, NULL, &verdict));
    CHECK(detail_names("devices"));
    first.hotp = token;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_verify_devices(engine, store, right.binding, devices, 2, right.code.data, right.code.len, NULL, &verdict));
    CHECK(detail_names("device"));
    /* What a key of this kind does not take is no help to it: it was meant for another. */
    first.hotp = NULL;
    first.inputs = &inputs;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_device_odds(engine, devices, 1, &odds));
    CHECK(detail_names("inputs"));
    first.inputs = NULL;
    OK(otp_engine_device_odds(engine, devices, 1, &odds));
    third.reach = 1;
    devices[0] = &third;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_device_odds(engine, devices, 1, &odds));
    CHECK(detail_names("reach"));
    otp_ocra_free(ocra);
    otp_totp_free(phone);
    otp_hotp_free(token);
    otp_store_free(store);
    otp_engine_free(engine);
}

static void case_131_a_reset_sets_a_device_right_and_says_why(void) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL;
    otp_store *store = NULL;
    otp_hotp *token = make_hotp(0);
    attempt right, next, wrong_one;
    const otp_device *devices[1];
    int32_t reset = 7;
    int guess;
    SIZED(otp_engine_options, options);
    SIZED(otp_rate_limits, rate_limits);
    SIZED(otp_device, device);
    SIZED(otp_oath_verdict, verdict);
    OK(otp_rate_limits_default(&rate_limits));
    CHECK(rate_limits.device_failures_per_day == 30 && rate_limits.device_hard_stop == 0);
    rate_limits.device_hard_stop = 1;
    rate_limits.consecutive_failures = 10;
    options.rate_limits = &rate_limits;
    OK(otp_engine_new(ring, &options, &engine));
    right = attempt_at(engine, "15", "969429");
    next = attempt_at(engine, "15", "338314");
    wrong_one = attempt_at(engine, "15", "000000");
    OK(otp_store_memory_new(0, 1, &store));
    device.hotp = token;
    device.reach = 5;
    devices[0] = &device;
    OK(otp_engine_verify_devices(engine, store, right.binding, devices, 1, right.code.data, right.code.len, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.matched == 3);
    for (guess = 9; guess >= 0; guess--) {
        OK(otp_engine_verify_devices(engine, store, wrong_one.binding, devices, 1, wrong_one.code.data, wrong_one.code.len, NULL, &verdict));
        CHECK(verdict.rejection == OTP_REJECTION_WRONG && verdict.attempts_left == (uint32_t)guess);
    }
    OK(otp_engine_verify_devices(engine, store, next.binding, devices, 1, next.code.data, next.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_LOCKED && verdict.has_retry_at == 0);
    CHECK(otp_engine_reset_device(engine, store, view("acme"), view("7"), &device, view_of(NULL, 0),
                                  &reset) != OTP_STATUS_OK);
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_reset_device(engine, store, view("acme"), view("7"), NULL, view("x"),
                                                        &reset));
    CHECK(reset == 7);
    OK(otp_engine_reset_device(engine, store, view("acme"), view("7"), &device, view("at the branch"), &reset));
    CHECK(reset == 1);
    OK(otp_engine_verify_devices(engine, store, right.binding, devices, 1, right.code.data, right.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_ALREADY_USED);
    OK(otp_engine_verify_devices(engine, store, next.binding, devices, 1, next.code.data, next.code.len, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.matched == 4);
    OK(otp_engine_reset_device(engine, store, view("acme"), view("7"), &device, view("again"), &reset));
    CHECK(reset == 0);
    otp_hotp_free(token);
    otp_store_free(store);
    otp_engine_free(engine);
    otp_key_ring_free(ring);
}

/* An engine that signs, and the public half of its key. */
static otp_engine *signing_engine(otp_bytes **jwks) {
    static const uint8_t seed[32] = {7};
    otp_key_ring *ring = sample_ring();
    otp_signing_key *key = NULL;
    otp_engine *engine = NULL;
    SIZED(otp_engine_options, options);
    OK(otp_signing_key_from_seed(view_of(seed, sizeof seed), &key));
    OK(otp_signing_key_public_jwks(key, jwks));
    options.signing_key = key;
    OK(otp_engine_new(ring, &options, &engine));
    otp_signing_key_free(key);
    otp_key_ring_free(ring);
    return engine;
}

static void case_614_a_code_of_each_device_leaves_a_record(void) {
    otp_bytes *jwks = NULL, *records = NULL;
    otp_engine *engine = signing_engine(&jwks);
    otp_store *store = NULL, *forgetful = sample_store();
    otp_hotp *hotp = make_hotp(0);
    otp_ocra *ocra = make_ocra("OCRA-1:HOTP-SHA256-8:QH16");
    attempt first = attempt_at(engine, "15", "755224"), second = attempt_at(engine, "15", "287082"), answer;
    otp_binding_options named = sample_binding();
    const otp_device *devices[1];
    uint8_t question[16], code[OTP_CODE_CAPACITY];
    size_t needed = 0;
    SIZED(otp_device, device);
    SIZED(otp_evidence, evidence);
    SIZED(otp_ocra_inputs, inputs);
    SIZED(otp_oath_verdict, verdict);
    OK(otp_store_memory_new(0, 1, &store));
    STATUS(OTP_STATUS_STORE_UNSUPPORTED,
           otp_engine_verify_hotp(engine, forgetful, first.binding, hotp, first.code.data, first.code.len, 5, NULL, &verdict));

    evidence.signer_name = view("\a");
    OK(otp_engine_verify_hotp(engine, store, first.binding, hotp, first.code.data, first.code.len, 5, &evidence, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_EVIDENCE && verdict.evidence_kind == OTP_EVIDENCE_KIND_SIGNER_NAME);
    CHECK(verdict.evidence_fault == OTP_EVIDENCE_FAULT_UNFIT && verdict.record == NULL);
    evidence.struct_size = 1;
    STATUS(OTP_STATUS_STRUCT_SIZE,
           otp_engine_verify_hotp(engine, store, first.binding, hotp, first.code.data, first.code.len, 5, &evidence, &verdict));
    CHECK(detail_names("evidence"));
    evidence.struct_size = sizeof evidence;
    evidence.signer_name = view("Siti");
    verdict.struct_size = offsetof(otp_oath_verdict, record); /* it could not hand the record out */
    STATUS(OTP_STATUS_STRUCT_SIZE,
           otp_engine_verify_hotp(engine, store, first.binding, hotp, first.code.data, first.code.len, 5, &evidence, &verdict));
    verdict.struct_size = sizeof verdict;
    OK(otp_engine_verify_hotp(engine, store, first.binding, hotp, first.code.data, first.code.len, 5, &evidence, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record != NULL && verdict.record_sequence == 1);
    CHECK(strlen((const char *)verdict.record_id) == 22);
    otp_bytes_free(verdict.record);

    device.hotp = hotp;
    devices[0] = &device;
    OK(otp_engine_verify_devices(engine, store, second.binding, devices, 1, second.code.data, second.code.len, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record != NULL && verdict.record_sequence == 2);
    otp_bytes_free(verdict.record);

    OK(otp_engine_ocra_question(engine, first.binding, ocra, question, sizeof question, &needed));
    inputs.question = view_of(question, needed);
    OK(otp_ocra_generate(ocra, &inputs, code, sizeof code));
    answer = attempt_at(engine, "15", (const char *)code);
    OK(otp_engine_verify_ocra(engine, store, answer.binding, ocra, NULL, answer.code.data, answer.code.len, &evidence, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record != NULL && verdict.record_sequence == 3);
    otp_bytes_free(verdict.record);
    OK(otp_engine_resynchronise_hotp(engine, store, first.binding, hotp, view("399871"), view("520489"), 99, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.matched == 9 && verdict.record_sequence == 4);
    otp_bytes_free(verdict.record);

    OK(otp_engine_signatures(engine, store, named.tenant, &named.target, 9, &records));
    {
        otp_view lines = view_of(otp_bytes_data(records), otp_bytes_len(records));
        otp_view keys = view_of(otp_bytes_data(jwks), otp_bytes_len(jwks));
        int32_t valid = 0;
        otp_bytes *verdicts = NULL;
        SIZED(otp_expected, expected);
        expected.tenant = view("acme");
        OK(otp_verify_chain(lines, keys, &expected, &valid, &verdicts));
        CHECK(valid == 1);
        otp_bytes_free(verdicts);
    }
    otp_bytes_free(records);
    otp_bytes_free(jwks);
    otp_ocra_free(ocra);
    otp_hotp_free(hotp);
    otp_store_free(forgetful);
    otp_store_free(store);
    otp_engine_free(engine);
}

int main(void) {
    case_614_a_code_of_each_device_leaves_a_record();
    case_131_a_reset_sets_a_device_right_and_says_why();
    case_129_what_makes_other_codes_or_none_is_refused();
    case_130_several_devices_are_one_call_and_one_charge();
    hotp_codes_are_those_of_rfc_4226();
    totp_codes_are_those_of_rfc_6238();
    ocra_codes_are_those_of_rfc_6287();
    what_cannot_be_used_is_refused_by_name();
    secrets_and_uris_are_read_and_written();
    an_engine_takes_a_code_once_and_counts_wrong_ones();
    return done("oath");
}
