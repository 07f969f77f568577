/* No branch and no address depends on a secret: memcheck follows them as undefined memory.
 *
 * Every secret that goes into the library is marked undefined first, and so is every salt that it draws.
 * memcheck then reports each branch and each address that depends on one; `reveal` alone is excused, by its
 * name, in constant_time.supp. What leaves on purpose is marked defined where it leaves: keys and bodies of
 * cells in the store's callbacks, codes and records below. A verdict is not: it must be public by itself.
 *
 * The program runs under valgrind alone, and says of each row how many errors there were. The rows that
 * begin with "planted" are the functions of planted/constant_time.rs: each must give one at least.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <sys/types.h>
#include <valgrind/memcheck.h>

#include "host_store.h"

#ifdef __cplusplus
extern "C" {
#endif
ssize_t getrandom(void *buffer, size_t length, unsigned int flags);
int twin_early_exit(const uint8_t *a, const uint8_t *b, size_t len);
int twin_equals(const uint8_t *a, const uint8_t *b, size_t len);
int twin_table(const uint8_t *a, const uint8_t *b, size_t len);
int twin_branch(const uint8_t *a, const uint8_t *b, size_t len);
#ifdef __cplusplus
}
#endif

static int64_t now = 1715767200;
static int draws_are_secret = 0;
static unsigned long failed_rows = 0;

static void make_secret(const void *from, size_t len) { VALGRIND_MAKE_MEM_UNDEFINED(from, len); }

static void make_public(const void *from, size_t len) { VALGRIND_MAKE_MEM_DEFINED(from, len); }

/* Says whether each byte still depends on a secret; otherwise nothing would be followed. */
static int depends_on_secrets(const uint8_t *from, size_t len) {
    uint8_t bits[64];
    size_t at;
    CHECK(len > 0 && len <= sizeof bits && VALGRIND_GET_VBITS(from, bits, len) == 1);
    make_public(bits, len);
    for (at = 0; at < len; at++) {
        if (bits[at] == 0) return 0;
    }
    return 1;
}

/* Ends a row: how many errors there were since the last one. */
static void row(const char *claim) {
    static unsigned long before = 0;
    unsigned long errors = VALGRIND_COUNT_ERRORS - before;
    int planted = strncmp(claim, "planted", 7) == 0;
    before += errors;
    if (planted != (errors > 0)) failed_rows++;
    printf("row: %s: %lu\n", claim, errors);
    fflush(stdout);
}

/* In the place of the system's: the same numbers in each run, and secret where they are salts. */
ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    static uint64_t state = 88172645463325252U;
    size_t at;
    (void)flags;
    for (at = 0; at < length; at++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((uint8_t *)buffer)[at] = (uint8_t)(state >> 32);
    }
    if (draws_are_secret && length > 0) make_secret(buffer, length);
    return (ssize_t)length;
}

static int32_t clock_now(void *user_data, int64_t *out) {
    (void)user_data;
    *out = now;
    return 1;
}

/* The store: what arrives in its callbacks is public by then. */

static shelf kept_cells;

static int32_t load(void *user_data, const uint8_t *keys, size_t key_count, otp_buffer *reply) {
    make_public(keys, 32 * key_count);
    return shelf_load(user_data, keys, key_count, reply);
}

static int32_t commit(void *user_data, const uint8_t *writes, size_t writes_len, int64_t at, int32_t *outcome_out) {
    make_public(writes, writes_len);
    return shelf_commit(user_data, writes, writes_len, at, outcome_out);
}

static otp_store *new_store(void) {
    otp_host_store functions = shelf_functions(&kept_cells);
    functions.load = load;
    functions.commit = commit;
    return store_of(&functions);
}

/* An engine of secrets that are all followed; records are signed where `signs`. */
static otp_engine *new_engine(uint8_t seed, int signs) {
    uint8_t secrets[3][32];
    size_t at;
    otp_key_ring *ring = NULL;
    otp_signing_key *key = NULL;
    otp_engine *engine = NULL;
    otp_code_key code;
    SIZED(otp_key_ring_options, keys);
    SIZED(otp_engine_options, options);
    for (at = 0; at < sizeof secrets; at++) secrets[at / 32][at % 32] = (uint8_t)(seed + 7 * at);
    make_secret(secrets, sizeof secrets);
    memset(&code, 0, sizeof code);
    code.kid = view("2026a");
    code.secret = view_of(secrets[0], 32);
    keys.codes = &code;
    keys.code_count = 1;
    keys.code_size = sizeof code;
    keys.index = view_of(secrets[1], 32);
    OK(otp_key_ring_new(&keys, &ring));
    if (signs) OK(otp_signing_key_from_seed(view_of(secrets[2], 32), &key));
    options.clock.now = clock_now;
    options.signing_key = key;
    OK(otp_engine_new(ring, &options, &engine));
    otp_key_ring_free(ring);
    otp_signing_key_free(key);
    return engine;
}

