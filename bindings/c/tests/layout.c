/* The layout and the numbers of the ABI, as every 64-bit platform has them; they never change. What
 * is wrong here does not compile. A structure that grows by a member at its end gets a line more. */
#include "check.h"

#if defined(__cplusplus)
#  define HOLDS(condition, what) static_assert(condition, what)
#elif __STDC_VERSION__ >= 201112L
#  define HOLDS(condition, what) _Static_assert(condition, what)
#else
#  define HOLDS_IN(condition, line) extern char holds_in_line_##line[(condition) ? 1 : -1]
#  define HOLDS_AT(condition, line) HOLDS_IN(condition, line)
#  define HOLDS(condition, what) HOLDS_AT(condition, __LINE__)
#endif

#define SIZE(type, size) HOLDS(sizeof(type) == (size), "sizeof " #type)
#define AT(type, member, offset) HOLDS(offsetof(type, member) == (offset), "offset of " #type "." #member)
#define IS(name, number) HOLDS((name) == (number), #name)

#if SIZE_MAX == UINT64_MAX

SIZE(otp_submission, 56);
AT(otp_submission, struct_size, 0);
AT(otp_submission, binding, 8);
AT(otp_submission, code, 16);
AT(otp_submission, challenge_id, 32);
AT(otp_submission, evidence, 48);

SIZE(otp_oath_verdict, 112);
AT(otp_oath_verdict, struct_size, 0);
AT(otp_oath_verdict, outcome, 8);
AT(otp_oath_verdict, rejection, 12);
AT(otp_oath_verdict, public_rejection, 16);
AT(otp_oath_verdict, attempts_left, 20);
AT(otp_oath_verdict, has_retry_at, 24);
AT(otp_oath_verdict, has_matched, 28);
AT(otp_oath_verdict, retry_at, 32);
AT(otp_oath_verdict, verified_at, 40);
AT(otp_oath_verdict, matched, 48);
AT(otp_oath_verdict, drift, 56);
AT(otp_oath_verdict, device, 60);
AT(otp_oath_verdict, evidence_fault, 64);
AT(otp_oath_verdict, evidence_kind, 68);
AT(otp_oath_verdict, record, 72);
AT(otp_oath_verdict, record_sequence, 80);
AT(otp_oath_verdict, record_id, 88);

SIZE(otp_device, 48);
AT(otp_device, struct_size, 0);
AT(otp_device, hotp, 8);
AT(otp_device, totp, 16);
AT(otp_device, ocra, 24);
AT(otp_device, inputs, 32);
AT(otp_device, reach, 40);

SIZE(otp_ocra_inputs, 120);
AT(otp_ocra_inputs, struct_size, 0);
AT(otp_ocra_inputs, question, 8);
AT(otp_ocra_inputs, other_question, 24);
AT(otp_ocra_inputs, pin, 40);
AT(otp_ocra_inputs, pin_digest, 56);
AT(otp_ocra_inputs, session, 72);
AT(otp_ocra_inputs, counter, 88);
AT(otp_ocra_inputs, now, 96);
AT(otp_ocra_inputs, has_counter, 104);
AT(otp_ocra_inputs, has_now, 108);
AT(otp_ocra_inputs, look_ahead, 112);
AT(otp_ocra_inputs, window, 116);

SIZE(otp_oath_match, 32);
AT(otp_oath_match, struct_size, 0);
AT(otp_oath_match, matched, 8);
AT(otp_oath_match, counter, 16);
AT(otp_oath_match, step, 24);

SIZE(otp_credential, 2096);
AT(otp_credential, struct_size, 0);
AT(otp_credential, kind, 8);
AT(otp_credential, hash, 12);
AT(otp_credential, digits, 16);
AT(otp_credential, period, 20);
AT(otp_credential, counter, 24);
AT(otp_credential, secret_len, 32);
AT(otp_credential, secret, 36);
AT(otp_credential, issuer, 1060);
AT(otp_credential, account, 1317);
AT(otp_credential, image, 1574);
AT(otp_credential, legacy_secret, 2088);

