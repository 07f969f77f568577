/* Handles are shared by threads: however many give the right code, one is accepted. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <pthread.h>

#include "check.h"

#define THREADS 8
#define ROUNDS 20

typedef struct {
    const otp_engine *engine;
    const otp_store *store;
    pthread_barrier_t *gate;
    attempt given;
    int accepted;
    int used;
} worker;

static void *give_the_code(void *argument) {
    worker *self = (worker *)argument;
    SIZED(otp_verdict, verdict);
    int32_t status;
    pthread_barrier_wait(self->gate);
    do { /* contended is an honest answer, and nothing was decided */
        status = otp_engine_verify(self->engine, self->store, self->given.binding, self->given.code.data, self->given.code.len, &verdict);
    } while (status == OTP_STATUS_CONTENDED);
    expect(status, OTP_STATUS_OK, "otp_engine_verify", __FILE__, __LINE__);
    self->accepted = verdict.outcome == OTP_OUTCOME_ACCEPTED;
    self->used = verdict.outcome == OTP_OUTCOME_REJECTED && verdict.rejection == OTP_REJECTION_ALREADY_USED;
    return NULL;
}

static void case_96_eight_threads_with_one_right_code_are_one_success(void) {
    otp_store *store = sample_store();
    otp_engine *engine = NULL;
    otp_key_ring *ring = sample_ring();
    int round;
    SIZED(otp_rate_limits, rate_limits);
    SIZED(otp_engine_options, options);
    OK(otp_rate_limits_default(&rate_limits));
    rate_limits.unlimited = 1; /* the limits are of no matter here, and would refuse the twentieth send */
    options.rate_limits = &rate_limits;
    OK(otp_engine_new(ring, &options, &engine));
    otp_key_ring_free(ring);
    for (round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];
        worker workers[THREADS];
        pthread_barrier_t gate;
        char record[16];
        otp_issued issued;
        int at, accepted = 0, used = 0;
        snprintf(record, sizeof record, "%d", round);
        issued = issue(engine, store, record);
        CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
        CHECK(pthread_barrier_init(&gate, NULL, THREADS) == 0);
        for (at = 0; at < THREADS; at++) {
            workers[at].engine = engine;
            workers[at].store = store;
            workers[at].gate = &gate;
            workers[at].given = attempt_at(engine, record, (const char *)issued.code);
            CHECK(pthread_create(&threads[at], NULL, give_the_code, &workers[at]) == 0);
        }
        for (at = 0; at < THREADS; at++) {
            CHECK(pthread_join(threads[at], NULL) == 0);
            accepted += workers[at].accepted;
            used += workers[at].used;
        }
        CHECK(accepted == 1 && used == THREADS - 1);
        CHECK(pthread_barrier_destroy(&gate) == 0);
    }
    otp_engine_free(engine);
    otp_store_free(store);
}

static void *fail_here(void *argument) {
    otp_store *none = NULL;
    STATUS(OTP_STATUS_ARGUMENT, otp_store_memory_new(0, *(const int *)argument, &none));
    CHECK(detail_names("77"));
    return NULL;
}

/* The detail of a fault is the thread's own. */
static void the_detail_of_one_thread_is_not_seen_by_another(void) {
    pthread_t thread;
    int unfit = 77;
    otp_store *none = NULL;
    STATUS(OTP_STATUS_ARGUMENT, otp_store_memory_new(0, 33, &none));
    CHECK(pthread_create(&thread, NULL, fail_here, &unfit) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(detail_names("33") && !detail_names("77"));
}

int main(void) {
    case_96_eight_threads_with_one_right_code_are_one_success();
    the_detail_of_one_thread_is_not_seen_by_another();
    return done("threads");
}
