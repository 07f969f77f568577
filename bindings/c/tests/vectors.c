/* The vector files of the project, as `vectors.h` has them: cargo xtask writes it from tests/vectors. */
#include "check.h"

typedef struct {
    otp_view tenant, purpose, model, field, record, user, recipient;
    int32_t recipient_kind, guessable;
    otp_view content, keys;
} vector_binding;

typedef struct {
    int32_t kind;
    otp_view given, sent_to; /* NULL: refused */
} vector_recipient;

typedef struct {
    otp_view typed;
    int32_t rejection;
} vector_typed;

typedef struct {
    otp_view key;
    uint64_t version;
    int has_end;
    int64_t end;
    otp_view body;
} vector_cell;

typedef struct {
    otp_view challenge_id;
    const vector_typed *typed;
    size_t typed_count;
    const vector_cell *cells;
    size_t cell_count;
} vector_challenge;

typedef struct {
    otp_view record, payload;
} vector_record;

#include "vectors.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static int same(otp_view one, otp_view other) {
    return one.len == other.len && memcmp(one.data, other.data, one.len) == 0;
}

static int same_text(const uint8_t *text, otp_view other) {
    return same(view((const char *)text), other);
}

/* A store that holds the cells of a vector, and lets every write through without keeping it. */
typedef struct {
    const vector_cell *cells;
    size_t count;
    unsigned found;
    uint8_t asked[32 * 8]; /* the keys of the first load */
    size_t asked_len;
} shelf;

static size_t put_number(uint8_t *to, uint64_t number, size_t bytes) {
    size_t at;
    for (at = 0; at < bytes; at++) to[at] = (uint8_t)(number >> (8 * (bytes - 1 - at)));
    return bytes;
}

static int32_t load(void *user_data, const uint8_t *keys, size_t key_count, otp_buffer *reply) {
    shelf *self = (shelf *)user_data;
    size_t key, at, to = 0;
    CHECK(key_count <= sizeof self->asked / 32);
    if (self->asked_len == 0) memcpy(self->asked, keys, self->asked_len = 32 * key_count);
    for (key = 0; key < key_count; key++) {
        const vector_cell *found = NULL;
        for (at = 0; at < self->count; at++) {
            if (memcmp(self->cells[at].key.data, keys + 32 * key, 32) == 0) found = &self->cells[at];
        }
        if (to + 22 + (found == NULL ? 0 : found->body.len) > reply->capacity) {
            reply->len = 32768; /* more than all cells of a vector */
            return OTP_CALLBACK_RESULT_MORE_ROOM;
        }
        reply->data[to++] = found != NULL;
        if (found == NULL) continue;
        self->found++;
        to += put_number(reply->data + to, found->version, 8);
        reply->data[to++] = (uint8_t)found->has_end;
        to += put_number(reply->data + to, (uint64_t)found->end, 8);
        to += put_number(reply->data + to, found->body.len, 4);
        memcpy(reply->data + to, found->body.data, found->body.len);
        to += found->body.len;
    }
    reply->len = to;
    return OTP_CALLBACK_RESULT_DONE;
}

static int32_t commit(void *user_data, const uint8_t *writes, size_t writes_len, int64_t now, int32_t *outcome_out) {
    (void)user_data, (void)writes, (void)writes_len, (void)now;
    *outcome_out = OTP_COMMIT_OUTCOME_DONE;
    return OTP_CALLBACK_RESULT_DONE;
}

static otp_store *store_of(shelf *self) {
    otp_store *store = NULL;
    SIZED(otp_host_store, table);
    table.load = load;
    table.commit = commit;
    table.store_class = OTP_STORE_CLASS_PERMANENT;
    table.user_data = self;
    OK(otp_store_host_new(&table, &store));
    return store;
}

static int32_t tell_time(void *user_data, int64_t *unix_seconds_out) {
    (void)user_data;
    *unix_seconds_out = vectors_now;
    return 1;
}