SIZE(otp_message_options, 112);
AT(otp_message_options, struct_size, 0);
AT(otp_message_options, template_text, 8);
AT(otp_message_options, prefix, 24);
AT(otp_message_options, domain, 40);
AT(otp_message_options, app_hash, 56);
AT(otp_message_options, subject, 72);
AT(otp_message_options, code, 88);
AT(otp_message_options, minutes, 104);

SIZE(otp_message, 32);
AT(otp_message, struct_size, 0);
AT(otp_message, text, 8);
AT(otp_message, encoding, 16);
AT(otp_message, units, 20);
AT(otp_message, segments, 24);

SIZE(otp_policy, 64);
AT(otp_policy, struct_size, 0);
AT(otp_policy, code, 8);
AT(otp_policy, symbols, 12);
AT(otp_policy, validity, 16);
AT(otp_policy, lockout, 24);
AT(otp_policy, cooldown, 32);
AT(otp_policy, max_attempts, 40);
AT(otp_policy, max_sends, 44);
AT(otp_policy, resend, 48);
AT(otp_policy, content_required, 52);
AT(otp_policy, evidence, 56);

SIZE(otp_rate_limits, 56);
AT(otp_rate_limits, struct_size, 0);
AT(otp_rate_limits, unlimited, 8);
AT(otp_rate_limits, user_failures_per_day, 12);
AT(otp_rate_limits, consecutive_failures, 16);
AT(otp_rate_limits, recipient_failures_per_day, 20);
AT(otp_rate_limits, user_sends_per_hour, 24);
AT(otp_rate_limits, recipient_sends_per_ten_minutes, 28);
AT(otp_rate_limits, recipient_sends_per_day, 32);
AT(otp_rate_limits, device_failures_per_day, 36);
AT(otp_rate_limits, device_hard_stop, 40);
AT(otp_rate_limits, lock_ends_after, 48);

SIZE(otp_clock, 24);
AT(otp_clock, now, 0);
AT(otp_clock, user_data, 8);
AT(otp_clock, drop_user_data, 16);

SIZE(otp_view, 16);
AT(otp_view, data, 0);
AT(otp_view, len, 8);

SIZE(otp_event, 200);
AT(otp_event, struct_size, 0);
AT(otp_event, kind, 8);
AT(otp_event, refusal_reason, 12);
AT(otp_event, rejection, 16);
AT(otp_event, count, 20);
AT(otp_event, mixed_scripts, 24);
AT(otp_event, refunded, 28);
AT(otp_event, at, 32);
AT(otp_event, tenant, 40);
AT(otp_event, user, 56);
AT(otp_event, purpose, 72);
AT(otp_event, target, 88);
AT(otp_event, recipient, 136);
AT(otp_event, challenge_id, 152);
AT(otp_event, reset_reason, 184);

SIZE(otp_observer, 24);
AT(otp_observer, observe, 0);
AT(otp_observer, user_data, 8);
AT(otp_observer, drop_user_data, 16);

SIZE(otp_engine_options, 88);
AT(otp_engine_options, struct_size, 0);
AT(otp_engine_options, policy, 8);
AT(otp_engine_options, rate_limits, 16);
AT(otp_engine_options, signing_key, 24);
AT(otp_engine_options, clock, 32);
AT(otp_engine_options, observer, 56);
AT(otp_engine_options, fibers, 80);

SIZE(otp_issued, 384);
AT(otp_issued, struct_size, 0);
AT(otp_issued, status, 8);
AT(otp_issued, outcome, 12);
AT(otp_issued, refusal_reason, 16);
AT(otp_issued, send, 20);
AT(otp_issued, issued_at, 24);
AT(otp_issued, expires_at, 32);
AT(otp_issued, retry_at, 40);
AT(otp_issued, has_retry_at, 48);
AT(otp_issued, challenge_id, 52);
AT(otp_issued, code, 79);
AT(otp_issued, recipient, 106);
AT(otp_issued, valid_for, 368);
AT(otp_issued, minutes, 376);

