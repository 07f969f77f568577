/* What events and faults show: no code, no secret, no whole number. */
#include "check.h"

#define HEARD 4096

typedef struct {
    char text[HEARD]; /* every text of every event */
    size_t len;
    char recipient[300]; /* of the last event */
} journal;

static void append(journal *self, otp_view text) {
    CHECK(self->len + text.len + 1 < sizeof self->text);
    if (text.len > 0) memcpy(self->text + self->len, text.data, text.len);
    self->len += text.len;
    self->text[self->len++] = ' ';
}

static void take_note(void *user_data, const otp_event *event) {
    journal *self = (journal *)user_data;
    append(self, event->tenant);
    append(self, event->user);
    append(self, event->purpose);
    append(self, event->target.model);
    append(self, event->target.field);
    append(self, event->target.id);
    append(self, event->recipient);
    append(self, view((const char *)event->challenge_id));
    if (event->recipient.len > 0 && event->recipient.len < sizeof self->recipient) {
        memcpy(self->recipient, event->recipient.data, event->recipient.len);
        self->recipient[event->recipient.len] = 0;
    }
}

static otp_engine *watched_engine(journal *self) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL;
    SIZED(otp_policy, policy);
    SIZED(otp_engine_options, options);
    OK(otp_policy_default(&policy));
    policy.symbols = 10; /* six digits are in many a number */
    options.policy = &policy;
    options.observer.observe = take_note;
    options.observer.user_data = self;
    OK(otp_engine_new(ring, &options, &engine));
    otp_key_ring_free(ring);
    return engine;
}

/* Issues, guesses wrong and gives the right code; the whole recipient and the code come back. */
static otp_issued main_job(const otp_engine *engine, const char *recipient, int32_t kind) {
    otp_store *store = sample_store();
    otp_binding_options options = sample_binding();
    const otp_binding *binding;
    SIZED(otp_issued, issued);
    SIZED(otp_verdict, verdict);
    options.recipient = view(recipient);
    options.recipient_kind = kind;
    binding = bound(engine, &options);
    OK(otp_engine_issue(engine, store, binding, &issued));
    OK(otp_engine_verify(engine, store, binding, (const uint8_t *)"1234567890", 10, &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_REJECTED);
    OK(otp_engine_verify(engine, store, binding, issued.code, strlen((const char *)issued.code), &verdict));
    CHECK(verdict.outcome == OTP_OUTCOME_ACCEPTED);
    otp_store_free(store);
    return issued;
}

static void case_75_events_show_at_most_four_digits_of_a_number_and_no_code(void) {
    static const char *const numbers[][2] = {{"60123456789", "*******6789"},
                                             {"436601234567890", "***********7890"}};
    size_t at, nth;
    for (at = 0; at < sizeof numbers / sizeof numbers[0]; at++) {
        static journal told;
        otp_engine *engine = watched_engine(&told);
        otp_issued issued;
        char part[6];
        told.len = 0;
        issued = main_job(engine, numbers[at][0], OTP_RECIPIENT_MOBILE);
        told.text[told.len] = 0;
        CHECK(strcmp((const char *)issued.recipient, numbers[at][0]) == 0); /* the host sends to all of it */
        CHECK(strcmp(told.recipient, numbers[at][1]) == 0);
        for (nth = 0; nth + 5 <= strlen(numbers[at][0]); nth++) {
            memcpy(part, numbers[at][0] + nth, 5);
            part[5] = 0;
            CHECK(strstr(told.recipient, part) == NULL);
        }
        CHECK(strstr(told.text, "acme") != NULL && strstr(told.text, (const char *)issued.challenge_id) != NULL);
        CHECK(strstr(told.text, (const char *)issued.code) == NULL && strstr(told.text, numbers[at][0]) == NULL);
        otp_engine_free(engine);
    }
}

static void case_75_events_show_an_address_masked(void) {
    static journal told;
    otp_engine *engine = watched_engine(&told);
    otp_issued issued;
    told.len = 0;
    issued = main_job(engine, "siti@example.org", OTP_RECIPIENT_EMAIL);
    told.text[told.len] = 0;
    CHECK(strcmp((const char *)issued.recipient, "siti@example.org") == 0);
    CHECK(strstr(told.text, "@example.org") != NULL && strstr(told.text, "siti") == NULL);
    otp_engine_free(engine);
}

/* The last fault is of `call`, is named by `shown`, and shows nothing of `hidden`. */
#define SHOWS(status, call, shown, hidden)                         \
    do {                                                           \
        STATUS(status, call);                                      \
        CHECK(detail_names(shown));                                \
        CHECK(!detail_names(hidden));                              \
        CHECK(strstr(otp_status_text(status), hidden) == NULL);    \
    } while (0)

static void case_72_no_fault_shows_what_it_was_given(void) {
    otp_key_ring *ring = NULL;
    otp_signing_key *key = NULL;
    otp_bytes *text = NULL;
    otp_binding_options binding = sample_binding();
    otp_code_key code;
    int32_t valid = 0;
    char long_text[200];
    SIZED(otp_key_ring_options, options);
    memset(&code, 0, sizeof code);
    code.kid = view("2026a");
    code.secret = view("a secret of few bytes");
    options.codes = &code;
    options.code_count = 1;
    options.code_size = sizeof(otp_code_key);
    options.index = view("an index secret of thirty-two b.");
    SHOWS(OTP_STATUS_KEY, otp_key_ring_new(&options, &ring), "21", "few");
    SHOWS(OTP_STATUS_KEY, otp_signing_key_from_seed(view("a seed of few bytes"), &key), "19", "few");
    SHOWS(OTP_STATUS_KEY,
          otp_signing_key_from_pem(view("-----BEGIN PRIVATE KEY-----\nSECRET\n"), &key), "", "SECRET");
    CHECK(ring == NULL && key == NULL);

    binding.recipient = view("60123ABC789");
    SHOWS(OTP_STATUS_ARGUMENT, otp_binding_check(&binding), "mobile", "60123");
    binding.recipient = view("0123456789");
    SHOWS(OTP_STATUS_ARGUMENT, otp_binding_check(&binding), "mobile begins with 0", "12345");
    binding = sample_binding();
    memset(long_text, 'z', sizeof long_text);
    binding.user = view_of(long_text, sizeof long_text);
    SHOWS(OTP_STATUS_ARGUMENT, otp_binding_check(&binding), "user", "zzz");
    SHOWS(OTP_STATUS_KEY, otp_verify_record(view("x"), view("{\"d\":\"SECRET\"}"), NULL, &valid, &text), "", "SECRET");
}

int main(void) {
    case_72_no_fault_shows_what_it_was_given();
    case_75_events_show_at_most_four_digits_of_a_number_and_no_code();
    case_75_events_show_an_address_masked();
    return done("privacy");
}
