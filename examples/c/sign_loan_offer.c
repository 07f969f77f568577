/*
 * The main job in C: a borrower signs a loan offer with a one-time code, and a record is left.
 *
 * gcc sign_loan_offer.c -lotp_engine && ./a.out           All in memory; nothing is sent.
 */
#include <otp_engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A status other than OK is a fault, never "the code was wrong": say which, and stop. */
#define MUST(call)                                                                         \
    do {                                                                                   \
        otp_status status_ = (call);                                                       \
        if (status_ != OTP_STATUS_OK) {                                                    \
            uint8_t detail_[256] = "";                                                     \
            if (otp_error_detail(detail_, sizeof detail_, NULL) != OTP_STATUS_OK) detail_[0] = 0; \
            fprintf(stderr, "%s: %s: %s\n", #call, otp_status_text(status_), (char *)detail_); \
            exit(2);                                                                       \
        }                                                                                  \
    } while (0)

static otp_view text(const char *text) {
    otp_view view = {(const uint8_t *)text, strlen(text)};
    return view;
}

/* Secrets come from the host's configuration: at least 32 random bytes each. */
static void read_secret(uint8_t secret[32]) {
    FILE *random = fopen("/dev/urandom", "rb");
    if (random == NULL || fread(secret, 1, 32, random) != 32) {
        fprintf(stderr, "no randomness\n");
        exit(2);
    }
    fclose(random);
}

static otp_engine *make_engine(void) {
    uint8_t code_secret[32], index_secret[32], seed[32];
    otp_code_key code;
    otp_key_ring_options keys;
    otp_engine_options options;
    otp_key_ring *ring;
    otp_signing_key *signing_key;
    otp_engine *engine;

    read_secret(code_secret);
    read_secret(index_secret);
    read_secret(seed);
    memset(&code, 0, sizeof code);
    code.kid = text("2026a");
    code.secret.data = code_secret;
    code.secret.len = sizeof code_secret;
    memset(&keys, 0, sizeof keys);
    keys.struct_size = sizeof keys;
    keys.codes = &code;
    keys.code_count = 1;
    keys.code_size = sizeof(otp_code_key);
    keys.current = text("2026a");
    keys.index.data = index_secret;
    keys.index.len = sizeof index_secret;
    MUST(otp_key_ring_new(&keys, &ring));
    MUST(otp_signing_key_from_seed((otp_view){seed, sizeof seed}, &signing_key));

    /* All zeros is the default policy, the default rate limits and the system's clock. */
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.signing_key = signing_key;
    MUST(otp_engine_new(ring, &options, &engine));

    /* The engine keeps copies. */
    otp_key_ring_free(ring);
    otp_signing_key_free(signing_key);
    otp_wipe(code_secret, sizeof code_secret);
    otp_wipe(index_secret, sizeof index_secret);
    otp_wipe(seed, sizeof seed);
    return engine;
}

/* Judges the code that was entered; tells whether the offer is signed. */
static int submit(const otp_engine *engine, const otp_store *store, const otp_binding *binding, const char *code) {
    otp_verdict verdict;
    otp_evidence evidence;
    otp_submission submission;

    memset(&evidence, 0, sizeof evidence);
    evidence.struct_size = sizeof evidence;
    evidence.signer_name = text("Aisyah binti Rahman");
    evidence.consent = text("I accept the loan offer.");
    memset(&submission, 0, sizeof submission);
    submission.struct_size = sizeof submission;
    submission.binding = binding;
    submission.code = text(code);
    submission.evidence = &evidence;
    memset(&verdict, 0, sizeof verdict);
    verdict.struct_size = sizeof verdict;
    MUST(otp_engine_verify_submission(engine, store, &submission, &verdict));
    if (verdict.outcome != OTP_OUTCOME_ACCEPTED) {
        printf("  not accepted (%d), %u attempts left\n", (int)verdict.rejection, (unsigned)verdict.attempts_left);
        return 0;
    }
    printf("  signed: record %s, number %u, %u bytes\n", (const char *)verdict.record_id,
           (unsigned)verdict.record_sequence, (unsigned)otp_bytes_len(verdict.record));
    otp_bytes_free(verdict.record);
    return 1;
}

int main(void) {
    otp_engine *engine;
    otp_store *store;
    otp_binding_options options;
    otp_binding *binding;
    otp_issued issued;
    const char *wrong;
    int32_t keys;
    int too_early, is_signed, replayed;

    if (otp_abi_version() != OTP_ABI_VERSION) return 2;
    engine = make_engine();
    MUST(otp_store_memory_new(0, 1, &store)); /* a service has otp_store_sqlite_open, or its own */
    /* At each start: a store that other keys began must not be worked on. */
    MUST(otp_engine_check_store(engine, store, &keys));

    /* What the code is good for: this field of this record, this user, this number. */
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.tenant = text("acme");
    options.purpose = text("sign");
    options.target.model = text("loan.application");
    options.target.field = text("client_schedule_esms_otp_signature_ids");
    options.target.id = text("15");
    options.user = text("7");
    options.recipient = text("60123456789");
    options.recipient_kind = OTP_RECIPIENT_MOBILE;
    MUST(otp_binding_new(engine, &options, &binding));

    printf("1. issue\n");
    memset(&issued, 0, sizeof issued);
    issued.struct_size = sizeof issued;
    MUST(otp_engine_issue(engine, store, binding, &issued));
    if (issued.outcome != OTP_OUTCOME_ISSUED) {
        fprintf(stderr, "refused (%d)\n", (int)issued.refusal_reason);
        return 1;
    }
    /* Here the host sends the code, and tells by otp_engine_report_delivery what the gateway said. */
    printf("  a code of %u digits for %s\n", (unsigned)strlen((const char *)issued.code),
           (const char *)issued.recipient);

    printf("2. a wrong code\n");
    wrong = strcmp((const char *)issued.code, "000000") == 0 ? "000001" : "000000";
    too_early = submit(engine, store, binding, wrong);
    printf("3. the right code\n");
    is_signed = submit(engine, store, binding, (const char *)issued.code);
    printf("4. the right code once more\n");
    replayed = submit(engine, store, binding, (const char *)issued.code);

    otp_wipe(issued.code, sizeof issued.code);
    otp_binding_free(binding);
    otp_engine_free(engine);
    otp_store_free(store);
    return is_signed && !too_early && !replayed ? 0 : 1;
}
