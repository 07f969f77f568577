/* What a call leaves below its caller on the stack: no code and no part of a key, whatever the store. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* mkdtemp, pthread barriers */
#endif
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "host_store.h"

#define STACK ((size_t)512 * 1024)
#define PAINT 0xA5

/* What the library wipes below a caller, with the frame that wipes. */
#define WIPED ((size_t)8 * 1024 + 512)
#define WIPED_DEVICE ((size_t)3 * 1024 + 512)
#define WIPED_DEEP ((size_t)32 * 1024 + 512)

/* More than are prepared at a time. */
#define MANY 9

/* Not on the painted stack. */
static unsigned char *stack;
static struct {
    const otp_engine *engine;
    const otp_store *store;
    const otp_binding *binding;
    otp_issued issued;
    otp_issued claimed;
    otp_verdict verdict;
    int claims, leaves_a_copy;
    const unsigned char *caller;
    pthread_barrier_t gate;
} job;

static void work(void) {
    if (job.claims) {
        OK(otp_engine_claim_send(job.engine, job.store, job.binding, view((const char *)job.issued.challenge_id), 1,
                                 &job.claimed));
    } else if (job.issued.outcome == OTP_OUTCOME_ISSUED) {
        OK(otp_engine_verify(job.engine, job.store, job.binding, job.issued.code, strlen((const char *)job.issued.code),
                             &job.verdict));
    } else {
        OK(otp_engine_issue(job.engine, job.store, job.binding, &job.issued));
    }
}

/* The control: what the library must not do. */
static void leave_a_copy(void) {
    volatile unsigned char copy[256];
    size_t at, len = strlen((const char *)job.issued.code);
    for (at = 0; at < sizeof copy; at++) copy[at] = at < len ? job.issued.code[at] : 0;
    CHECK(copy[0] == job.issued.code[0]);
}

static void *called(void *argument) {
    unsigned char here = 0;
    (void)argument;
    job.caller = &here;
    work();
    if (job.leaves_a_copy) leave_a_copy();
    pthread_barrier_wait(&job.gate); /* the stack is looked at */
    pthread_barrier_wait(&job.gate);
    return NULL;
}

/* The painted stack, and who uses it. */
static struct {
    pthread_t thread;
    pthread_attr_t attributes;
} painted;

/* Has a thread make a call on the painted stack, and waits until it has. */
static void begin(void *(*called)(void *)) {
    memset(stack, PAINT, STACK);
    CHECK(pthread_barrier_init(&job.gate, NULL, 2) == 0);
    CHECK(pthread_attr_init(&painted.attributes) == 0);
    CHECK(pthread_attr_setstack(&painted.attributes, stack, STACK) == 0);
    CHECK(pthread_create(&painted.thread, &painted.attributes, called, NULL) == 0);
    pthread_barrier_wait(&job.gate);
}

/* Lets the thread go, once its stack was looked at. */
static void end(void) {
    pthread_barrier_wait(&job.gate);
    CHECK(pthread_join(painted.thread, NULL) == 0);
    CHECK(pthread_attr_destroy(&painted.attributes) == 0);
    CHECK(pthread_barrier_destroy(&job.gate) == 0);
}

/* Runs the call on a painted stack; returns how often the code is on it, as text or as number, and how deep the call
   went below its caller. */
static unsigned look(size_t *depth) {
    size_t at, len;
    uint64_t number;
    unsigned found = 0;
    begin(called);
    len = strlen((const char *)job.issued.code);
    CHECK(len == 10);
    number = strtoull((const char *)job.issued.code, NULL, 10);
    for (at = 0; at < STACK && stack[at] == PAINT; at++) continue;
    *depth = (size_t)(job.caller - (stack + at));
    for (; at + len <= STACK; at++) {
        found += memcmp(stack + at, job.issued.code, len) == 0 || memcmp(stack + at, &number, sizeof number) == 0;
    }
    end();
    return found;
}

