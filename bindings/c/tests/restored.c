/* What outlives a backup, a page that was lost, and what stands in a foreign key set. C99 and C++11 alike. */
#include "host_store.h"

static const char *SECRET = "12345678901234567890";
static const int64_t START = 1790000010; /* in the middle of a step of 30 seconds */

static int32_t tell(void *user_data, int64_t *unix_seconds_out) {
    *unix_seconds_out = *(int64_t *)user_data;
    return 1;
}

/* The sample's keys under an epoch, on a clock that the test turns. */
static otp_engine *engine_of(uint32_t epoch, int64_t *now, const otp_rate_limits *rate_limits, const otp_signing_key *key) {
    otp_key_ring *ring = NULL;
    otp_engine *engine = NULL;
    otp_code_key code;
    SIZED(otp_key_ring_options, keys);
    SIZED(otp_engine_options, options);
    memset(&code, 0, sizeof code);
    code.kid = view("2026a");
    code.secret = view("a code secret of thirty-two bytes");
    keys.codes = &code;
    keys.code_count = 1;
    keys.code_size = sizeof(otp_code_key);
    keys.index = view("an index secret of thirty-two b.");
    keys.epoch = epoch;
    OK(otp_key_ring_new(&keys, &ring));
    options.clock.now = tell;
    options.clock.user_data = now;
    options.rate_limits = rate_limits;
    options.signing_key = key;
    OK(otp_engine_new(ring, &options, &engine));
    otp_key_ring_free(ring);
    return engine;
}

static otp_totp *make_totp(void) {
    otp_totp *totp = NULL;
    OK(otp_totp_new(view(SECRET), OTP_HASH_SHA1, 6, 30, &totp));
    return totp;
}

static otp_oath_verdict counted(const otp_engine *engine, const otp_store *store, const otp_hotp *hotp, uint64_t at,
                                int twice) {
    uint8_t code[OTP_CODE_CAPACITY], second[OTP_CODE_CAPACITY];
    const otp_binding *binding = bound_to(engine, "15");
    SIZED(otp_oath_verdict, verdict);
    OK(otp_hotp_generate(hotp, at, code, sizeof code));
    OK(otp_hotp_generate(hotp, at + 1, second, sizeof second));
    if (twice) {
        OK(otp_engine_resynchronise_hotp(engine, store, binding, hotp, view((const char *)code),
                                         view((const char *)second), 100, NULL, &verdict));
    } else {
        OK(otp_engine_verify_hotp(engine, store, binding, hotp, code, strlen((const char *)code), 5, NULL, &verdict));
    }
    return verdict;
}

static otp_oath_verdict timed(const otp_engine *engine, const otp_store *store, const otp_totp *totp, int64_t at,
                              const char *user, int is_wrong) {
    uint8_t code[OTP_CODE_CAPACITY];
    otp_binding_options options = sample_binding();
    SIZED(otp_oath_verdict, verdict);
    OK(otp_totp_generate(totp, at, code, sizeof code));
    if (is_wrong) code[0] = (uint8_t)('0' + (code[0] - '0' + 5) % 10);
    options.user = view(user);
    OK(otp_engine_verify_totp(engine, store, bound(engine, &options), totp, code, strlen((const char *)code),
                              is_wrong ? 0 : 1, NULL, &verdict));
    return verdict;
}