SIZE(otp_delivery_report, 56);
AT(otp_delivery_report, struct_size, 0);
AT(otp_delivery_report, challenge_id, 8);
AT(otp_delivery_report, gateway_status, 35);
AT(otp_delivery_report, send, 44);
AT(otp_delivery_report, delivered, 48);

SIZE(otp_challenge, 104);
AT(otp_challenge, struct_size, 0);
AT(otp_challenge, state, 8);
AT(otp_challenge, delivery, 12);
AT(otp_challenge, attempts_left, 16);
AT(otp_challenge, sends, 20);
AT(otp_challenge, issued_at, 24);
AT(otp_challenge, expires_at, 32);
AT(otp_challenge, next_send_at, 40);
AT(otp_challenge, lock, 48);
AT(otp_challenge, locked_until, 56);
AT(otp_challenge, challenge_id, 64);
AT(otp_challenge, gateway_status, 91);

SIZE(otp_odds, 32);
AT(otp_odds, struct_size, 0);
AT(otp_odds, per_code, 8);
AT(otp_odds, per_day, 16);
AT(otp_odds, per_year, 24);

SIZE(otp_code_key, 48);
AT(otp_code_key, kid, 0);
AT(otp_code_key, secret, 16);
AT(otp_code_key, is_retired, 32);
AT(otp_code_key, retired_at, 40);

SIZE(otp_key_ring_options, 72);
AT(otp_key_ring_options, struct_size, 0);
AT(otp_key_ring_options, codes, 8);
AT(otp_key_ring_options, code_count, 16);
AT(otp_key_ring_options, code_size, 24);
AT(otp_key_ring_options, current, 32);
AT(otp_key_ring_options, index, 48);
AT(otp_key_ring_options, epoch, 64);

SIZE(otp_target, 48);
AT(otp_target, model, 0);
AT(otp_target, field, 16);
AT(otp_target, id, 32);

SIZE(otp_chain_head, 56);
AT(otp_chain_head, struct_size, 0);
AT(otp_chain_head, count, 8);
AT(otp_chain_head, digest, 16);
AT(otp_chain_head, has_digest, 48);

SIZE(otp_erase_request, 96);
AT(otp_erase_request, struct_size, 0);
AT(otp_erase_request, tenant, 8);
AT(otp_erase_request, target, 24);
AT(otp_erase_request, sequence, 72);
AT(otp_erase_request, details, 80);

SIZE(otp_expected, 80);
AT(otp_expected, struct_size, 0);
AT(otp_expected, tenant, 8);
AT(otp_expected, target, 24);
AT(otp_expected, chain_head, 72);

SIZE(otp_binding_options, 144);
AT(otp_binding_options, struct_size, 0);
AT(otp_binding_options, tenant, 8);
AT(otp_binding_options, purpose, 24);
AT(otp_binding_options, target, 40);
AT(otp_binding_options, user, 88);
AT(otp_binding_options, recipient, 104);
AT(otp_binding_options, recipient_kind, 120);
AT(otp_binding_options, content_guessable, 124);
AT(otp_binding_options, content, 128);

SIZE(otp_buffer, 24);
AT(otp_buffer, data, 0);
AT(otp_buffer, capacity, 8);
AT(otp_buffer, len, 16);

SIZE(otp_host_store, 64);
AT(otp_host_store, struct_size, 0);
AT(otp_host_store, load, 8);
AT(otp_host_store, commit, 16);
AT(otp_host_store, purge, 24);
AT(otp_host_store, store_class, 32);
AT(otp_host_store, fibers, 36);
AT(otp_host_store, user_data, 40);
AT(otp_host_store, drop_user_data, 48);
AT(otp_host_store, has_cells, 56);