/* The engine that made the vectors. */
static otp_engine *engine_of_vectors(void) {
    uint8_t code_secret[32], index_secret[32];
    otp_key_ring *ring = NULL;
    otp_engine *engine = NULL;
    otp_code_key code;
    SIZED(otp_key_ring_options, options);
    SIZED(otp_engine_options, more);
    memset(code_secret, 1, sizeof code_secret);
    memset(index_secret, 2, sizeof index_secret);
    memset(&code, 0, sizeof code);
    code.kid = view("2026a");
    code.secret = view_of(code_secret, sizeof code_secret);
    options.codes = &code;
    options.code_count = 1;
    options.code_size = sizeof(otp_code_key);
    options.index = view_of(index_secret, sizeof index_secret);
    OK(otp_key_ring_new(&options, &ring));
    more.clock.now = tell_time;
    OK(otp_engine_new(ring, &more, &engine));
    otp_key_ring_free(ring);
    return engine;
}

static otp_binding_options binding_of_vectors(void) {
    SIZED(otp_binding_options, binding);
    binding.tenant = binding_tenant;
    binding.purpose = binding_purpose;
    binding.target.model = binding_model;
    binding.target.field = binding_field;
    binding.target.id = binding_record;
    binding.user = binding_user;
    binding.recipient = binding_mobile;
    binding.recipient_kind = OTP_RECIPIENT_MOBILE;
    return binding;
}

static void bindings_are_read_member_for_member(void) {
    otp_engine *engine = engine_of_vectors();
    size_t at;
    for (at = 0; at < COUNT(bindings); at++) {
        const vector_binding *vector = &bindings[at];
        shelf self;
        otp_store *store;
        otp_view asked;
        SIZED(otp_binding_options, binding);
        SIZED(otp_issued, issued);
        memset(&self, 0, sizeof self);
        store = store_of(&self);
        binding.tenant = vector->tenant;
        binding.purpose = vector->purpose;
        binding.target.model = vector->model;
        binding.target.field = vector->field;
        binding.target.id = vector->record;
        binding.user = vector->user;
        binding.recipient = vector->recipient;
        binding.recipient_kind = vector->recipient_kind;
        binding.content_guessable = vector->guessable;
        binding.content = vector->content;
        OK(otp_binding_check(&binding));
        OK(otp_engine_issue(engine, store, bound(engine, &binding), &issued));
        CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
        asked = view_of(self.asked, self.asked_len);
        CHECK(same(asked, vector->keys));
        otp_store_free(store);
    }
    otp_engine_free(engine);
}

static void recipients_are_read_or_refused(void) {
    otp_engine *engine = engine_of_vectors();
    size_t at;
    for (at = 0; at < COUNT(recipients); at++) {
        const vector_recipient *vector = &recipients[at];
        otp_store *store = sample_store();
        otp_binding_options binding = binding_of_vectors();
        SIZED(otp_issued, issued);
        binding.recipient = vector->given;
        binding.recipient_kind = vector->kind;
        if (vector->sent_to.data == NULL) {
            STATUS(OTP_STATUS_ARGUMENT, otp_binding_check(&binding));
        } else {
            OK(otp_engine_issue(engine, store, bound(engine, &binding), &issued));
            CHECK(same_text(issued.recipient, vector->sent_to));
        }
        otp_store_free(store);
    }
    otp_engine_free(engine);
}