static void case_390_after_a_restored_backup_devices_begin_anew(void) {
    int64_t now = START;
    otp_engine *before = engine_of(0, &now, NULL, NULL), *after = engine_of(1, &now, NULL, NULL);
    otp_store *store = NULL, *backup = NULL;
    otp_hotp *hotp = NULL;
    otp_totp *totp = make_totp();
    otp_oath_verdict verdict;
    OK(otp_hotp_new(view(SECRET), OTP_HASH_SHA1, 6, 0, &hotp));
    OK(otp_store_memory_new(0, 1, &store));
    OK(otp_store_memory_new(0, 1, &backup));
    CHECK(counted(before, store, hotp, 0, 0).outcome == OTP_OUTCOME_ACCEPTED);
    CHECK(counted(before, backup, hotp, 0, 0).outcome == OTP_OUTCOME_ACCEPTED);
    /* Used after the backup was made: the store that is restored does not know. */
    CHECK(counted(before, store, hotp, 1, 0).outcome == OTP_OUTCOME_ACCEPTED);
    CHECK(timed(before, store, totp, START, "7", 0).outcome == OTP_OUTCOME_ACCEPTED);

    verdict = counted(after, backup, hotp, 1, 0);
    CHECK(verdict.rejection == OTP_REJECTION_RESYNCHRONISE);
    CHECK(verdict.public_rejection == OTP_PUBLIC_REJECTION_INVALID);
    CHECK(counted(after, backup, hotp, 3, 1).outcome == OTP_OUTCOME_ACCEPTED);
    verdict = counted(after, backup, hotp, 5, 0);
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.matched == 5);
    CHECK(counted(after, backup, hotp, 5, 0).rejection == OTP_REJECTION_ALREADY_USED);
    /* A host that was forgotten when the epoch was raised takes nothing. */
    CHECK(counted(before, backup, hotp, 6, 0).outcome == OTP_OUTCOME_REJECTED);

    CHECK(timed(after, backup, totp, START, "7", 0).rejection == OTP_REJECTION_ALREADY_USED);
    now += 60;
    CHECK(timed(after, backup, totp, now, "7", 0).outcome == OTP_OUTCOME_ACCEPTED);
    CHECK(timed(after, backup, totp, now, "7", 0).rejection == OTP_REJECTION_ALREADY_USED);
    otp_totp_free(totp);
    otp_hotp_free(hotp);
    otp_store_free(store);
    otp_store_free(backup);
    otp_engine_free(before);
    otp_engine_free(after);
}

