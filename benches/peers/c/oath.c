#include "oath.h"

#include "floor.h"
#include "otp_engine.h"

#ifdef WITH_LIBOATH
#include <liboath/oath.h>
#endif
#ifdef WITH_LIBCOTP
#include <cotp.h>
#endif

/* A counter such as the time of these years gives. */
static const uint64_t START = 57000000;
static const unsigned PERIOD = 30;
static const char WRONG[] = "999999";

typedef struct {
    const char *name;
    int32_t hash;
    int liboath_flags, libcotp_hash;
    void (*floor_generate)(uint64_t n);
    void (*floor_verify)(uint64_t n, uint64_t window);
    /* The RFCs' secret, its base32, and the 8 digits of the time 59 by RFC 6238. */
    const char *secret, *base32, *at_59;
} algorithm;

#ifdef WITH_LIBCOTP
#define COTP(hash) hash
#else
#define COTP(hash) 0
#endif

static const algorithm ALGORITHMS[] = {
    {"sha1", OTP_HASH_SHA1, 0, COTP(SHA1), otp_floor_hotp_sha1, otp_floor_verify_sha1,
     "12345678901234567890", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "94287082"},
    {"sha256", OTP_HASH_SHA256, 1, COTP(SHA256), otp_floor_hotp_sha256, otp_floor_verify_sha256,
     "12345678901234567890123456789012", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA====",
     "46119246"},
    {"sha512", OTP_HASH_SHA512, 2, COTP(SHA512), otp_floor_hotp_sha512, otp_floor_verify_sha512,
     "1234567890123456789012345678901234567890123456789012345678901234",
     "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
     "GEZDGNA=",
     "90693936"},
};

/* One key in every maker's hands. */
typedef struct {
    const algorithm *kind;
    otp_hotp *hotp;
    otp_totp *totp;
    /* The next counter. */
    uint64_t at;
    unsigned digits;
} maker;

static maker make(const algorithm *kind, unsigned digits) {
    maker made = {kind, NULL, NULL, START, digits};
    otp_view secret = {(const uint8_t *)kind->secret, strlen(kind->secret)};
    REQUIRE(otp_hotp_new(secret, kind->hash, digits, 0, &made.hotp) == OTP_STATUS_OK);
    REQUIRE(otp_totp_new(secret, kind->hash, digits, PERIOD, &made.totp) == OTP_STATUS_OK);
    return made;
}

static void drop(maker *made) {
    otp_hotp_free(made->hotp);
    otp_totp_free(made->totp);
}

/* Each of these writes the code of a counter, or of a time. */
typedef void generator(const maker *made, uint64_t at, char *code);

static void engine_hotp(const maker *made, uint64_t at, char *code) {
    REQUIRE(otp_hotp_generate(made->hotp, at, (uint8_t *)code, OTP_CODE_CAPACITY) == OTP_STATUS_OK);
}

static void engine_totp(const maker *made, uint64_t at, char *code) {
    REQUIRE(otp_totp_generate(made->totp, (int64_t)at, (uint8_t *)code, OTP_CODE_CAPACITY) == OTP_STATUS_OK);
}

/* Says whether a wrong code was taken for right. */
typedef int judge(const maker *made, uint64_t at);

static int engine_hotp_verify(const maker *made, uint64_t at) {
    otp_oath_match match = {sizeof match, 0, 0, 0};
    REQUIRE(otp_hotp_verify(made->hotp, (const uint8_t *)WRONG, 6, at, 0, &match) == OTP_STATUS_OK);
    return match.matched;
}

static int engine_totp_verify(const maker *made, uint64_t at) {
    otp_oath_match match = {sizeof match, 0, 0, 0};
    REQUIRE(otp_totp_verify(made->totp, (const uint8_t *)WRONG, 6, (int64_t)(at * PERIOD), 1, &match) ==
            OTP_STATUS_OK);
    return match.matched;
}

