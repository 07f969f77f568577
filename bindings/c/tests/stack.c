/* What a call leaves below its caller on the stack: no code, whatever the store. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* mkdtemp, pthread barriers */
#endif
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "host_store.h"

#define STACK ((size_t)512 * 1024)
#define PAINT 0xA5

/* What the library wipes below a caller, with the frame that wipes. */
#define WIPED ((size_t)8 * 1024 + 512)

/* Not on the painted stack. */
static unsigned char *stack;
static struct {
    const otp_engine *engine;
    const otp_store *store;
    const otp_binding *binding;
    otp_issued issued;
    otp_verdict verdict;
    int leaves_a_copy;
    const unsigned char *caller;
    pthread_barrier_t gate;
} job;

static void work(void) {
    if (job.issued.outcome == OTP_OUTCOME_ISSUED) {
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

/* Runs the call on a painted stack; returns how often the code is on it, as text or as number, and how deep the call
   went below its caller. */
static unsigned look(size_t *depth) {
    pthread_t thread;
    pthread_attr_t attributes;
    size_t at, len;
    uint64_t number;
    unsigned found = 0;
    memset(stack, PAINT, STACK);
    CHECK(pthread_barrier_init(&job.gate, NULL, 2) == 0);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, stack, STACK) == 0);
    CHECK(pthread_create(&thread, &attributes, called, NULL) == 0);
    pthread_barrier_wait(&job.gate);
    len = strlen((const char *)job.issued.code);
    CHECK(len == 10);
    number = strtoull((const char *)job.issued.code, NULL, 10);
    for (at = 0; at < STACK && stack[at] == PAINT; at++) continue;
    *depth = (size_t)(job.caller - (stack + at));
    for (; at + len <= STACK; at++) {
        found += memcmp(stack + at, job.issued.code, len) == 0 || memcmp(stack + at, &number, sizeof number) == 0;
    }
    pthread_barrier_wait(&job.gate);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pthread_attr_destroy(&attributes) == 0);
    CHECK(pthread_barrier_destroy(&job.gate) == 0);
    return found;
}

/* A store's own frames may be deeper: no code comes to them. */
static void leaves_no_code(const char *name, const otp_engine *engine, const otp_store *store, size_t limit) {
    size_t depth;
    memset(&job.issued, 0, sizeof job.issued);
    memset(&job.verdict, 0, sizeof job.verdict);
    job.issued.struct_size = sizeof job.issued;
    job.verdict.struct_size = sizeof job.verdict;
    job.engine = engine;
    job.store = store;
    job.binding = bound_to(engine, name);
    job.leaves_a_copy = 0;
    CHECK(look(&depth) == 0);
    CHECK(depth <= limit);
    printf("stack: an issue on a %s store goes %lu bytes deep\n", name, (unsigned long)depth);
    job.leaves_a_copy = 1; /* it must be seen */
    CHECK(look(&depth) == 1);
    CHECK(job.verdict.outcome == OTP_OUTCOME_ACCEPTED);
    job.leaves_a_copy = 0;
    CHECK(look(&depth) == 0);
    CHECK(depth <= limit);
    printf("stack: a verify on a %s store goes %lu bytes deep\n", name, (unsigned long)depth);
    CHECK(job.verdict.outcome == OTP_OUTCOME_REJECTED);
}

static otp_engine *engine_of_ten_digits(void) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL;
    SIZED(otp_policy, policy);
    SIZED(otp_engine_options, options);
    OK(otp_policy_default(&policy));
    policy.symbols = 10; /* six digits are in many a number */
    options.policy = &policy;
    OK(otp_engine_new(ring, &options, &engine));
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

int main(void) {
    char folder[] = "/tmp/otp-stack-XXXXXX", in_folder[64];
    otp_engine *engine = engine_of_ten_digits();
    otp_store *store = sample_store();
    shelf *cells = (shelf *)calloc(1, sizeof *cells);
    otp_host_store functions;
    CHECK(cells != NULL);
    CHECK(mkdtemp(folder) != NULL);
    snprintf(in_folder, sizeof in_folder, "%s/codes", folder);
    CHECK(posix_memalign((void **)&stack, 4096, STACK) == 0);
    leaves_no_code("memory", engine, store, WIPED);
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