static void case_391_a_device_counts_its_guesses_by_itself_and_locks_no_code_that_was_sent(void) {
    static const char *users[] = {"7", "8", "9"};
    int64_t now = START;
    otp_engine *engine;
    otp_store *store = NULL, *other = NULL;
    otp_totp *totp = make_totp();
    otp_oath_verdict verdict;
    otp_issued issued;
    int guess;
    SIZED(otp_rate_limits, rate_limits);
    OK(otp_rate_limits_default(&rate_limits));
    rate_limits.unlimited = 1;
    engine = engine_of(0, &now, &rate_limits, NULL);
    OK(otp_store_memory_new(0, 0, &store));
    /* Thirty a day, without meters, and for whomever they are made. */
    for (guess = 29; guess >= 0; guess--) {
        verdict = timed(engine, store, totp, now, users[guess % 3], 1);
        CHECK(verdict.rejection == OTP_REJECTION_WRONG && verdict.attempts_left == (uint32_t)guess);
    }
    verdict = timed(engine, store, totp, now, "7", 0);
    CHECK(verdict.rejection == OTP_REJECTION_LOCKED && verdict.has_retry_at == 1 && verdict.retry_at == now + 86400);
    now += 86399;
    CHECK(timed(engine, store, totp, now, "7", 0).rejection == OTP_REJECTION_LOCKED);
    now += 1; /* for a time: nobody who has not the device puts it out of use */
    CHECK(timed(engine, store, totp, now, "7", 0).outcome == OTP_OUTCOME_ACCEPTED);
    otp_engine_free(engine);

    /* Nor do guesses at the device lock the user's code that was sent. */
    engine = engine_of(0, &now, NULL, NULL);
    OK(otp_store_memory_new(0, 0, &other));
    for (guess = 0; guess < 20; guess++) {
        CHECK(timed(engine, other, totp, now, "7", 1).outcome == OTP_OUTCOME_REJECTED);
    }
    CHECK(timed(engine, other, totp, now, "7", 0).rejection == OTP_REJECTION_LOCKED);
    issued = issue(engine, other, "15");
    CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
    CHECK(verify(engine, other, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    otp_totp_free(totp);
    otp_store_free(store);
    otp_store_free(other);
    otp_engine_free(engine);
}

/* A host's store that can hide the cells of one kind. */
static otp_store *store_on(shelf *self) {
    otp_host_store functions = shelf_functions(self);
    return store_of(&functions);
}

static otp_signing_key *signing_key(void) {
    uint8_t seed[32];
    otp_signing_key *key = NULL;
    memset(seed, 7, sizeof seed);
    OK(otp_signing_key_from_seed(view_of(seed, sizeof seed), &key));
    return key;
}

static void case_392_a_page_that_is_gone_is_found_before_anything_is_compared(void) {
    int64_t now = START;
    shelf *self = (shelf *)calloc(1, sizeof *self);
    otp_signing_key *key = signing_key();
    otp_engine *engine = engine_of(0, &now, NULL, key);
    otp_store *store = store_on(self);
    const otp_target target = sample_binding().target;
    otp_bytes *text = NULL;
    otp_issued issued;
    otp_verdict verdict;
    const char *typed[3];
    unsigned commits;
    size_t at;
    SIZED(otp_chain_head, head);
    head.count = 99;
    CHECK(self != NULL);
    issued = issue(engine, store, "15");
    verdict = verify(engine, store, "15", (const char *)issued.code);
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record_sequence == 1);
    otp_bytes_free(verdict.record);
    now += 600;
    issued = issue(engine, store, "15");
    self->hidden = OTP_CELL_KIND_CHAIN_HEAD;
    commits = self->commits;
    typed[0] = (const char *)issued.code;
    typed[1] = wrong(&issued);
    typed[2] = "no code";
    for (at = 0; at < 3; at++) {
        attempt given = attempt_at(engine, "15", typed[at]);
        memset(&verdict, 0, sizeof verdict);
        verdict.struct_size = sizeof verdict;
        STATUS(OTP_STATUS_TAMPERED, otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len,
                                                      &verdict));
        CHECK(verdict.outcome == OTP_OUTCOME_NONE && verdict.record == NULL);
    }
    CHECK(self->commits == commits);
    /* Nobody is told that the field has no signature. */
    STATUS(OTP_STATUS_TAMPERED, otp_engine_signatures(engine, store, view("acme"), &target, 1, &text));
    STATUS(OTP_STATUS_TAMPERED, otp_engine_chain_head(engine, store, view("acme"), &target, &head));
    CHECK(text == NULL && head.count == 99);
    /* Put back, all goes on; and the code was not used up. */
    self->hidden = 0;
    verdict = verify(engine, store, "15", (const char *)issued.code);
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record_sequence == 2);
    otp_bytes_free(verdict.record);
    OK(otp_engine_chain_head(engine, store, view("acme"), &target, &head));
    CHECK(head.count == 2);
    otp_store_free(store);
    otp_engine_free(engine);
    otp_signing_key_free(key);
    free(self);
}

static void case_392_a_page_that_was_set_back_is_found_after_one_lost_commit(void) {
    int64_t now = START;
    shelf *self = (shelf *)calloc(1, sizeof *self);
    shelf_cell *before = (shelf_cell *)calloc(1, sizeof *before);
    otp_signing_key *key = signing_key();
    otp_engine *engine = engine_of(0, &now, NULL, key);
    otp_store *store = store_on(self);
    shelf_cell *page = NULL;
    otp_issued issued;
    attempt given;
    unsigned commits;
    size_t at;
    SIZED(otp_verdict, verdict);
    CHECK(self != NULL && before != NULL);
    for (at = 0; at < 2; at++) {
        otp_verdict signed_one;
        issued = issue(engine, store, "15");
        signed_one = verify(engine, store, "15", (const char *)issued.code);
        CHECK(signed_one.outcome == OTP_OUTCOME_ACCEPTED && signed_one.record_sequence == at + 1);
        otp_bytes_free(signed_one.record);
        now += 600;
        if (page == NULL) {
            for (page = self->cells; page->kind != OTP_CELL_KIND_CHAIN_HEAD;) page++;
            *before = *page;
        }
    }
    issued = issue(engine, store, "15");
    *page = *before; /* as a backup of this one cell would */
    given = attempt_at(engine, "15", (const char *)issued.code);
    commits = self->commits;
    STATUS(OTP_STATUS_TAMPERED, otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len,
                                                  &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_NONE && verdict.record == NULL && self->commits == commits + 1);
    otp_store_free(store);
    otp_engine_free(engine);
    otp_signing_key_free(key);
    free(before);
    free(self);
}

