/* A core dump after use: no code that was issued and no byte of a secret is in it.
 *
 * The program does the main job with secrets and codes that are drawn while it runs, wipes what is
 * its own, frees every handle, has itself dumped by gcore, and searches the dump. With `--unwiped` it
 * is its own control: it leaves its copies where they are, and the search must find each of them.
 * Codes of ten digits and tokens: one of six digits is in any large dump by chance. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define SECRET 32
#define WINDOW 8 /* of a secret, any run of so many bytes counts */

/* Everything that is secret is in here and nowhere else, so that it can be wiped at once. */
static struct {
    uint8_t code_secret[SECRET], index_secret[SECRET], seed[SECRET];
    otp_issued issued, batched;
    otp_verdict verdict;
    uint8_t numbers[4][8]; /* the codes as numbers, in both orders of bytes */
    size_t number_count;
} own;

/* What the search is for; filled from a file once the dump is made. */
typedef struct {
    uint8_t bytes[64];
    size_t len;
    int is_secret;
} needle;

static char needles_path[256];

/* Files, not streams: a stream would keep a copy. */
static void remember(const uint8_t *bytes, size_t len, int is_secret) {
    uint8_t head[2];
    int file = open(needles_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    head[0] = (uint8_t)len;
    head[1] = (uint8_t)is_secret;
    CHECK(file >= 0);
    CHECK(write(file, head, sizeof head) == (ssize_t)sizeof head);
    CHECK(write(file, bytes, len) == (ssize_t)len);
    CHECK(close(file) == 0);
}

static void draw(uint8_t *secret) {
    int file = open("/dev/urandom", O_RDONLY);
    CHECK(file >= 0 && read(file, secret, SECRET) == SECRET && close(file) == 0);
    remember(secret, SECRET, 1);
}

static void remember_code(const uint8_t *code) {
    size_t len = strlen((const char *)code), at;
    uint64_t number = 0;
    remember(code, len, 0);
    if (len != 10) return;
    /* Ten digits fit no 32 bits, so that nobody can keep them there. */
    for (at = 0; at < len; at++) number = number * 10 + (uint64_t)(code[at] - '0');
    CHECK(own.number_count + 2 <= sizeof own.numbers / sizeof own.numbers[0]);
    for (at = 0; at < 8; at++) {
        own.numbers[own.number_count][at] = (uint8_t)(number >> (8 * at));
        own.numbers[own.number_count + 1][at] = (uint8_t)(number >> (8 * (7 - at)));
    }
    remember(own.numbers[own.number_count], 8, 0);
    remember(own.numbers[own.number_count + 1], 8, 0);
    own.number_count += 2;
    otp_wipe((uint8_t *)&number, sizeof number);
}

static otp_engine *make_engine(int32_t code_kind) {
    otp_key_ring *ring = NULL;
    otp_signing_key *key = NULL;
    otp_engine *engine = NULL;
    otp_code_key code;
    SIZED(otp_key_ring_options, options);
    SIZED(otp_policy, policy);
    SIZED(otp_engine_options, more);
    draw(own.code_secret);
    draw(own.index_secret);
    draw(own.seed);
    memset(&code, 0, sizeof code);
    code.kid = view("2026a");
    code.secret = view_of(own.code_secret, SECRET);
    options.codes = &code;
    options.code_count = 1;
    options.code_size = sizeof(otp_code_key);
    options.index = view_of(own.index_secret, SECRET);
    OK(otp_key_ring_new(&options, &ring));
    OK(otp_signing_key_from_seed(view_of(own.seed, SECRET), &key));
    OK(otp_policy_default(&policy));
    policy.code = code_kind;
    policy.symbols = 10;
    more.policy = &policy;
    more.signing_key = key;
    OK(otp_engine_new(ring, &more, &engine));
    otp_key_ring_free(ring);
    otp_signing_key_free(key);
    return engine;
}

/* Issues, guesses wrong, accepts and signs, once alone and once in a batch. */
static void main_job(int32_t code_kind) {
    otp_engine *engine = make_engine(code_kind);
    otp_store *store = NULL;
    const otp_binding *alone = bound_to(engine, "15"), *batched = bound_to(engine, "16");
    SIZED(otp_submission, submission);
    OK(otp_store_memory_new(0, 1, &store));
    own.issued.struct_size = sizeof own.issued;
    own.verdict.struct_size = sizeof own.verdict;

    OK(otp_engine_issue(engine, store, alone, &own.issued));
    CHECK(own.issued.outcome == OTP_OUTCOME_ISSUED);
    remember_code(own.issued.code);
    OK(otp_engine_verify(engine, store, alone, (const uint8_t *)"1234567890", 10, &own.verdict));
    CHECK(own.verdict.outcome == OTP_OUTCOME_REJECTED);
    OK(otp_engine_verify(engine, store, alone, own.issued.code, strlen((const char *)own.issued.code), &own.verdict));
    CHECK(own.verdict.outcome == OTP_OUTCOME_ACCEPTED && own.verdict.record_sequence == 1);
    otp_bytes_free(own.verdict.record);

    OK(otp_engine_issue_many(engine, store, &batched, 1, &own.batched, sizeof own.batched));
    CHECK(own.batched.outcome == OTP_OUTCOME_ISSUED);
    remember_code(own.batched.code);
    submission.binding = batched;
    submission.code = view((const char *)own.batched.code);
    OK(otp_engine_verify_many(engine, store, &submission, sizeof submission, 1, &own.verdict, sizeof own.verdict));
    CHECK(own.verdict.outcome == OTP_OUTCOME_ACCEPTED);
    otp_bytes_free(own.verdict.record);

    otp_engine_free(engine);
    otp_store_free(store);
}

/* Has this process dumped; returns the dump's path. */
static const char *dump(const char *folder, const char *name) {
    static char path[300], prefix[280], pid[16];
    pid_t child;
    int status = -1, len = snprintf(prefix, sizeof prefix, "%s/%s-core", folder, name);
    CHECK(len > 0 && (size_t)len < sizeof prefix);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    snprintf(path, sizeof path, "%s.%s", prefix, pid);
    /* A child may look into its parent only if that one says so. */
    (void)prctl(PR_SET_PTRACER, (unsigned long)-1, 0, 0, 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execlp("gcore", "gcore", "-o", prefix, pid, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0 && "gcore made a dump");
    return path;
}

static uint8_t *contents(const char *path, size_t *len) {
    struct stat about;
    uint8_t *bytes;
    size_t got = 0;
    int file = open(path, O_RDONLY);
    CHECK(file >= 0 && fstat(file, &about) == 0 && about.st_size > 0);
    bytes = (uint8_t *)malloc((size_t)about.st_size);
    CHECK(bytes != NULL);
    while (got < (size_t)about.st_size) {
        ssize_t more = read(file, bytes + got, (size_t)about.st_size - got);
        CHECK(more > 0);
        got += (size_t)more;
    }
    CHECK(close(file) == 0);
    *len = got;
    return bytes;
}

static size_t copies(const uint8_t *in, size_t len, const uint8_t *of, size_t size) {
    size_t count = 0;
    const uint8_t *at = in;
    while ((at = (const uint8_t *)memmem(at, len - (size_t)(at - in), of, size)) != NULL) {
        count++;
        at++;
    }
    return count;
}

/* Counts the copies of a needle: whole, or of a secret any window. */
static size_t found(const uint8_t *in, size_t len, const needle *it) {
    size_t at, count = 0;
    if (!it->is_secret) return copies(in, len, it->bytes, it->len);
    for (at = 0; at + WINDOW <= it->len; at++) count += copies(in, len, it->bytes + at, WINDOW);
    return count;
}

static void case_74_no_code_and_no_secret_is_in_a_core_dump_after_use(int32_t code_kind, int wiped) {
    const char *folder = getenv("OTP_TEST_FOLDER"), *path;
    uint8_t *all, *core;
    size_t all_len, core_len, place, hits = 0, needles = 0;
    if (folder == NULL) folder = ".";
    CHECK(snprintf(needles_path, sizeof needles_path, "%s/dump-needles", folder) < (int)sizeof needles_path);
    remove(needles_path);
    main_job(code_kind);
    if (wiped) otp_wipe((uint8_t *)&own, sizeof own);
    path = dump(folder, "dump");

    all = contents(needles_path, &all_len);
    core = contents(path, &core_len);
    remove(needles_path);
    remove(path);
    CHECK(copies(core, core_len, (const uint8_t *)"loan.application", 16) > 0); /* it is a dump of this */
    for (place = 0; place < all_len; place += 2 + (size_t)all[place]) {
        needle it;
        size_t count;
        memset(&it, 0, sizeof it);
        it.len = all[place];
        it.is_secret = all[place + 1];
        CHECK(it.len <= sizeof it.bytes && place + 2 + it.len <= all_len);
        memcpy(it.bytes, all + place + 2, it.len);
        count = found(core, core_len, &it);
        needles++;
        hits += count > 0;
        if (count > 0) {
            printf("%s of %lu bytes: %lu times\n", it.is_secret ? "a secret" : "a code", (unsigned long)it.len,
                   (unsigned long)count);
        }
    }
    printf("%lu needles, %lu found, %lu bytes of dump\n", (unsigned long)needles, (unsigned long)hits,
           (unsigned long)core_len);
    fflush(stdout);
    CHECK(needles == (code_kind == OTP_CODE_TOKEN ? 5u : 9u));
    free(all);
    free(core);
    CHECK(hits == 0);
}

int main(int argc, char **argv) {
    int wiped = 1, at;
    int32_t code_kind = OTP_CODE_DIGITS;
    for (at = 1; at < argc; at++) {
        if (strcmp(argv[at], "--unwiped") == 0) wiped = 0;
        else if (strcmp(argv[at], "--token") == 0) code_kind = OTP_CODE_TOKEN;
        else fail("an argument that is --unwiped or --token", __FILE__, __LINE__);
    }
    case_74_no_code_and_no_secret_is_in_a_core_dump_after_use(code_kind, wiped);
    return done("dump");
}