static void typed_codes_are_judged(void) {
    otp_engine *engine = engine_of_vectors();
    size_t nth, at;
    for (nth = 0; nth < COUNT(challenges); nth++) {
        const vector_challenge *challenge = &challenges[nth];
        for (at = 0; at < challenge->typed_count; at++) {
            const vector_typed *vector = &challenge->typed[at];
            shelf self;
            otp_store *store;
            otp_binding_options binding = binding_of_vectors();
            SIZED(otp_submission, submission);
            SIZED(otp_verdict, verdict);
            memset(&self, 0, sizeof self);
            self.cells = challenge->cells;
            self.count = challenge->cell_count;
            store = store_of(&self);
            submission.binding = bound(engine, &binding);
            submission.code = vector->typed;
            submission.challenge_id = challenge->challenge_id;
            OK(otp_engine_verify_submission(engine, store, &submission, &verdict));
            CHECK(verdict.rejection == vector->rejection);
            CHECK((verdict.outcome == OTP_OUTCOME_ACCEPTED) == (vector->rejection == OTP_REJECTION_NONE));
            if (vector->rejection == OTP_REJECTION_NONE) {
                CHECK(same_text(verdict.challenge_id, challenge->challenge_id));
            }
            CHECK(self.found == challenge->cell_count); /* all that the engine looks for is there */
            otp_store_free(store);
        }
    }
    otp_engine_free(engine);
}

/* Joins records, newest first, as otp_verify_chain takes them. */
static otp_view lines(const vector_record *records, size_t count, uint8_t *into, size_t room) {
    size_t at, len = 0;
    for (at = count; at-- > 0;) {
        CHECK(len + records[at].record.len + 1 <= room);
        memcpy(into + len, records[at].record.data, records[at].record.len);
        len += records[at].record.len;
        into[len++] = '\n';
    }
    return view_of(into, len);
}

static void case_93_golden_records_verify_each_and_as_a_chain(void) {
    static uint8_t joined[65536];
    otp_bytes *text = NULL;
    int32_t valid = -1;
    size_t at;
    SIZED(otp_expected, expected);
    SIZED(otp_chain_head, head);
    expected.tenant = golden_tenant;
    expected.target.model = golden_model;
    expected.target.field = golden_field;
    expected.target.id = golden_record;
    CHECK(COUNT(golden_records) == golden_count);
    for (at = 0; at < COUNT(golden_records); at++) {
        const vector_record *vector = &golden_records[at];
        OK(otp_verify_record(vector->record, golden_keys, &expected, &valid, &text));
        CHECK(valid == 1 && "a golden record");
        CHECK(same(view_of_bytes(text), vector->payload));
        otp_bytes_free(text);
    }
    OK(otp_verify_record(golden_foreign, golden_keys, NULL, &valid, &text));
    CHECK(valid == 1);
    otp_bytes_free(text);
    OK(otp_verify_record(golden_foreign, golden_keys, &expected, &valid, &text));
    CHECK(valid == 0); /* of another field */
    otp_bytes_free(text);
    OK(otp_verify_record(golden_hs256, golden_keys, NULL, &valid, &text));
    CHECK(valid == 0); /* under another algorithm */
    otp_bytes_free(text);

    head.count = golden_count;
    CHECK(golden_head.len == sizeof head.digest);
    memcpy(head.digest, golden_head.data, sizeof head.digest);
    head.has_digest = 1;
    expected.chain_head = &head;
    OK(otp_verify_chain(lines(golden_records, COUNT(golden_records), joined, sizeof joined), golden_keys, &expected,
                        &valid, &text));
    CHECK(valid == 1 && bytes_hold(text, "chain\tgood") && bytes_hold(text, "head\tgood"));
    otp_bytes_free(text);
    OK(otp_verify_chain(lines(golden_records, COUNT(golden_records) - 1, joined, sizeof joined), golden_keys, &expected,
                        &valid, &text));
    CHECK(valid == 0); /* the newest is missing */
    otp_bytes_free(text);
}