/* The sample binding with a record, user and number of its own, so that no limit is met. */
static attempt attempt_by(const otp_engine *engine, uint32_t number, const char *recipient, const char *code) {
    char record[16], user[16];
    otp_binding_options binding = sample_binding();
    snprintf(record, sizeof record, "r%u", (unsigned)number);
    snprintf(user, sizeof user, "u%u", (unsigned)number);
    binding.target.id = view(record);
    binding.user = view(user);
    binding.recipient = view(recipient);
    return attempt_of(engine, &binding, code);
}

static otp_issued issued_for(const otp_engine *engine, const otp_store *store, uint32_t number, const char *to) {
    attempt given = attempt_by(engine, number, to, "");
    SIZED(otp_issued, issued);
    OK(otp_engine_issue(engine, store, given.binding, &issued));
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
    return issued;
}

static otp_verdict judged(const otp_engine *engine, const otp_store *store, uint32_t number, const char *to,
                          const char *typed) {
    attempt given = attempt_by(engine, number, to, typed);
    SIZED(otp_verdict, verdict);
    OK(otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len, &verdict));
    return verdict;
}

static void rejects(otp_verdict verdict, int32_t rejection) {
    CHECK(verdict.outcome == OTP_OUTCOME_REJECTED);
    CHECK(verdict.rejection == rejection);
}

/* Issue and verify of one kind of code. */
static void kind(const otp_engine *base, const otp_store *store, int32_t code, uint32_t symbols, const char *name) {
    static uint32_t number = 0;
    char to[16], wrong[32], issue_row[64], verify_row[160];
    otp_engine *engine = NULL;
    otp_issued first, again;
    SIZED(otp_policy, policy);
    static uint32_t length;
    number++;
    snprintf(to, sizeof to, "6012345%04u", (unsigned)number);
    OK(otp_policy_default(&policy));
    policy.code = code;
    policy.symbols = symbols;
    OK(otp_engine_with_policy(base, &policy, &engine));
    length = code == OTP_CODE_TOKEN ? 26 : symbols;

    first = issued_for(engine, store, number, to);
    CHECK(depends_on_secrets(first.code, length));
    now += 60;
    again = issued_for(engine, store, number, to);
    CHECK(depends_on_secrets(again.code, length));
    make_public(first.code, sizeof first.code); /* handed to the gateway */
    make_public(again.code, sizeof again.code);
    CHECK(memcmp(first.code, again.code, sizeof first.code) == 0 && first.code[length] == 0);
    snprintf(issue_row, sizeof issue_row, "issue of %s, and once more", name);
    row(issue_row);

    rejects(judged(engine, store, number + 1000, to, (const char *)first.code), OTP_REJECTION_UNKNOWN);
    rejects(judged(engine, store, number, "60198765432", (const char *)first.code), OTP_REJECTION_MISMATCH);
    memcpy(wrong, first.code, sizeof first.code);
    wrong[0] = (char)(wrong[0] == '0' ? '1' : '0');
    rejects(judged(engine, store, number, to, wrong), OTP_REJECTION_WRONG);
    memcpy(wrong, first.code, sizeof first.code);
    wrong[length - 1] = (char)(wrong[length - 1] == '0' ? '1' : '0');
    rejects(judged(engine, store, number, to, wrong), OTP_REJECTION_WRONG);
    wrong[length - 1] = 0;
    rejects(judged(engine, store, number, to, wrong), OTP_REJECTION_MALFORMED);
    wrong[length - 1] = wrong[length] = '0';
    wrong[length + 1] = 0;
    rejects(judged(engine, store, number, to, wrong), OTP_REJECTION_MALFORMED);
    CHECK(judged(engine, store, number, to, (const char *)first.code).outcome == OTP_OUTCOME_ACCEPTED);
    rejects(judged(engine, store, number, to, (const char *)first.code), OTP_REJECTION_ALREADY_USED);
    snprintf(verify_row, sizeof verify_row,
             "verify of %s: nothing issued, another number, wrong first or last, shorter, longer, right, used", name);
    row(verify_row);
    otp_engine_free(engine);
}