/* A store's own frames may be deeper: no code comes to them. */
static void leaves_no_code(const char *name, const otp_engine *engine, const otp_store *store, size_t limit) {
    size_t depth;
    memset(&job.issued, 0, sizeof job.issued);
    memset(&job.verdict, 0, sizeof job.verdict);
    job.issued.struct_size = sizeof job.issued;
    memset(&job.claimed, 0, sizeof job.claimed);
    job.claimed.struct_size = sizeof job.claimed;
    job.verdict.struct_size = sizeof job.verdict;
    job.engine = engine;
    job.store = store;
    job.binding = bound_to(engine, name);
    job.leaves_a_copy = 0;
    CHECK(look(&depth) == 0);
    CHECK(depth <= limit);
    printf("stack: an issue on a %s store goes %lu bytes deep\n", name, (unsigned long)depth);
    job.claims = 1;
    CHECK(look(&depth) == 0);
    CHECK(depth <= limit && strcmp((const char *)job.claimed.code, (const char *)job.issued.code) == 0);
    printf("stack: a claim on a %s store goes %lu bytes deep\n", name, (unsigned long)depth);
    job.claims = 0;
    job.leaves_a_copy = 1; /* it must be seen */
    CHECK(look(&depth) == 1);
    CHECK(job.verdict.outcome == OTP_OUTCOME_ACCEPTED);
    job.leaves_a_copy = 0;
    CHECK(look(&depth) == 0);
    CHECK(depth <= limit);
    printf("stack: a verify on a %s store goes %lu bytes deep\n", name, (unsigned long)depth);
    CHECK(job.verdict.outcome == OTP_OUTCOME_REJECTED);
}

static otp_engine *engine_of_ten_digits(int signs) {
    otp_key_ring *ring = sample_ring();
    otp_signing_key *key = NULL;
    otp_engine *engine = NULL;
    SIZED(otp_policy, policy);
    SIZED(otp_engine_options, options);
    OK(otp_policy_default(&policy));
    policy.symbols = 10; /* six digits are in many a number */
    options.policy = &policy;
    if (signs) OK(otp_signing_key_from_seed(view("a seed of thirty-two random byte"), &key));
    options.signing_key = key;
    OK(otp_engine_new(ring, &options, &engine));
    otp_signing_key_free(key);
    otp_key_ring_free(ring);
    return engine;
}

static void remove_files(const char *path) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[80];
    size_t at;
    for (at = 0; at < sizeof ends / sizeof ends[0]; at++) {
        snprintf(name, sizeof name, "%s%s", path, ends[at]);
        (void)remove(name);
    }
}

/* Not on the painted stack. */
static struct {
    const otp_binding *bindings[MANY];
    otp_issued issued[MANY];
    otp_submission submissions[MANY];
    otp_verdict verdicts[MANY];
    int is_issued, leaves_a_copy;
} batch;

/* Reads the 128 bits of a token: the first half of a hash, in the words that hash functions compute with. */
static void read_token(const uint8_t *code, uint32_t *words) {
    static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    size_t at, bit, next = 0;
    memset(words, 0, 16);
    for (at = 0; at < 26; at++) {
        const char *symbol = strchr(symbols, code[at]);
        CHECK(symbol != NULL);
        for (bit = at == 0 ? 3 : 5; bit-- > 0; next++) {
            words[next / 32] |= (uint32_t)((symbol - symbols) >> bit & 1) << (31 - next % 32);
        }
    }
    CHECK(next == 128);
}

/* The control: as above, of a hash. */
static void leave_a_hash(void) {
    volatile uint32_t copy[64];
    uint32_t words[4];
    size_t at;
    read_token(batch.issued[MANY - 1].code, words);
    for (at = 0; at < 64; at++) copy[at] = words[at % 4];
    CHECK(copy[0] == words[0]);
}

static void *called_many(void *argument) {
    unsigned char here = 0;
    (void)argument;
    job.caller = &here;
    if (batch.is_issued) {
        OK(otp_engine_verify_many(job.engine, job.store, batch.submissions, sizeof batch.submissions[0], MANY,
                                  batch.verdicts, sizeof batch.verdicts[0]));
    } else {
        OK(otp_engine_issue_many(job.engine, job.store, batch.bindings, MANY, batch.issued, sizeof batch.issued[0]));
    }
    if (batch.leaves_a_copy) leave_a_hash();
    pthread_barrier_wait(&job.gate); /* the stack is looked at */
    pthread_barrier_wait(&job.gate);
    return NULL;
}