SIZE(otp_verdict, 128);
AT(otp_verdict, struct_size, 0);
AT(otp_verdict, status, 8);
AT(otp_verdict, outcome, 12);
AT(otp_verdict, rejection, 16);
AT(otp_verdict, public_rejection, 20);
AT(otp_verdict, attempts_left, 24);
AT(otp_verdict, has_retry_at, 28);
AT(otp_verdict, retry_at, 32);
AT(otp_verdict, verified_at, 40);
AT(otp_verdict, evidence_fault, 48);
AT(otp_verdict, evidence_kind, 52);
AT(otp_verdict, record, 56);
AT(otp_verdict, record_sequence, 64);
AT(otp_verdict, record_id, 72);
AT(otp_verdict, challenge_id, 95);

SIZE(otp_evidence, 136);
AT(otp_evidence, struct_size, 0);
AT(otp_evidence, user_name, 8);
AT(otp_evidence, signer_name, 24);
AT(otp_evidence, document, 40);
AT(otp_evidence, image, 56);
AT(otp_evidence, consent, 72);
AT(otp_evidence, revision, 88);
AT(otp_evidence, ip, 104);
AT(otp_evidence, agent, 120);
#endif

IS(OTP_CREDENTIAL_HOTP, 1);
IS(OTP_CREDENTIAL_TOTP, 2);
IS(OTP_CELL_KIND_CREDENTIAL, 5);
IS(OTP_HASH_SHA1, 1);
IS(OTP_HASH_SHA256, 2);
IS(OTP_HASH_SHA512, 3);
IS(OTP_MOBILE_MAX, 15);
IS(OTP_ENCODING_GSM7, 1);
IS(OTP_ENCODING_UCS2, 2);
IS(OTP_CODE_CAPACITY, 27);
IS(OTP_CHALLENGE_ID_CAPACITY, 27);
IS(OTP_RECIPIENT_CAPACITY, 255);
IS(OTP_ABI_VERSION, 1);
IS(OTP_CODE_DIGITS, 1);
IS(OTP_CODE_LETTERS, 2);
IS(OTP_CODE_TOKEN, 3);
IS(OTP_RESEND_SAME, 1);
IS(OTP_RESEND_ROTATE, 2);
IS(OTP_REQUIRE_SIGNER_NAME, 1);
IS(OTP_REQUIRE_DOCUMENT, 2);
IS(OTP_REQUIRE_IMAGE, 4);
IS(OTP_REQUIRE_CONSENT, 8);
IS(OTP_RECIPIENT_MOBILE, 1);
IS(OTP_RECIPIENT_EMAIL, 2);

IS(OTP_STATUS_OK, 0);
IS(OTP_STATUS_ARGUMENT, 1);
IS(OTP_STATUS_UTF8, 2);
IS(OTP_STATUS_STRUCT_SIZE, 3);
IS(OTP_STATUS_BUFFER_TOO_SMALL, 4);
IS(OTP_STATUS_POLICY, 5);
IS(OTP_STATUS_KEY, 6);
IS(OTP_STATUS_STORE_UNAVAILABLE, 10);
IS(OTP_STATUS_STORE_FULL, 11);
IS(OTP_STATUS_STORE_UNKNOWN, 12);
IS(OTP_STATUS_STORE_UNSUPPORTED, 13);
IS(OTP_STATUS_TAMPERED, 14);
IS(OTP_STATUS_CONTENDED, 15);
IS(OTP_STATUS_FOREIGN_STORE, 16);
IS(OTP_STATUS_NO_CANARY, 17);
IS(OTP_STATUS_CLOCK, 20);
IS(OTP_STATUS_RANDOMNESS, 21);
IS(OTP_STATUS_FORKED, 22);
IS(OTP_STATUS_REENTERED, 23);
IS(OTP_STATUS_CLOCK_AHEAD, 24);
IS(OTP_STATUS_PANICKED, 31);