/* The unpadded base64url of 32 bytes, as a record writes a digest. */
static void base64url(const uint8_t *bytes, char *text) {
    static const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    int held = 0, at;
    for (at = 0; at < 32; at++) {
        bits = bits << 8 | bytes[at];
        for (held += 8; held >= 6; held -= 6) *text++ = letters[bits >> (held - 6) & 63];
    }
    if (held > 0) *text++ = letters[bits << (6 - held) & 63];
    *text = 0;
}

static void case_393_a_digest_that_can_be_guessed_stays_hidden(void) {
    int64_t now = START;
    otp_signing_key *key = signing_key();
    otp_engine *engine = engine_of(0, &now, NULL, key);
    const otp_target target = sample_binding().target;
    int32_t marked;
    uint8_t digest[32];
    char shown[44];
    for (marked = 0; marked < 2; marked++) {
        otp_store *store = NULL;
        otp_bytes *jwks = NULL, *text = NULL, *left = NULL;
        otp_binding_options options = sample_binding();
        int32_t valid = 0;
        SIZED(otp_erase_request, request);
        SIZED(otp_issued, issued);
        SIZED(otp_verdict, verdict);
        memset(digest, 0x5A, sizeof digest);
        base64url(digest, shown);
        OK(otp_store_memory_new(0, 1, &store));
        options.content = view_of(digest, sizeof digest);
        options.content_guessable = marked;
        OK(otp_engine_issue(engine, store, bound(engine, &options), &issued));
        /* The verify names the digest alone: the mark of the issue stays. */
        options.content_guessable = 0;
        OK(otp_engine_verify(engine, store, bound(engine, &options), issued.code, strlen((const char *)issued.code),
                             &verdict));
        CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED);
        OK(otp_signing_key_public_jwks(key, &jwks));
        OK(otp_verify_record(view_of_bytes(verdict.record), view_of_bytes(jwks), NULL, &valid, &text));
        CHECK(valid == 1);
        otp_bytes_free(text);
        /* Erased, only what was never marked is left: the control of the search, too. */
        request.tenant = view("acme");
        request.target = target;
        request.sequence = 1;
        request.details = view("dig");
        OK(otp_engine_erase(engine, store, &request, &left));
        OK(otp_verify_record(view_of_bytes(left), view_of_bytes(jwks), NULL, &valid, &text));
        CHECK(valid == 1 && bytes_hold(text, shown) == !marked);
        CHECK((otp_bytes_len(left) < otp_bytes_len(verdict.record)) == marked);
        otp_bytes_free(left);
        otp_bytes_free(text);
        otp_bytes_free(jwks);
        otp_bytes_free(verdict.record);
        otp_store_free(store);
    }
    otp_engine_free(engine);
    otp_signing_key_free(key);
}