/* Runs the batch on a painted stack; returns how often a code is on it, a half of its hash or eight symbols of it. */
static unsigned look_at_many(size_t limit) {
    size_t at, first, code, half;
    unsigned found = 0;
    begin(called_many);
    for (first = 0; first < STACK && stack[first] == PAINT; first++) continue;
    CHECK((size_t)(job.caller - (stack + first)) <= limit);
    for (code = 0; code < MANY; code++) {
        uint32_t words[4];
        CHECK(batch.issued[code].outcome == OTP_OUTCOME_ISSUED);
        read_token(batch.issued[code].code, words);
        for (at = first; at + 8 <= STACK; at++) {
            for (half = 0; half < 16; half += 8) {
                found += memcmp(stack + at, words + half / 4, 8) == 0;
                found += memcmp(stack + at, batch.issued[code].code + half, 8) == 0;
            }
        }
    }
    end();
    return found;
}

/* Batches go deeper than one operation: their codes are tokens, of which a half is enough to be seen. */
static void case_510_a_batch_leaves_no_code(otp_store *store) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL;
    size_t at;
    SIZED(otp_policy, policy);
    SIZED(otp_engine_options, options);
    OK(otp_policy_default(&policy));
    policy.code = OTP_CODE_TOKEN;
    options.policy = &policy;
    OK(otp_engine_new(ring, &options, &engine));
    otp_key_ring_free(ring);
    memset(&batch, 0, sizeof batch);
    job.engine = engine;
    job.store = store;
    for (at = 0; at < MANY; at++) {
        char user[2] = {(char)('a' + at), 0};
        otp_binding_options binding = sample_binding();
        char number[12] = "60123456780";
        number[10] = (char)('0' + at);
        binding.user = view(user);
        binding.recipient = view(number);
        batch.bindings[at] = bound(engine, &binding);
    }
    CHECK(look_at_many(WIPED_DEEP) == 0);
    for (at = 0; at < MANY; at++) {
        batch.submissions[at].binding = batch.bindings[at];
        batch.submissions[at].code = view((const char *)batch.issued[at].code);
    }
    batch.is_issued = 1;
    CHECK(look_at_many(WIPED_DEEP) == 0);
    for (at = 0; at < MANY; at++) CHECK(batch.verdicts[at].outcome == OTP_OUTCOME_ACCEPTED);
    batch.leaves_a_copy = 1; /* it must be seen */
    CHECK(look_at_many(WIPED_DEEP) > 0);
    otp_engine_free(engine);
}

/* Not on the painted stack. */
static struct {
    otp_binding_options options;
    otp_binding *binding;
    int leaves_a_copy;
} made;

/* The control: as above, of the first hash of the binding. */
static void leave_a_part(const unsigned char *part) {
    volatile unsigned char copy[256];
    size_t at;
    for (at = 0; at < sizeof copy; at++) copy[at] = part[at % 16];
    CHECK(copy[0] == part[0]);
}

/* Says whether 16 bytes are a part of a hash, and no text, number or address. */
static int is_random(const unsigned char *part) {
    size_t at, high = 0, zeros = 0;
    for (at = 0; at < 16; at++) {
        high += part[at] >= 0x80;
        zeros += part[at] == 0;
    }
    return high >= 4 && zeros < 2;
}

static void *called_to_bind(void *argument) {
    unsigned char here = 0;
    (void)argument;
    job.caller = &here;
    OK(otp_binding_new(job.engine, &made.options, &made.binding));
    if (made.leaves_a_copy) {
        const unsigned char *part = (const unsigned char *)made.binding;
        while (!is_random(part)) part += 4;
        leave_a_part(part);
    }
    pthread_barrier_wait(&job.gate); /* the stack is looked at */
    pthread_barrier_wait(&job.gate);
    return NULL;
}

/* Makes a binding on a painted stack; returns how many parts of its hashes are found below the caller. */
static unsigned look_at_binding(void) {
    const unsigned char *handle, *place, *first = stack;
    size_t at, len;
    unsigned found = 0, parts = 0;
    begin(called_to_bind);
    while (*first == PAINT) first++;
    CHECK((size_t)(job.caller - first) <= WIPED);
    handle = (const unsigned char *)made.binding;
    len = malloc_usable_size(made.binding);
    for (at = 0; at + 16 <= len; at += 4) {
        if (!is_random(handle + at)) continue;
        parts++;
        for (place = first; place + 16 <= job.caller; place++) found += memcmp(place, handle + at, 16) == 0;
    }
    CHECK(parts >= 5); /* the digest alone has as many */
    printf("stack: a binding goes %lu bytes deep\n", (unsigned long)(job.caller - first));
    end();
    otp_binding_free(made.binding);
    return found;
}