IS(OTP_OUTCOME_NONE, 0);
IS(OTP_OUTCOME_ACCEPTED, 1);
IS(OTP_OUTCOME_REJECTED, 2);
IS(OTP_OUTCOME_ISSUED, 3);
IS(OTP_OUTCOME_REFUSED, 4);

IS(OTP_REFUSAL_REASON_NONE, 0);
IS(OTP_REFUSAL_REASON_COOLDOWN, 1);
IS(OTP_REFUSAL_REASON_SEND_LIMIT, 2);
IS(OTP_REFUSAL_REASON_EXHAUSTED, 3);
IS(OTP_REFUSAL_REASON_LOCKED, 4);
IS(OTP_REFUSAL_REASON_CLAIMED, 5);
IS(OTP_REFUSAL_REASON_REPORTED, 6);
IS(OTP_REFUSAL_REASON_EXPIRED, 7);
IS(OTP_REFUSAL_REASON_ALREADY_USED, 8);
IS(OTP_REFUSAL_REASON_SUPERSEDED, 9);
IS(OTP_REFUSAL_REASON_CANCELLED, 10);
IS(OTP_REFUSAL_REASON_MISMATCH, 11);
IS(OTP_REFUSAL_REASON_UNKNOWN, 12);

IS(OTP_REJECTION_NONE, 0);
IS(OTP_REJECTION_WRONG, 1);
IS(OTP_REJECTION_EXPIRED, 2);
IS(OTP_REJECTION_EXHAUSTED, 3);
IS(OTP_REJECTION_ALREADY_USED, 4);
IS(OTP_REJECTION_SUPERSEDED, 5);
IS(OTP_REJECTION_CANCELLED, 6);
IS(OTP_REJECTION_MISMATCH, 7);
IS(OTP_REJECTION_UNKNOWN, 8);
IS(OTP_REJECTION_MALFORMED, 9);
IS(OTP_REJECTION_LOCKED, 10);
IS(OTP_REJECTION_EVIDENCE, 11);
IS(OTP_REJECTION_OTHER, 12);
IS(OTP_REJECTION_RESYNCHRONISE, 13);

IS(OTP_PUBLIC_REJECTION_NONE, 0);
IS(OTP_PUBLIC_REJECTION_INVALID, 1);
IS(OTP_PUBLIC_REJECTION_MALFORMED, 2);
IS(OTP_PUBLIC_REJECTION_EVIDENCE, 3);

IS(OTP_EVIDENCE_FAULT_NONE, 0);
IS(OTP_EVIDENCE_FAULT_MISSING, 1);
IS(OTP_EVIDENCE_FAULT_TOO_LARGE, 2);
IS(OTP_EVIDENCE_FAULT_UNFIT, 3);

IS(OTP_EVIDENCE_KIND_NONE, 0);
IS(OTP_EVIDENCE_KIND_SIGNER_NAME, 1);
IS(OTP_EVIDENCE_KIND_DOCUMENT, 2);
IS(OTP_EVIDENCE_KIND_IMAGE, 3);
IS(OTP_EVIDENCE_KIND_CONSENT, 4);
IS(OTP_EVIDENCE_KIND_USER_NAME, 5);
IS(OTP_EVIDENCE_KIND_REVISION, 6);
IS(OTP_EVIDENCE_KIND_IP, 7);
IS(OTP_EVIDENCE_KIND_AGENT, 8);

IS(OTP_CHALLENGE_STATE_NONE, 0);
IS(OTP_CHALLENGE_STATE_PENDING, 1);
IS(OTP_CHALLENGE_STATE_VERIFIED, 2);
IS(OTP_CHALLENGE_STATE_EXPIRED, 3);
IS(OTP_CHALLENGE_STATE_EXHAUSTED, 4);
IS(OTP_CHALLENGE_STATE_CANCELLED, 5);

