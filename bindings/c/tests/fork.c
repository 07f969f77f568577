/* Fork: what a child inherits is refused there, and no two processes make the same code or id. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define CHILDREN 64

static otp_engine *token_engine(void) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = NULL;
    SIZED(otp_policy, policy);
    SIZED(otp_engine_options, options);
    OK(otp_policy_default(&policy));
    policy.code = OTP_CODE_TOKEN;
    options.policy = &policy;
    OK(otp_engine_new(ring, &options, &engine));
    otp_key_ring_free(ring);
    return engine;
}

/* Waits for a child and requires that all its checks passed. */
static void wait_for(pid_t child) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void case_82_inherited_handles_are_refused_in_the_child_and_the_parent_goes_on(void) {
    otp_key_ring *ring = sample_ring();
    otp_engine *engine = sample_engine();
    otp_store *store = sample_store();
    otp_issued issued = issue(engine, store, "15");
    otp_binding *inherited = NULL;
    otp_binding_options options = sample_binding();
    pid_t child;
    OK(otp_binding_new(engine, &options, &inherited));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        otp_engine *own = sample_engine(), *none = NULL;
        otp_binding *no_binding = NULL;
        attempt given = attempt_at(own, "15", (const char *)issued.code);
        otp_store *own_store = sample_store();
        otp_bytes *report = NULL;
        uint64_t dropped = 0;
        int32_t said = 0;
        SIZED(otp_verdict, verdict);
        SIZED(otp_issued, again);
        SIZED(otp_policy, policy);
        OK(otp_policy_default(&policy));
        STATUS(OTP_STATUS_FORKED, otp_engine_verify(engine, store, given.binding, given.code.data, given.code.len, &verdict));
        STATUS(OTP_STATUS_FORKED, otp_engine_verify(own, store, given.binding, given.code.data, given.code.len, &verdict));
        CHECK(detail_names("store"));
        STATUS(OTP_STATUS_FORKED, otp_engine_verify(engine, own_store, given.binding, given.code.data, given.code.len, &verdict));
        CHECK(detail_names("engine"));
        STATUS(OTP_STATUS_FORKED, otp_engine_issue(own, own_store, inherited, &again));
        CHECK(detail_names("binding"));
        STATUS(OTP_STATUS_FORKED, otp_binding_new(engine, &options, &no_binding));
        CHECK(no_binding == NULL);
        otp_binding_free(inherited); /* harmless: nothing is freed */
        otp_binding_free(inherited);
        STATUS(OTP_STATUS_FORKED, otp_engine_issue(engine, store, given.binding, &again));
        STATUS(OTP_STATUS_FORKED, otp_engine_purge(engine, store, 1, &dropped));
        STATUS(OTP_STATUS_FORKED, otp_engine_with_policy(engine, &policy, &none));
        STATUS(OTP_STATUS_FORKED, otp_engine_new(ring, NULL, &none));
        STATUS(OTP_STATUS_FORKED, otp_store_check(store, &said, &report));
        CHECK(verdict.outcome == OTP_OUTCOME_NONE && again.outcome == OTP_OUTCOME_NONE && none == NULL);
        otp_engine_free(engine); /* harmless: nothing is freed */
        otp_engine_free(engine);
        otp_store_free(store);
        otp_key_ring_free(ring);
        again = issue(own, own_store, "15");
        CHECK(verify(own, own_store, "15", (const char *)again.code).outcome == OTP_OUTCOME_ACCEPTED);
        otp_engine_free(own);
        otp_store_free(own_store);
        _exit(0);
    }
    wait_for(child);
    CHECK(verify(engine, store, "15", (const char *)issued.code).outcome == OTP_OUTCOME_ACCEPTED);
    otp_binding_free(inherited);
    otp_engine_free(engine);
    otp_store_free(store);
    otp_key_ring_free(ring);
}