static void every_kind_of_code(const otp_engine *engine, const otp_store *store) {
    uint32_t symbols;
    char name[32];
    for (symbols = 6; symbols <= 10; symbols++) {
        snprintf(name, sizeof name, "%u digits", (unsigned)symbols);
        kind(engine, store, OTP_CODE_DIGITS, symbols, name);
    }
    for (symbols = 4; symbols <= 26; symbols++) {
        snprintf(name, sizeof name, "%u letters", (unsigned)symbols);
        kind(engine, store, OTP_CODE_LETTERS, symbols, name);
    }
    kind(engine, store, OTP_CODE_TOKEN, 0, "a token");
}

static void the_rest_of_a_challenge(const otp_engine *engine, const otp_store *store) {
    attempt given = attempt_by(engine, 2000, "60123450000", "");
    otp_issued issued = issued_for(engine, store, 2000, "60123450000");
    int32_t said = 0;
    uint64_t dropped = 0;
    SIZED(otp_challenge, challenge);
    SIZED(otp_delivery_report, report);
    SIZED(otp_issued, claimed);
    OK(otp_engine_status(engine, store, given.binding, &challenge));
    CHECK(challenge.state == OTP_CHALLENGE_STATE_PENDING);
    memcpy(report.challenge_id, issued.challenge_id, sizeof report.challenge_id);
    report.send = 1;
    OK(otp_engine_claim_send(engine, store, given.binding, view((const char *)issued.challenge_id), 1, &claimed));
    CHECK(depends_on_secrets(claimed.code, 6));
    make_public(claimed.code, sizeof claimed.code); /* handed to the gateway */
    CHECK(claimed.outcome == OTP_OUTCOME_ISSUED && claimed.code[6] == 0);
    OK(otp_engine_report_delivery(engine, store, given.binding, &report, &said));
    CHECK(said == 2);
    OK(otp_engine_cancel(engine, store, given.binding, &said));
    CHECK(said == 1);
    OK(otp_engine_unlock(engine, store, view("acme"), view("u2000"), &said));
    OK(otp_engine_reset_slot(engine, store, given.binding, view("why"), &said));
    OK(otp_engine_reset_recipient(engine, store, given.binding, view("why"), &said));
    OK(otp_engine_reset_user(engine, store, view("acme"), view("u2000"), view("why"), &said));
    OK(otp_engine_purge(engine, store, 10, &dropped));
    row("claim, status, delivery, cancel, unlock, resets and purge");
}

/* The newest cell of the store, changed at one place, and put right again. */
static void seals(const otp_engine *engine, const otp_store *store) {
    attempt given = attempt_by(engine, 3000, "60123450001", "");
    size_t slot = kept_cells.count, at;
    SIZED(otp_challenge, challenge);
    issued_for(engine, store, 3000, "60123450001");
    CHECK(kept_cells.count > slot);
    for (; slot < kept_cells.count; slot++) {
        size_t places[4];
        places[0] = 0;
        places[1] = kept_cells.cells[slot].len - 17; /* the last before the seal */
        places[2] = kept_cells.cells[slot].len - 16;
        places[3] = kept_cells.cells[slot].len - 1;
        for (at = 0; at < 4; at++) {
            SIZED(otp_issued, issued);
            kept_cells.cells[slot].body[places[at]] ^= 1;
            STATUS(OTP_STATUS_TAMPERED, otp_engine_issue(engine, store, given.binding, &issued));
            kept_cells.cells[slot].body[places[at]] ^= 1;
        }
        kept_cells.cells[slot].head[7] ^= 1; /* another version */
        STATUS(OTP_STATUS_TAMPERED, otp_engine_status(engine, store, given.binding, &challenge));
        kept_cells.cells[slot].head[7] ^= 1;
    }
    OK(otp_engine_status(engine, store, given.binding, &challenge));
    CHECK(challenge.state == OTP_CHALLENGE_STATE_PENDING);
    row("the seal's check: body, seal or version changed, and as it was");
}