/* The digest of a binding is what its codes are made of, and the names of its cells are nobody's either. */
static void case_611_a_binding_leaves_no_part_of_its_hashes(const otp_engine *engine) {
    job.engine = engine;
    made.options = sample_binding();
    made.leaves_a_copy = 0;
    CHECK(look_at_binding() == 0);
    made.leaves_a_copy = 1; /* it must be seen */
    CHECK(look_at_binding() > 0);
}

/* What a device's code is made of and with: codes of counters that are still to come, and the states of its key. */
#define AHEAD 6

/* Not on the painted stack. */
static struct {
    otp_hotp *hotp;
    otp_totp *totp;
    otp_ocra *ocra;
    const otp_engine *engine;
    const otp_store *store;
    const otp_binding *binding;
    otp_ocra_inputs inputs, asked;
    otp_device devices[3];
    otp_oath_match match;
    otp_oath_verdict verdict;
    uint8_t codes[AHEAD][OTP_CODE_CAPACITY];
    uint8_t made[OTP_CODE_CAPACITY];
    void (*call)(void);
    int leaves_a_copy;
} token;

static otp_view code_at(size_t at) { return view((const char *)token.codes[at]); }

static void generate_hotp(void) { OK(otp_hotp_generate(token.hotp, 1, token.made, sizeof token.made)); }

static void verify_hotp(void) {
    OK(otp_hotp_verify(token.hotp, token.codes[1], 8, 0, AHEAD, &token.match));
}

static void resynchronise_hotp(void) {
    OK(otp_hotp_resynchronise(token.hotp, code_at(0), code_at(1), 0, AHEAD, &token.match));
}

static void generate_totp(void) { OK(otp_totp_generate(token.totp, 30, token.made, sizeof token.made)); }

static void verify_totp(void) { OK(otp_totp_verify(token.totp, token.codes[1], 8, 90, 3, &token.match)); }

static void resynchronise_totp(void) {
    OK(otp_totp_resynchronise(token.totp, code_at(0), code_at(1), 90, 3, &token.match));
}

static void generate_ocra(void) { OK(otp_ocra_generate(token.ocra, &token.inputs, token.made, sizeof token.made)); }

static void verify_ocra(void) { OK(otp_ocra_verify(token.ocra, &token.inputs, token.codes[1], 8, &token.match)); }

static void engine_hotp(void) {
    OK(otp_engine_verify_hotp(token.engine, token.store, token.binding, token.hotp, (const uint8_t *)"00000000", 8, AHEAD,
                              NULL, &token.verdict));
}

static void engine_resynchronises_hotp(void) {
    OK(otp_engine_resynchronise_hotp(token.engine, token.store, token.binding, token.hotp, view("00000000"),
                                     view("00000001"), AHEAD, NULL, &token.verdict));
}

static void engine_totp(void) {
    OK(otp_engine_verify_totp(token.engine, token.store, token.binding, token.totp, (const uint8_t *)"00000000", 8, 1,
                              NULL, &token.verdict));
}

static void engine_resynchronises_totp(void) {
    OK(otp_engine_resynchronise_totp(token.engine, token.store, token.binding, token.totp, view("00000000"),
                                     view("00000001"), 3, NULL, &token.verdict));
}

static void engine_ocra(void) {
    OK(otp_engine_verify_ocra(token.engine, token.store, token.binding, token.ocra, &token.asked,
                              (const uint8_t *)"00000000", 8, NULL, &token.verdict));
}

static void engine_devices(void) {
    const otp_device *all[3] = {&token.devices[0], &token.devices[1], &token.devices[2]};
    OK(otp_engine_verify_devices(token.engine, token.store, token.binding, all, 3, token.codes[4], 8, NULL, &token.verdict));
    CHECK(token.verdict.outcome == OTP_OUTCOME_ACCEPTED);
    otp_bytes_free(token.verdict.record);
}

static void engine_resets_hotp(void) {
    int32_t reset = 0;
    OK(otp_engine_reset_device(token.engine, token.store, view("acme"), view("7"), &token.devices[0], view("lost"), &reset));
}