static void case_82_a_grandchild_refuses_the_handles_of_both_its_forebears(void) {
    otp_engine *engine = sample_engine();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        otp_engine *own = sample_engine();
        pid_t grandchild = fork();
        SIZED(otp_odds, odds);
        CHECK(grandchild >= 0);
        if (grandchild == 0) {
            otp_engine *third = sample_engine();
            STATUS(OTP_STATUS_FORKED, otp_engine_odds(engine, &odds));
            STATUS(OTP_STATUS_FORKED, otp_engine_odds(own, &odds));
            OK(otp_engine_odds(third, &odds));
            otp_engine_free(third);
            _exit(0);
        }
        wait_for(grandchild);
        STATUS(OTP_STATUS_FORKED, otp_engine_odds(engine, &odds));
        OK(otp_engine_odds(own, &odds));
        otp_engine_free(own);
        _exit(0);
    }
    wait_for(child);
    otp_engine_free(engine);
}

static void case_82_an_inherited_signing_key_is_refused_in_the_child(void) {
    static const uint8_t seed[32] = {7};
    otp_signing_key *key = NULL;
    otp_bytes *text = NULL;
    pid_t child;
    OK(otp_signing_key_from_seed(view_of(seed, sizeof seed), &key));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        otp_key_ring *own_ring = sample_ring();
        otp_signing_key *own = NULL;
        otp_engine *engine = NULL;
        SIZED(otp_engine_options, options);
        options.signing_key = key;
        STATUS(OTP_STATUS_FORKED, otp_signing_key_public_jwks(key, &text));
        CHECK(detail_names("key"));
        STATUS(OTP_STATUS_FORKED, otp_signing_key_public_pem(key, &text));
        STATUS(OTP_STATUS_FORKED, otp_engine_new(own_ring, &options, &engine));
        CHECK(text == NULL && engine == NULL);
        otp_signing_key_free(key); /* harmless: nothing is freed */
        otp_signing_key_free(key);
        OK(otp_signing_key_from_seed(view_of(seed, sizeof seed), &own));
        OK(otp_signing_key_public_pem(own, &text));
        otp_bytes_free(text);
        otp_signing_key_free(own);
        otp_key_ring_free(own_ring);
        _exit(0);
    }
    wait_for(child);
    OK(otp_signing_key_public_jwks(key, &text));
    otp_bytes_free(text);
    otp_signing_key_free(key);
}

typedef struct {
    char challenge_id[OTP_CHALLENGE_ID_CAPACITY];
    char token[OTP_CODE_CAPACITY];
} made;

static void case_82_of_64_children_all_ids_and_tokens_are_distinct(void) {
    static made all[CHILDREN];
    pid_t children[CHILDREN];
    int pipes[2], at, other;
    CHECK(pipe(pipes) == 0);
    for (at = 0; at < CHILDREN; at++) {
        children[at] = fork();
        CHECK(children[at] >= 0);
        if (children[at] == 0) {
            otp_engine *engine = token_engine();
            otp_store *store = sample_store();
            otp_issued issued = issue(engine, store, "15");
            made mine;
            CHECK(issued.outcome == OTP_OUTCOME_ISSUED);
            memcpy(mine.challenge_id, issued.challenge_id, sizeof mine.challenge_id);
            memcpy(mine.token, issued.code, sizeof mine.token);
            CHECK(write(pipes[1], &mine, sizeof mine) == (ssize_t)sizeof mine);
            otp_engine_free(engine);
            otp_store_free(store);
            _exit(0);
        }
    }
    for (at = 0; at < CHILDREN; at++) {
        CHECK(read(pipes[0], &all[at], sizeof all[at]) == (ssize_t)sizeof all[at]);
        CHECK(strlen(all[at].challenge_id) == 26 && strlen(all[at].token) == 26);
        for (other = 0; other < at; other++) {
            CHECK(strcmp(all[at].challenge_id, all[other].challenge_id) != 0);
            CHECK(strcmp(all[at].token, all[other].token) != 0);
        }
    }
    for (at = 0; at < CHILDREN; at++) wait_for(children[at]);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void) {
    case_82_inherited_handles_are_refused_in_the_child_and_the_parent_goes_on();
    case_82_a_grandchild_refuses_the_handles_of_both_its_forebears();
    case_82_an_inherited_signing_key_is_refused_in_the_child();
    case_82_of_64_children_all_ids_and_tokens_are_distinct();
    return done("fork");
}