static void canary(const otp_engine *engine, const otp_store *store) {
    otp_engine *other = new_engine(0x5A, 0);
    int32_t keys = 0;
    OK(otp_engine_check_store(engine, store, &keys));
    CHECK(keys == OTP_STORE_KEYS_BEGUN);
    OK(otp_engine_check_store(engine, store, &keys));
    CHECK(keys == OTP_STORE_KEYS_PROVEN);
    STATUS(OTP_STATUS_FOREIGN_STORE, otp_engine_check_store(other, store, &keys));
    otp_engine_free(other);
    row("the canary's check: these keys, and others");
}

static void records(const otp_store *store) {
    otp_engine *engine = new_engine(0xA5, 1);
    SIZED(otp_evidence, evidence);
    uint32_t number;
    row("a signing key of a seed");
    evidence.user_name = view("Aisyah");
    evidence.signer_name = view("Aisyah binti Rahman");
    evidence.consent = view("I accept the offer.");
    evidence.ip = view("192.0.2.7");
    evidence.agent = view("a browser");
    for (number = 0; number < 2; number++) {
        otp_issued issued = issued_for(engine, store, 4000, "60123450002");
        const uint8_t *text;
        size_t len, at;
        SIZED(otp_submission, submission);
        SIZED(otp_verdict, verdict);
        make_public(issued.code, sizeof issued.code);
        submission.binding = attempt_by(engine, 4000, "60123450002", "").binding;
        submission.code = view((const char *)issued.code);
        submission.evidence = &evidence;
        draws_are_secret = 1;
        OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
        draws_are_secret = 0;
        CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record_sequence == number + 1);
        text = otp_bytes_data(verdict.record);
        len = otp_bytes_len(verdict.record);
        for (at = 0; at < len && text[at] != '~'; at++) continue; /* what is signed is public */
        CHECK(at > 200 && at + 200 < len);
        /* The first disclosure: [" in base64url, then its salt. */
        CHECK(depends_on_secrets(text + at + 4, 24));
        otp_bytes_free(verdict.record);
        now += 60;
    }
    row("verify with evidence: two signed records and their salts");
    otp_engine_free(engine);
}

/* Codes of devices. */

static uint8_t *device_secret(void) {
    static uint8_t secret[32];
    size_t at;
    make_public(secret, sizeof secret);
    for (at = 0; at < sizeof secret; at++) secret[at] = (uint8_t)(at * 11 + 1);
    make_secret(secret, sizeof secret);
    return secret;
}

static void other_digit(uint8_t *code, size_t at) { code[at] = (uint8_t)(code[at] == '0' ? '1' : '0'); }

static otp_oath_verdict judged_hotp(const otp_engine *engine, const otp_store *store, const otp_hotp *hotp,
                                    const uint8_t *typed, otp_view second, uint32_t look_ahead) {
    attempt given = attempt_by(engine, 5000, "60123450003", (const char *)typed);
    SIZED(otp_oath_verdict, verdict);
    if (second.data != NULL) {
        OK(otp_engine_resynchronise_hotp(engine, store, given.binding, hotp, given.code, second, look_ahead, NULL, &verdict));
    } else {
        OK(otp_engine_verify_hotp(engine, store, given.binding, hotp, given.code.data, given.code.len, look_ahead, NULL, &verdict));
    }
    return verdict;
}