static void *called_for_a_token(void *argument) {
    unsigned char here = 0;
    (void)argument;
    job.caller = &here;
    token.call();
    if (token.leaves_a_copy) {
        const unsigned char *part = (const unsigned char *)token.hotp;
        while (!is_random(part)) part += 4;
        leave_a_part(part);
    }
    pthread_barrier_wait(&job.gate); /* the stack is looked at */
    pthread_barrier_wait(&job.gate);
    return NULL;
}

/* How often a part of the states that a handle holds is found below the caller. */
static unsigned parts_found(const void *held, const unsigned char *first, unsigned *parts) {
    const unsigned char *handle = (const unsigned char *)held, *place;
    size_t at, len = malloc_usable_size((void *)(size_t)held);
    unsigned found = 0;
    for (at = 0; at + 16 <= len; at += 4) {
        if (!is_random(handle + at)) continue;
        ++*parts;
        for (place = first; place + 16 <= job.caller; place++) found += memcmp(place, handle + at, 16) == 0;
    }
    return found;
}

/* Makes the call on a painted stack; returns how often a code, as text or as number, or a part of a key is found. */
static unsigned look_for_a_token(const char *name, void (*call)(void), size_t limit) {
    const unsigned char *place, *first = stack;
    size_t at;
    unsigned found = 0, parts = 0;
    token.call = call;
    begin(called_for_a_token);
    while (*first == PAINT) first++;
    for (at = 0; at < AHEAD; at++) {
        uint32_t number = (uint32_t)strtoul((const char *)token.codes[at], NULL, 10);
        CHECK(number > 99999);
        for (place = first; place + 8 <= job.caller; place++) {
            found += memcmp(place, token.codes[at], 8) == 0 || memcmp(place, &number, sizeof number) == 0;
        }
    }
    found += parts_found(token.hotp, first, &parts) + parts_found(token.totp, first, &parts);
    found += parts_found(token.ocra, first, &parts);
    CHECK(parts >= 12);
    printf("stack: %s goes %lu bytes deep\n", name, (unsigned long)(job.caller - first));
    CHECK((size_t)(job.caller - first) <= limit);
    end();
    return found;
}

/* Its window holds codes that are good tomorrow, and from the states of its key all codes are made. */
static void case_618_a_device_leaves_no_code_and_no_part_of_its_key(const otp_engine *engine, int32_t hash,
                                                                    const char *suite) {
    static const struct {
        const char *name;
        void (*call)(void);
        size_t limit;
    } calls[] = {
        {"otp_hotp_generate", generate_hotp, WIPED_DEVICE},
        {"otp_hotp_verify", verify_hotp, WIPED_DEVICE},
        {"otp_hotp_resynchronise", resynchronise_hotp, WIPED_DEVICE},
        {"otp_totp_generate", generate_totp, WIPED_DEVICE},
        {"otp_totp_verify", verify_totp, WIPED_DEVICE},
        {"otp_totp_resynchronise", resynchronise_totp, WIPED_DEVICE},
        {"otp_ocra_generate", generate_ocra, WIPED_DEVICE},
        {"otp_ocra_verify", verify_ocra, WIPED_DEVICE},
        {"otp_engine_verify_hotp", engine_hotp, WIPED_DEEP},
        {"otp_engine_resynchronise_hotp", engine_resynchronises_hotp, WIPED_DEEP},
        {"otp_engine_verify_totp", engine_totp, WIPED_DEEP},
        {"otp_engine_resynchronise_totp", engine_resynchronises_totp, WIPED_DEEP},
        {"otp_engine_verify_ocra", engine_ocra, WIPED_DEEP},
        {"otp_engine_verify_devices", engine_devices, WIPED_DEEP}, /* it accepts, and signs if it can */
        {"otp_engine_reset_device", engine_resets_hotp, WIPED},
    };
    static const char secret[] = "12345678901234567890";
    otp_store *store = NULL;
    size_t at;
    memset(&token, 0, sizeof token);
    token.match.struct_size = sizeof token.match;
    token.verdict.struct_size = sizeof token.verdict;
    token.inputs.struct_size = token.asked.struct_size = sizeof token.inputs;
    token.inputs.question = view("0123456789ABCDEF");
    token.inputs.has_counter = token.asked.has_counter = 1;
    for (at = 0; at < 3; at++) token.devices[at].struct_size = sizeof token.devices[at];
    OK(otp_store_memory_new(0, 1, &store));
    token.engine = engine;
    token.store = store;
    token.binding = bound_to(engine, "token");
    OK(otp_hotp_new(view(secret), hash, 8, 0, &token.hotp));
    OK(otp_totp_new(view(secret), hash, 8, 30, &token.totp)); /* the codes of HOTP, by its steps */
    OK(otp_ocra_new(view(suite), view(secret), &token.ocra));
    token.devices[0].hotp = token.hotp;
    token.devices[0].reach = AHEAD;
    token.devices[1].totp = token.totp;
    token.devices[1].reach = 1;
    token.devices[2].ocra = token.ocra;
    token.devices[2].inputs = &token.asked;
    for (at = 0; at < AHEAD; at++) OK(otp_hotp_generate(token.hotp, at, token.codes[at], sizeof token.codes[at]));
    for (at = 0; at < sizeof calls / sizeof calls[0]; at++) {
        if (look_for_a_token(calls[at].name, calls[at].call, calls[at].limit) != 0) fail(calls[at].name, __FILE__, __LINE__);
    }
    token.leaves_a_copy = 1; /* it must be seen */
    CHECK(look_for_a_token("the control", generate_hotp, WIPED_DEVICE) > 0);
    otp_hotp_free(token.hotp);
    otp_totp_free(token.totp);
    otp_ocra_free(token.ocra);
    otp_store_free(store);
}