IS(OTP_DELIVERY_UNREPORTED, 0);
IS(OTP_DELIVERY_SENT, 1);
IS(OTP_DELIVERY_FAILED, 2);
IS(OTP_DELIVERY_CLAIMED, 3);
IS(OTP_REPORT_OUTCOME_RECORDED, 1);
IS(OTP_REPORT_OUTCOME_REFUNDED, 2);
IS(OTP_REPORT_OUTCOME_IGNORED, 3);
IS(OTP_LOCK_NONE, 0);
IS(OTP_LOCK_UNTIL, 1);
IS(OTP_LOCK_UNTIL_UNLOCKED, 2);

IS(OTP_EVENT_KIND_OTHER, 0);
IS(OTP_EVENT_KIND_ISSUED, 1);
IS(OTP_EVENT_KIND_SENT_AGAIN, 2);
IS(OTP_EVENT_KIND_REFUSED, 3);
IS(OTP_EVENT_KIND_ACCEPTED, 4);
IS(OTP_EVENT_KIND_REJECTED, 5);
IS(OTP_EVENT_KIND_EXHAUSTED, 6);
IS(OTP_EVENT_KIND_LOCKED, 7);
IS(OTP_EVENT_KIND_NEARLY_LOCKED, 8);
IS(OTP_EVENT_KIND_CANCELLED, 9);
IS(OTP_EVENT_KIND_DELIVERED, 10);
IS(OTP_EVENT_KIND_DELIVERY_FAILED, 11);
IS(OTP_EVENT_KIND_UNLOCKED, 12);
IS(OTP_EVENT_KIND_SLOT_RESET, 13);
IS(OTP_EVENT_KIND_RECIPIENT_RESET, 14);
IS(OTP_EVENT_KIND_USER_RESET, 15);
IS(OTP_EVENT_KIND_DEVICE_RESET, 16);
IS(OTP_EVENT_KIND_CLAIMED, 17);

IS(OTP_CALLBACK_RESULT_FAILED, 0);
IS(OTP_CALLBACK_RESULT_DONE, 1);
IS(OTP_CALLBACK_RESULT_MORE_ROOM, 3);
IS(OTP_CALLBACK_RESULT_UNAVAILABLE, 10);
IS(OTP_CALLBACK_RESULT_FULL, 11);
IS(OTP_CALLBACK_RESULT_UNSUPPORTED, 13);

IS(OTP_COMMIT_OUTCOME_UNKNOWN, 0);
IS(OTP_COMMIT_OUTCOME_DONE, 1);
IS(OTP_COMMIT_OUTCOME_CONFLICT, 2);

IS(OTP_STORE_CLASS_EXPIRING, 2);
IS(OTP_STORE_CLASS_PERMANENT, 3);

IS(OTP_STORE_KEYS_PROVEN, 1);
IS(OTP_STORE_KEYS_BEGUN, 2);
IS(OTP_STORE_KEYS_NOT_PROVEN, 3);

IS(OTP_CELL_KIND_OTHER, 0);
IS(OTP_CELL_KIND_SLOT, 1);
IS(OTP_CELL_KIND_METER, 2);
IS(OTP_CELL_KIND_CHAIN_HEAD, 3);
IS(OTP_CELL_KIND_RECORD, 4);
IS(OTP_CELL_KIND_CANARY, 6);

/* What has a function for those who cannot read the macro is the same there. */
int main(void) {
    CHECK(otp_abi_version() == OTP_ABI_VERSION);
    CHECK(otp_code_capacity() == OTP_CODE_CAPACITY);
    CHECK(otp_challenge_id_capacity() == OTP_CHALLENGE_ID_CAPACITY);
    CHECK(otp_recipient_capacity() == OTP_RECIPIENT_CAPACITY);
    CHECK(strchr(otp_version(), '.') != NULL);
    CHECK(sizeof(((otp_issued *)0)->code) == OTP_CODE_CAPACITY);
    CHECK(sizeof(((otp_issued *)0)->challenge_id) == OTP_CHALLENGE_ID_CAPACITY);
    CHECK(sizeof(((otp_issued *)0)->recipient) == OTP_RECIPIENT_CAPACITY);
    return done("layout");
}