static void hotp(const otp_engine *engine, const otp_store *store, int32_t hash, uint32_t digits, const char *name) {
    otp_hotp *key = NULL;
    uint8_t codes[6][OTP_CODE_CAPACITY], wrong[OTP_CODE_CAPACITY];
    uint64_t at;
    otp_view none = view_of(NULL, 0);
    otp_oath_verdict verdict;
    SIZED(otp_oath_match, match);
    char claim[160];
    OK(otp_hotp_new(view_of(device_secret(), 32), hash, digits, 0, &key));
    for (at = 0; at < 6; at++) {
        OK(otp_hotp_generate(key, 3 * at / 2, codes[at], sizeof codes[at])); /* 0 1 3 4 6 7 */
        CHECK(depends_on_secrets(codes[at], digits));
        make_public(codes[at], sizeof codes[at]);
    }
    memcpy(wrong, codes[0], sizeof wrong);
    other_digit(wrong, digits - 1);
    OK(otp_hotp_verify(key, codes[2], digits, 0, 9, &match));
    CHECK(match.matched == 1 && match.counter == 3);
    OK(otp_hotp_verify(key, wrong, digits, 0, 9, &match));
    CHECK(match.matched == 0);
    OK(otp_hotp_resynchronise(key, view_of(codes[2], digits), view_of(codes[3], digits), 0, 100, &match));
    CHECK(match.matched == 1 && match.counter == 4);
    OK(otp_hotp_resynchronise(key, view_of(codes[2], digits), view_of(codes[2], digits), 0, 100, &match));
    CHECK(match.matched == 0);
    verdict = judged_hotp(engine, store, key, codes[1], none, 5);
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.matched == 1);
    verdict = judged_hotp(engine, store, key, codes[1], none, 5);
    CHECK(verdict.rejection == OTP_REJECTION_ALREADY_USED);
    verdict = judged_hotp(engine, store, key, wrong, none, 5);
    CHECK(verdict.rejection == OTP_REJECTION_WRONG);
    verdict = judged_hotp(engine, store, key, codes[4], view_of(codes[5], digits), 50);
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.matched == 7);
    otp_hotp_free(key);
    snprintf(claim, sizeof claim, "HOTP, %s: code, right, wrong, used, two in a row; key and engine", name);
    row(claim);
}

static otp_oath_verdict judged_totp(const otp_engine *engine, const otp_store *store, const otp_totp *totp,
                                    const uint8_t *typed, otp_view second, uint32_t window) {
    attempt given = attempt_by(engine, 5001, "60123450004", (const char *)typed);
    SIZED(otp_oath_verdict, verdict);
    if (second.data != NULL) {
        OK(otp_engine_resynchronise_totp(engine, store, given.binding, totp, given.code, second, window, NULL, &verdict));
    } else {
        OK(otp_engine_verify_totp(engine, store, given.binding, totp, given.code.data, given.code.len, window, NULL, &verdict));
    }
    return verdict;
}

static void totp(const otp_engine *engine, const otp_store *store, int32_t hash, uint32_t digits, const char *name) {
    otp_totp *key = NULL;
    uint8_t codes[4][OTP_CODE_CAPACITY], wrong[OTP_CODE_CAPACITY];
    size_t at;
    otp_view none = view_of(NULL, 0);
    SIZED(otp_oath_match, match);
    char claim[160];
    OK(otp_totp_new(view_of(device_secret(), 32), hash, digits, 30, &key));
    for (at = 0; at < 4; at++) {
        OK(otp_totp_generate(key, now + 30 * (int64_t)at, codes[at], sizeof codes[at]));
        CHECK(depends_on_secrets(codes[at], digits));
        make_public(codes[at], sizeof codes[at]);
    }
    memcpy(wrong, codes[0], sizeof wrong);
    other_digit(wrong, 0);
    OK(otp_totp_verify(key, codes[1], digits, now, 1, &match));
    CHECK(match.matched == 1 && match.step == (uint64_t)now / 30 + 1);
    OK(otp_totp_verify(key, wrong, digits, now, 1, &match));
    CHECK(match.matched == 0);
    OK(otp_totp_resynchronise(key, view_of(codes[2], digits), view_of(codes[3], digits), now, 5, &match));
    CHECK(match.matched == 1);
    CHECK(judged_totp(engine, store, key, codes[0], none, 1).outcome == OTP_OUTCOME_ACCEPTED);
    CHECK(judged_totp(engine, store, key, codes[0], none, 1).rejection == OTP_REJECTION_ALREADY_USED);
    CHECK(judged_totp(engine, store, key, wrong, none, 1).rejection == OTP_REJECTION_WRONG);
    CHECK(judged_totp(engine, store, key, codes[2], view_of(codes[3], digits), 5).outcome == OTP_OUTCOME_ACCEPTED);
    otp_totp_free(key);
    snprintf(claim, sizeof claim, "TOTP, %s: code, right, wrong, used, two in a row; key and engine", name);
    row(claim);
}