/* What makes a signature goes deeper: with its nonce the key is known. */
static void case_619_a_signature_is_made_where_the_stack_is_wiped(const otp_engine *engine) {
    otp_store *store = NULL;
    size_t depth;
    memset(&job.issued, 0, sizeof job.issued);
    memset(&job.verdict, 0, sizeof job.verdict);
    job.issued.struct_size = sizeof job.issued;
    job.verdict.struct_size = sizeof job.verdict;
    OK(otp_store_memory_new(0, 1, &store));
    job.engine = engine;
    job.store = store;
    job.binding = bound_to(engine, "signed");
    CHECK(look(&depth) == 0 && job.issued.outcome == OTP_OUTCOME_ISSUED);
    CHECK(look(&depth) == 0 && job.verdict.outcome == OTP_OUTCOME_ACCEPTED && job.verdict.record != NULL);
    printf("stack: a verify that signs goes %lu bytes deep\n", (unsigned long)depth);
    CHECK(depth >= WIPED_DEEP - 512 && depth <= WIPED_DEEP); /* what was wiped is the deepest that is not painted */
    otp_bytes_free(job.verdict.record);
    otp_store_free(store);
}

int main(void) {
    char folder[] = "/tmp/otp-stack-XXXXXX", in_folder[64];
    otp_engine *engine = engine_of_ten_digits(0), *signer = engine_of_ten_digits(1);
    otp_store *store = sample_store();
    shelf *cells = (shelf *)calloc(1, sizeof *cells);
    otp_host_store functions;
    CHECK(cells != NULL);
    CHECK(mkdtemp(folder) != NULL);
    snprintf(in_folder, sizeof in_folder, "%s/codes", folder);
    CHECK(posix_memalign((void **)&stack, 4096, STACK) == 0);
    leaves_no_code("memory", engine, store, WIPED);
    case_611_a_binding_leaves_no_part_of_its_hashes(engine);
    case_510_a_batch_leaves_no_code(store);
    case_618_a_device_leaves_no_code_and_no_part_of_its_key(engine, OTP_HASH_SHA1, "OCRA-1:HOTP-SHA1-8:C-QH16");
    case_618_a_device_leaves_no_code_and_no_part_of_its_key(signer, OTP_HASH_SHA256, "OCRA-1:HOTP-SHA256-8:C-QH16");
    case_618_a_device_leaves_no_code_and_no_part_of_its_key(signer, OTP_HASH_SHA512, "OCRA-1:HOTP-SHA512-8:C-QH16");
    case_619_a_signature_is_made_where_the_stack_is_wiped(signer);
    otp_engine_free(signer);
    otp_store_free(store);
    OK(otp_store_sqlite_open(view(in_folder), &store));
    leaves_no_code("SQLite", engine, store, STACK);
    otp_store_free(store);
    remove_files(in_folder);
    CHECK(rmdir(folder) == 0);
    functions = shelf_functions(cells);
    store = store_of(&functions);
    leaves_no_code("host's", engine, store, WIPED);
    otp_store_free(store);
    free(cells);
    otp_engine_free(engine);
    free(stack);
    return done("stack");
}