static void case_177_what_was_not_compared_is_not_checked(void) {
    static uint8_t joined[65536];
    otp_view all = lines(golden_records, COUNT(golden_records), joined, sizeof joined);
    otp_bytes *text = NULL;
    int32_t valid = -1;
    SIZED(otp_expected, expected);
    SIZED(otp_chain_head, head); /* without a digest */
    expected.tenant = golden_tenant;
    expected.target.model = golden_model;
    head.count = golden_count;
    expected.chain_head = &head;
    OK(otp_verify_chain(all, golden_keys, &expected, &valid, &text));
    CHECK(valid == 1 && bytes_hold(text, "field\tnot checked") && bytes_hold(text, "head\tnot checked"));
    otp_bytes_free(text);
    head.count++;
    OK(otp_verify_chain(all, golden_keys, &expected, &valid, &text));
    CHECK(valid == 0 && bytes_hold(text, "head\tbad"));
    otp_bytes_free(text);
    head.count = 0;
    OK(otp_verify_chain(view(""), golden_keys, &expected, &valid, &text));
    CHECK(valid == 1 && bytes_hold(text, "signatures\tnot checked") && bytes_hold(text, "head\tnot checked"));
    otp_bytes_free(text);
    /* What a function would not compare, it refuses. */
    text = NULL;
    STATUS(OTP_STATUS_ARGUMENT, otp_verify_record(golden_records[0].record, golden_keys, &expected, &valid, &text));
    CHECK(text == NULL && detail_names("chain_head"));
    head.has_digest = 2;
    STATUS(OTP_STATUS_ARGUMENT, otp_verify_chain(all, golden_keys, &expected, &valid, &text));
    CHECK(text == NULL && detail_names("has_digest"));
}

static void case_179_white_space_behind_a_record_is_no_part_of_it(void) {
    static uint8_t line[16384];
    otp_bytes *text = NULL;
    int32_t valid = -1;
    const otp_view record = golden_records[0].record;
    CHECK(record.len + 2 <= sizeof line);
    memcpy(line, record.data, record.len);
    memcpy(line + record.len, "\r\n", 2);
    OK(otp_verify_record(view_of(line, record.len + 2), golden_keys, NULL, &valid, &text));
    CHECK(valid == 1 && same(view_of_bytes(text), golden_records[0].payload));
    otp_bytes_free(text);
}

static void records_that_other_tools_signed_verify(void) {
    otp_bytes *text = NULL;
    int32_t valid = -1;
    size_t at;
    for (at = 0; at < COUNT(stock_records); at++) {
        OK(otp_verify_record(stock_records[at].record, stock_keys, NULL, &valid, &text));
        CHECK(valid == 1 && "a record of another tool");
        otp_bytes_free(text);
    }
}

static void case_93_a_store_of_format_1_is_read(void) {
    uint8_t seed[32];
    shelf self;
    otp_store *store;
    otp_engine *engine = engine_of_vectors();
    otp_signing_key *key = NULL;
    otp_bytes *keys = NULL, *records = NULL, *text = NULL;
    const otp_target target = binding_of_vectors().target;
    int32_t valid = -1;
    SIZED(otp_expected, expected);
    SIZED(otp_chain_head, head);
    memset(&self, 0, sizeof self);
    self.cells = stored_cells;
    self.count = COUNT(stored_cells);
    store = store_of(&self);
    OK(otp_engine_chain_head(engine, store, binding_tenant, &target, &head));
    CHECK(head.count == 3);
    OK(otp_engine_signatures(engine, store, binding_tenant, &target, 10, &records));
    CHECK(self.found >= COUNT(stored_cells));
    memset(seed, 21, sizeof seed);
    OK(otp_signing_key_from_seed(view_of(seed, sizeof seed), &key));
    OK(otp_signing_key_public_jwks(key, &keys));
    expected.chain_head = &head;
    OK(otp_verify_chain(view_of_bytes(records), view_of_bytes(keys), &expected, &valid, &text));
    CHECK(valid == 1 && bytes_hold(text, "head\tgood"));
    otp_bytes_free(text);
    otp_bytes_free(keys);
    otp_bytes_free(records);
    otp_signing_key_free(key);
    otp_engine_free(engine);
    otp_store_free(store);
}

int main(void) {
    bindings_are_read_member_for_member();
    recipients_are_read_or_refused();
    typed_codes_are_judged();
    case_93_golden_records_verify_each_and_as_a_chain();
    case_177_what_was_not_compared_is_not_checked();
    case_179_white_space_behind_a_record_is_no_part_of_it();
    records_that_other_tools_signed_verify();
    case_93_a_store_of_format_1_is_read();
    return done("vectors");
}