static void ocra(const otp_engine *engine, const otp_store *store, const char *suite) {
    static uint32_t number = 6000; /* of a record: an answer is good once for each */
    const int has_pin = strstr(suite, "-PSHA1") != NULL;
    otp_ocra *key = NULL;
    uint8_t code[OTP_CODE_CAPACITY], wrong[OTP_CODE_CAPACITY], pin[20], question[64];
    attempt given = attempt_by(engine, ++number, "60123450005", "");
    size_t len = 0, digits = 8;
    SIZED(otp_ocra_inputs, inputs);
    SIZED(otp_oath_match, match);
    SIZED(otp_oath_verdict, verdict);
    char claim[160];
    OK(otp_ocra_new(view(suite), view_of(device_secret(), 32), &key));
    memset(pin, 7, sizeof pin);
    make_secret(pin, sizeof pin);
    OK(otp_engine_ocra_question(engine, given.binding, key, question, sizeof question, &len));
    inputs.question = view_of(question, len);
    if (has_pin) inputs.pin_digest = view_of(pin, sizeof pin);
    inputs.has_counter = strstr(suite, ":C-") != NULL;
    inputs.has_now = strstr(suite, "-T1M") != NULL;
    inputs.now = inputs.has_now ? now : 0;
    OK(otp_ocra_generate(key, &inputs, code, sizeof code));
    CHECK(depends_on_secrets(code, digits));
    make_public(code, sizeof code);
    memcpy(wrong, code, sizeof wrong);
    other_digit(wrong, digits - 1);
    OK(otp_ocra_verify(key, &inputs, code, digits, &match));
    CHECK(match.matched == 1);
    OK(otp_ocra_verify(key, &inputs, wrong, digits, &match));
    CHECK(match.matched == 0);
    inputs.question = view_of(NULL, 0);
    inputs.now = inputs.has_now = 0; /* question and time are the engine's */
    given = attempt_by(engine, number, "60123450005", (const char *)wrong);
    OK(otp_engine_verify_ocra(engine, store, given.binding, key, &inputs, given.code.data, given.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_WRONG);
    given = attempt_by(engine, number, "60123450005", (const char *)code);
    OK(otp_engine_verify_ocra(engine, store, given.binding, key, &inputs, given.code.data, given.code.len, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED);
    OK(otp_engine_verify_ocra(engine, store, given.binding, key, &inputs, given.code.data, given.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_ALREADY_USED);
    otp_ocra_free(key);
    snprintf(claim, sizeof claim, "OCRA, %s: question, answer, right, wrong, used; key and engine", suite);
    row(claim);
}

/* A text that may be a code of either of two devices. */
static void devices(const otp_engine *engine, const otp_store *store) {
    const otp_device *both[2];
    otp_hotp *hotp = NULL;
    otp_totp *totp = NULL;
    uint8_t code[OTP_CODE_CAPACITY];
    attempt given;
    SIZED(otp_device, first);
    SIZED(otp_device, second);
    SIZED(otp_oath_verdict, verdict);
    OK(otp_hotp_new(view_of(device_secret(), 31), OTP_HASH_SHA1, 6, 0, &hotp));
    OK(otp_totp_new(view_of(device_secret(), 31), OTP_HASH_SHA1, 6, 30, &totp));
    first.totp = totp;
    second.hotp = hotp;
    first.reach = second.reach = 2;
    both[0] = &first;
    both[1] = &second;
    OK(otp_hotp_generate(hotp, 1, code, sizeof code));
    make_public(code, sizeof code);
    given = attempt_by(engine, 5002, "60123450006", (const char *)code);
    OK(otp_engine_verify_devices(engine, store, given.binding, both, 2, given.code.data, given.code.len, NULL, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.device == 1);
    other_digit(code, 5);
    given = attempt_by(engine, 5002, "60123450006", (const char *)code);
    OK(otp_engine_verify_devices(engine, store, given.binding, both, 2, given.code.data, given.code.len, NULL, &verdict));
    CHECK(verdict.rejection == OTP_REJECTION_WRONG);
    both[0] = &second;
    STATUS(OTP_STATUS_ARGUMENT,
           otp_engine_verify_devices(engine, store, given.binding, both, 2, given.code.data, given.code.len, NULL, &verdict));
    otp_hotp_free(hotp);
    otp_totp_free(totp);
    row("two devices at once: right, wrong, one of them twice");
}

/* The record of a device's code: its salts, its name among the operator's credentials, its question. */
static void records_of_devices(const otp_store *store) {
    otp_engine *engine = new_engine(0xA5, 1);
    otp_hotp *hotp = NULL;
    uint8_t code[OTP_CODE_CAPACITY];
    attempt given;
    SIZED(otp_evidence, evidence);
    SIZED(otp_oath_verdict, verdict);
    OK(otp_hotp_new(view_of(device_secret(), 30), OTP_HASH_SHA1, 6, 0, &hotp));
    evidence.signer_name = view("Aisyah binti Rahman");
    OK(otp_hotp_generate(hotp, 1, code, sizeof code));
    make_public(code, sizeof code);
    given = attempt_by(engine, 5003, "60123450007", (const char *)code);
    draws_are_secret = 1;
    OK(otp_engine_verify_hotp(engine, store, given.binding, hotp, given.code.data, given.code.len, 2, &evidence, &verdict));
    draws_are_secret = 0;
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record != NULL && verdict.record_sequence == 1);
    otp_bytes_free(verdict.record);
    otp_hotp_free(hotp);
    otp_engine_free(engine);
    row("a code of a device with evidence: its signed record");
}

static void secrets_in_base32(void) {
    uint8_t text[64], back[32];
    size_t len = 0;
    OK(otp_base32_encode(view_of(device_secret(), 32), text, sizeof text, &len));
    CHECK(len == 52 && depends_on_secrets(text, 51));
    OK(otp_base32_decode(view_of(text, len), back, sizeof back, &len));
    CHECK(len == 32 && depends_on_secrets(back, 32));
    row("a device's secret in base32, written and read");
}

static void every_device(const otp_engine *engine, const otp_store *store) {
    hotp(engine, store, OTP_HASH_SHA1, 6, "SHA-1, 6 digits");
    hotp(engine, store, OTP_HASH_SHA256, 8, "SHA-256, 8 digits");
    hotp(engine, store, OTP_HASH_SHA512, 10, "SHA-512, 10 digits");
    totp(engine, store, OTP_HASH_SHA1, 6, "SHA-1, 6 digits");
    totp(engine, store, OTP_HASH_SHA256, 7, "SHA-256, 7 digits");
    totp(engine, store, OTP_HASH_SHA512, 9, "SHA-512, 9 digits");
    ocra(engine, store, "OCRA-1:HOTP-SHA1-8:QH40");
    ocra(engine, store, "OCRA-1:HOTP-SHA256-8:C-QH40-PSHA1");
    ocra(engine, store, "OCRA-1:HOTP-SHA512-8:QH64-T1M");
    devices(engine, store);
    secrets_in_base32();
}

/* The faults that the check must see, each in a function that does nothing else. */
static void planted(void) {
    uint8_t secret[26], typed[26];
    size_t len = sizeof secret;
    memset(secret, '4', sizeof secret);
    memset(typed, '4', sizeof typed);
    make_secret(secret, sizeof secret);
    (void)twin_early_exit(secret, typed, len);
    row("planted: a comparison that stops at the first difference");
    (void)twin_equals(secret, typed, len);
    row("planted: == on slices");
    (void)twin_table(secret, typed, len);
    row("planted: a table read at a secret");
    (void)twin_branch(secret, typed, len);
    row("planted: a constant-time comparison whose bit is branched on without reveal");
}

int main(int argc, char **argv) {
    otp_engine *engine;
    otp_store *store;
    if (!RUNNING_ON_VALGRIND) {
        fprintf(stderr, "constant_time: outside of valgrind nothing is followed\n");
        return 1;
    }
    engine = new_engine(0xC3, 0);
    row("a key ring, of its secrets");
    store = new_store();
    canary(engine, store);
    if (argc > 1 && strcmp(argv[1], "--quick") == 0) {
        kind(engine, store, OTP_CODE_DIGITS, 6, "6 digits");
        otp_engine_free(engine);
        otp_store_free(store);
        return failed_rows == 0 ? done("constant_time") : 1;
    }
    every_kind_of_code(engine, store);
    the_rest_of_a_challenge(engine, store);
    seals(engine, store);
    records(store);
    every_device(engine, store);
    records_of_devices(store);
    otp_engine_free(engine);
    otp_store_free(store);
    row("wiping at the end");
    planted();
    printf("constant_time: %lu rows failed\n", failed_rows);
    return failed_rows == 0 ? done("constant_time") : 1;
}
