/* What arrives as it was meant: sizes of items, flags, and what a client or a gateway wrote. */
#include "check.h"

static size_t append(uint8_t *batch, size_t at, const request *packed) {
    batch[at] = batch[at + 1] = 0;
    batch[at + 2] = (uint8_t)(packed->len >> 8);
    batch[at + 3] = (uint8_t)packed->len;
    memcpy(batch + at + 4, packed->bytes, packed->len);
    return at + 4 + packed->len;
}

/* Two items as a later header has them: larger. */
typedef struct {
    otp_issued known;
    uint64_t tail[3];
} later_issued;

typedef struct {
    otp_verdict known;
    uint64_t tail[5];
} later_verdict;

static void case_294_items_of_a_batch_are_as_large_as_the_caller_says(void) {
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    static uint8_t batch[4 * 2100];
    later_issued issued[3];
    later_verdict verdicts[3];
    request one = sample_request("1", NULL), two = sample_request("2", NULL), typed;
    const char *code;
    size_t len, at;
    memset(issued, 0xEE, sizeof issued);
    len = append(batch, append(batch, 0, &one), &two);
    OK(otp_issue_many(engine, store, batch, len, 2, &issued[0].known, sizeof issued[0]));
    for (at = 0; at < 2; at++) {
        CHECK(issued[at].known.struct_size == sizeof issued[0]);
        CHECK(issued[at].known.outcome == OTP_OUTCOME_ISSUED && issued[at].known.send == 1);
        CHECK(strlen((const char *)issued[at].known.code) == 6);
        CHECK(issued[at].tail[0] == 0 && issued[at].tail[2] == 0); /* unknown to this library */
    }
    CHECK(((uint8_t *)&issued[2])[0] == 0xEE); /* behind the last one */

    code = (const char *)issued[1].known.code;
    typed = sample_request("1", wrong(&issued[0].known));
    len = append(batch, 0, &typed);
    typed = sample_request("2", code);
    len = append(batch, len, &typed);
    memset(verdicts, 1, sizeof verdicts); /* an outcome of 0x01010101, and OTP_OUTCOME_ACCEPTED is 1 */
    OK(otp_verify_many(engine, store, batch, len, 2, &verdicts[0].known, sizeof verdicts[0]));
    CHECK(verdicts[0].known.outcome == OTP_OUTCOME_REJECTED && verdicts[0].known.rejection == OTP_REJECTION_WRONG);
    CHECK(verdicts[1].known.outcome == OTP_OUTCOME_ACCEPTED && verdicts[1].known.struct_size == sizeof verdicts[0]);
    CHECK(verdicts[0].tail[0] == 0 && verdicts[1].tail[4] == 0);
    CHECK(((uint8_t *)&verdicts[2])[0] == 1);
    otp_engine_free(engine);
    otp_store_free(store);
}

static void case_294_an_item_size_that_cannot_be_is_refused_and_nothing_happens(void) {
    /* What an issue leaves of the validity came later: 16 bytes less are an older caller's. */
    static const size_t bad[] = {0, 1, sizeof(otp_issued) - 24, sizeof(otp_issued) + 1, 65536, SIZE_MAX};
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    static uint8_t batch[2 * 2100];
    otp_issued issued[2];
    otp_verdict verdicts[2];
    request one = sample_request("15", NULL);
    size_t len = append(batch, 0, &one), at;
    SIZED(otp_challenge, challenge);
    memset(issued, 0xEE, sizeof issued);
    memset(verdicts, 0xEE, sizeof verdicts);
    for (at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        STATUS(OTP_STATUS_STRUCT_SIZE, otp_issue_many(engine, store, batch, len, 1, issued, bad[at]));
        CHECK(detail_names("item_size"));
    }
    STATUS(OTP_STATUS_STRUCT_SIZE, otp_verify_many(engine, store, batch, len, 1, verdicts, sizeof *verdicts - 8));
    CHECK(((uint8_t *)issued)[0] == 0xEE && ((uint8_t *)verdicts)[0] == 0xEE);
    OK(otp_engine_status(engine, store, one.bytes, one.len, &challenge));
    CHECK(challenge.state == OTP_STATE_NONE);
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
    request plain = sample_request("15", NULL);
    otp_key_ring *ring = sample_ring(), *no_ring = NULL;
    otp_engine *no_engine = NULL;
    otp_bytes *text = NULL;
    otp_code_key key;
    int32_t said = 0;
    SIZED(otp_delivery_report, report);
    SIZED(otp_expected, expected);
    SIZED(otp_engine_options, options);
    SIZED(otp_key_ring_options, keys);
    report.delivered = 1;
    report.send = 0;
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_report_delivery(engine, store, plain.bytes, plain.len, &report, &said));
    CHECK(detail_names("send"));
    report.send = 256 + 1; /* not 1 */
    STATUS(OTP_STATUS_ARGUMENT, otp_engine_report_delivery(engine, store, plain.bytes, plain.len, &report, &said));
    CHECK(detail_names("send"));
    expected.has_page = 2; /* not: compare nothing */
    STATUS(OTP_STATUS_ARGUMENT, otp_verify_record(view("a.b.c"), view("{\"keys\":[]}"), &expected, &said, &text));
    CHECK(detail_names("has_page"));
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
        otp_binding binding = sample_binding();
        request packed;
        SIZED(otp_verdict, verdict);
        SIZED(otp_delivery_report, report);
        int32_t said = 0;
        binding.record = view("15");
        binding.typed = view((const char *)issued.code);
        binding.challenge_id = view(ids[at]);
        packed = pack(&binding);
        OK(otp_engine_verify(engine, store, packed.bytes, packed.len, &verdict));
        CHECK(verdict.outcome == OTP_OUTCOME_REJECTED && verdict.public_rejection == OTP_PUBLIC_REJECTION_INVALID);
        report.send = 1;
        report.delivered = 1;
        memcpy(report.challenge_id, ids[at], strlen(ids[at]) < 26 ? strlen(ids[at]) : 26);
        OK(otp_engine_report_delivery(engine, store, packed.bytes, packed.len, &report, &said));
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
        request plain = sample_request("15", NULL);
        int32_t said = 0;
        SIZED(otp_delivery_report, report);
        SIZED(otp_challenge, challenge);
        memcpy(report.challenge_id, issued.challenge_id, sizeof report.challenge_id);
        memcpy(report.gateway_status, statuses[at].said, strlen(statuses[at].said));
        report.send = issued.send;
        OK(otp_engine_report_delivery(engine, store, plain.bytes, plain.len, &report, &said));
        CHECK(said == 2);
        OK(otp_engine_status(engine, store, plain.bytes, plain.len, &challenge));
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
               otp_store_sqlite_open((const uint8_t *)paths[at], strlen(paths[at]), &store));
        CHECK(detail_names("path") && store == NULL);
    }
}

int main(void) {
    case_294_items_of_a_batch_are_as_large_as_the_caller_says();
    case_294_an_item_size_that_cannot_be_is_refused_and_nothing_happens();
    case_294_keys_of_a_ring_lie_as_far_apart_as_the_caller_says();
    case_284_a_flag_is_0_or_1_and_a_send_1_to_255();
    case_292_a_challenge_id_that_is_none_is_a_rejection();
    case_293_a_gateway_says_what_it_likes();
    case_295_a_path_that_is_no_file_is_refused_by_name();
    return done("arguments");
}