#ifdef WITH_LIBOATH
/* Its HOTP knows SHA-1 alone: for the others its time is the counter, with steps of one second. */
static void liboath_hotp(const maker *made, uint64_t at, char *code) {
    const char *secret = made->kind->secret;
    int told = made->kind->liboath_flags == 0
                   ? oath_hotp_generate(secret, strlen(secret), at, made->digits, 0,
                                        OATH_HOTP_DYNAMIC_TRUNCATION, code)
                   : oath_totp_generate2(secret, strlen(secret), (time_t)at, 1, 0, made->digits,
                                         made->kind->liboath_flags, code);
    REQUIRE(told == OATH_OK);
}

static void liboath_totp(const maker *made, uint64_t at, char *code) {
    const char *secret = made->kind->secret;
    REQUIRE(oath_totp_generate2(secret, strlen(secret), (time_t)at, PERIOD, 0, made->digits,
                                made->kind->liboath_flags, code) == OATH_OK);
}

static int liboath_hotp_verify(const maker *made, uint64_t at) {
    const char *secret = made->kind->secret;
    int told = made->kind->liboath_flags == 0
                   ? oath_hotp_validate(secret, strlen(secret), at, 0, WRONG)
                   : oath_totp_validate4(secret, strlen(secret), (time_t)at, 1, 0, 0, NULL, NULL,
                                         made->kind->liboath_flags, WRONG);
    REQUIRE(told == OATH_INVALID_OTP || told >= 0);
    return told >= 0;
}

static int liboath_totp_verify(const maker *made, uint64_t at) {
    const char *secret = made->kind->secret;
    int told = oath_totp_validate4(secret, strlen(secret), (time_t)(at * PERIOD), PERIOD, 0, 1, NULL, NULL,
                                   made->kind->liboath_flags, WRONG);
    REQUIRE(told == OATH_INVALID_OTP || told >= 0);
    return told >= 0;
}
#endif

#ifdef WITH_LIBCOTP
/* It takes base32 alone and decodes it in each call: that is its way. */
static void libcotp_hotp(const maker *made, uint64_t at, char *code) {
    cotp_error_t error = VALID;
    char *given = get_hotp(made->kind->base32, (long)at, (int)made->digits, made->kind->libcotp_hash, &error);
    REQUIRE(given != NULL && strlen(given) < OTP_CODE_CAPACITY);
    strcpy(code, given);
    free(given);
}

static void libcotp_totp(const maker *made, uint64_t at, char *code) {
    cotp_error_t error = VALID;
    char *given = get_totp_at(made->kind->base32, (long)at, (int)made->digits, (int)PERIOD,
                              made->kind->libcotp_hash, &error);
    REQUIRE(given != NULL && strlen(given) < OTP_CODE_CAPACITY);
    strcpy(code, given);
    free(given);
}

/* Its TOTP reads the clock and has no window. */
static int libcotp_hotp_verify(const maker *made, uint64_t at) {
    return hotp_verify(made->kind->base32, (long)at, (int)made->digits, WRONG, made->kind->libcotp_hash) == VALID;
}
#endif

typedef struct {
    const char *name;
    generator *hotp, *totp;
    judge *hotp_verify, *totp_verify;
} side;