static void case_394_what_a_jwk_set_says_beside_its_keys_is_passed_over(void) {
    static const char *foreign[] = {"null", "true", "1.5", "1e30", "-2.5E-7", "\"\\ud800\"", "[null,{\"a\":0.1}]"};
    int64_t now = START;
    otp_signing_key *key = signing_key();
    otp_engine *engine = engine_of(0, &now, NULL, key);
    otp_store *store = NULL;
    otp_bytes *jwks = NULL, *text = NULL;
    otp_issued issued;
    otp_verdict verdict;
    char ours[512], set[2048];
    const char *first, *last;
    int32_t valid = 0;
    size_t at;
    OK(otp_store_memory_new(0, 1, &store));
    issued = issue(engine, store, "15");
    verdict = verify(engine, store, "15", (const char *)issued.code);
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED && verdict.record != NULL);
    OK(otp_signing_key_public_jwks(key, &jwks));
    CHECK(otp_bytes_len(jwks) < sizeof ours);
    memcpy(ours, otp_bytes_data(jwks), otp_bytes_len(jwks));
    ours[otp_bytes_len(jwks)] = 0;
    first = strchr(ours, '['); /* {"keys":[{..}]} */
    last = strrchr(ours, ']');
    CHECK(first != NULL && last != NULL && first[1] == '{');
    for (at = 0; at < sizeof foreign / sizeof foreign[0]; at++) {
        int len = snprintf(set, sizeof set,
                           "{\"issuer\":%s,\"keys\":[{\"kty\":%s},{\"kty\":\"AKP\",\"pub\":\"AA\"},"
                           "{\"kty\":\"OKP\",\"crv\":\"Ed448\"},{\"x-other\":%s,%.*s]}",
                           foreign[at], foreign[at], foreign[at], (int)(last - first - 2), first + 2);
        CHECK(len > 0 && (size_t)len < sizeof set);
        OK(otp_verify_record(view_of_bytes(verdict.record), view(set), NULL, &valid, &text));
        CHECK(valid == 1);
        otp_bytes_free(text);
    }
    /* A set without the key is none of ours, and what is no JSON no set. */
    OK(otp_verify_record(view_of_bytes(verdict.record),
                         view("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                              "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"),
                         NULL, &valid, &text));
    CHECK(valid == 0);
    otp_bytes_free(text);
    text = NULL;
    STATUS(OTP_STATUS_KEY, otp_verify_record(view_of_bytes(verdict.record), view("{\"keys\":[null"), NULL, &valid, &text));
    CHECK(text == NULL);
    otp_bytes_free(jwks);
    otp_bytes_free(verdict.record);
    otp_store_free(store);
    otp_engine_free(engine);
    otp_signing_key_free(key);
}

static void case_395_a_purge_of_a_store_that_holds_nothing_leaves_it_new(void) {
    int64_t now = START;
    shelf *self = (shelf *)calloc(1, sizeof *self);
    otp_engine *engine = engine_of(0, &now, NULL, NULL);
    otp_store *store = store_on(self);
    uint64_t dropped = 7;
    int32_t keys = -1;
    CHECK(self != NULL);
    OK(otp_engine_purge(engine, store, 10, &dropped));
    OK(otp_engine_purge_confirmed(engine, store, 10, &dropped));
    CHECK(dropped == 0 && self->commits == 0 && self->count == 0);
    OK(otp_engine_check_store(engine, store, &keys));
    CHECK(keys == OTP_STORE_KEYS_BEGUN && self->count == 1);
    OK(otp_engine_purge(engine, store, 10, &dropped)); /* now there is something to keep */
    CHECK(self->count == 2);
    OK(otp_engine_check_store(engine, store, &keys));
    CHECK(keys == OTP_STORE_KEYS_PROVEN);
    otp_store_free(store);
    otp_engine_free(engine);
    free(self);
}

int main(void) {
    case_390_after_a_restored_backup_devices_begin_anew();
    case_391_a_device_counts_its_guesses_by_itself_and_locks_no_code_that_was_sent();
    case_392_a_page_that_is_gone_is_found_before_anything_is_compared();
    case_392_a_page_that_was_set_back_is_found_after_one_lost_commit();
    case_393_a_digest_that_can_be_guessed_stays_hidden();
    case_394_what_a_jwk_set_says_beside_its_keys_is_passed_over();
    case_395_a_purge_of_a_store_that_holds_nothing_leaves_it_new();
    return done("restored");
}
