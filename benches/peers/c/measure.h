/* Rows that are measured in turns, on this thread's own CPU time; see performance.md. */
#ifndef OTP_PEERS_MEASURE_H
#define OTP_PEERS_MEASURE_H

#define _POSIX_C_SOURCE 199309L /* clock_gettime: this header comes before all others */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    unsigned rounds;
    /* Only to see that each row runs: its figures say nothing. */
    int quick;
} effort;

/* One thing to measure: `prepare`, if any, is not timed; `run` does n operations. */
typedef struct {
    const char *name;
    void (*prepare)(void *with);
    void (*run)(void *with, uint64_t n);
    void *with;
    /* How many operations a round has; 0: as many as take about a millisecond. */
    uint64_t operations;
} row;

#define MAX_ROWS 12

/* Ends the program: figures of what did not do its work would be no figures. */
#define REQUIRE(condition)                                                                   \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "error: %s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

static inline uint64_t thread_time(void) {
    struct timespec now;
    REQUIRE(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t timed(const row *each, uint64_t n) {
    uint64_t start;
    if (each->prepare != NULL) each->prepare(each->with);
    start = thread_time();
    each->run(each->with, n);
    return thread_time() - start;
}

static inline void calibrate(effort how, row *each) {
    if (each->operations > 0) return;
    for (each->operations = 10; !how.quick && each->operations < (uint64_t)1 << 30; each->operations *= 2) {
        uint64_t spent = timed(each, each->operations);
        if (spent >= 250000) {
            each->operations = each->operations * 1000000 / spent;
            return;
        }
    }
}

/* Says whose rows follow. */
static inline void begin(effort how) { printf("{\"process\":\"c\",\"rounds\":%u}\n", how.rounds); }

/* Says which peer is not measured. */
static inline void skipped(const char *name, const char *why) {
    printf("{\"skipped\":\"%s\",\"why\":\"%s\"}\n", name, why);
}

/* Measures rows in turns, the order reversed every second round, and prints each row's rounds in
   nanoseconds for each operation. The first is the floor. */
static inline void group(effort how, const char *name, row *rows, size_t count) {
    double *samples = calloc(count * how.rounds, sizeof *samples);
    size_t at, turn;
    unsigned round;
    REQUIRE(samples != NULL && count > 0 && count <= MAX_ROWS);
    for (at = 0; at < count; at++) calibrate(how, &rows[at]);
    for (round = 0; round < how.rounds; round++) {
        for (turn = 0; turn < count; turn++) {
            row *each;
            at = round % 2 == 0 ? turn : count - 1 - turn;
            each = &rows[at];
            samples[at * how.rounds + round] = (double)timed(each, each->operations) / (double)each->operations;
        }
    }
    for (at = 0; at < count; at++) {
        printf("{\"group\":\"%s\",\"row\":\"%s\",\"clock\":\"cpu\",\"unit\":\"ns\",\"samples\":[", name,
               rows[at].name);
        for (round = 0; round < how.rounds; round++) {
            printf("%s%.2f", round == 0 ? "" : ",", samples[at * how.rounds + round]);
        }
        printf("]}\n");
    }
    free(samples);
}

#endif