static const side SIDES[] = {
    {"otp-engine", engine_hotp, engine_totp, engine_hotp_verify, engine_totp_verify},
#ifdef WITH_LIBOATH
    {"liboath", liboath_hotp, liboath_totp, liboath_hotp_verify, liboath_totp_verify},
#endif
#ifdef WITH_LIBCOTP
    {"libcotp", libcotp_hotp, libcotp_totp, libcotp_hotp_verify, NULL},
#endif
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

void oath_agrees(void) {
    /* RFC 4226, appendix D. */
    static const char *const CODES[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    size_t at, which, one;
    for (which = 0; which < COUNT(ALGORITHMS); which++) {
        maker six = make(&ALGORITHMS[which], 6), eight = make(&ALGORITHMS[which], 8);
        for (one = 0; one < COUNT(SIDES); one++) {
            char code[OTP_CODE_CAPACITY], own[OTP_CODE_CAPACITY];
            for (at = 0; which == 0 && at < COUNT(CODES); at++) {
                SIDES[one].hotp(&six, at, code);
                REQUIRE(strcmp(code, CODES[at]) == 0);
            }
            SIDES[one].totp(&eight, 59, code);
            REQUIRE(strcmp(code, ALGORITHMS[which].at_59) == 0);
            for (at = START; at < START + 100; at++) {
                engine_hotp(&six, at, own);
                SIDES[one].hotp(&six, at, code);
                REQUIRE(strcmp(code, own) == 0);
                SIDES[one].totp(&six, at * PERIOD, code);
                REQUIRE(strcmp(code, own) == 0);
            }
            REQUIRE(!SIDES[one].hotp_verify(&six, START));
        }
        drop(&six);
        drop(&eight);
    }
}

/* A row of one of the sides. */
typedef struct {
    maker *made;
    const side *by;
    unsigned window;
} task;

static void run_hotp(void *with, uint64_t n) {
    const task *doing = with;
    generator *make_code = doing->by->hotp;
    char code[OTP_CODE_CAPACITY];
    while (n-- > 0) make_code(doing->made, doing->made->at++, code);
}

static void run_totp(void *with, uint64_t n) {
    const task *doing = with;
    generator *make_code = doing->by->totp;
    char code[OTP_CODE_CAPACITY];
    while (n-- > 0) make_code(doing->made, doing->made->at++ * PERIOD, code);
}

static void run_hotp_verify(void *with, uint64_t n) {
    const task *doing = with;
    judge *is_taken = doing->by->hotp_verify;
    while (n-- > 0) (void)is_taken(doing->made, doing->made->at++);
}

static void run_totp_verify(void *with, uint64_t n) {
    const task *doing = with;
    judge *is_taken = doing->by->totp_verify;
    while (n-- > 0) (void)is_taken(doing->made, doing->made->at++);
}

static void run_floor(void *with, uint64_t n) { ((const task *)with)->made->kind->floor_generate(n); }

static void run_floor_verify(void *with, uint64_t n) {
    const task *doing = with;
    doing->made->kind->floor_verify(n, doing->window);
}

static void rows_of(effort how, const char *what, const algorithm *kind, void (*floor_run)(void *, uint64_t),
                    void (*run)(void *, uint64_t), unsigned window) {
    maker made = make(kind, 6);
    task tasks[MAX_ROWS];
    row rows[MAX_ROWS] = {{"floor", NULL, floor_run, &tasks[0], 0}, {"floor again", NULL, floor_run, &tasks[0], 0}};
    size_t count = 2, one;
    char name[64];
    tasks[0].made = &made;
    tasks[0].by = NULL;
    tasks[0].window = window;
    for (one = 0; one < COUNT(SIDES); one++) {
        if (run == run_totp_verify && SIDES[one].totp_verify == NULL) continue;
        tasks[count].made = &made;
        tasks[count].by = &SIDES[one];
        rows[count].name = SIDES[one].name;
        rows[count].run = run;
        rows[count].with = &tasks[count];
        count++;
    }
    REQUIRE(snprintf(name, sizeof name, "%s %s", what, kind->name) < (int)sizeof name);
    group(how, name, rows, count);
    drop(&made);
}

void oath_rows(effort how) {
    size_t which;
    for (which = 0; which < COUNT(ALGORITHMS); which++) {
        const algorithm *kind = &ALGORITHMS[which];
        rows_of(how, "hotp generate", kind, run_floor, run_hotp, 0);
        rows_of(how, "totp generate", kind, run_floor, run_totp, 0);
        rows_of(how, "hotp verify", kind, run_floor_verify, run_hotp_verify, 0);
        rows_of(how, "totp verify", kind, run_floor_verify, run_totp_verify, 1);
    }
}
