/*
 * otp_engine.h - an embeddable engine for one-time codes, without a network.
 *
 * It issues a code for one field of one record, one user and one recipient, judges the code that
 * comes back, accepts it at most once on any store, and leaves a signature record. It sends nothing:
 * the host sends the code, by SMS or e-mail.
 *
 * CONTENTS
 *    1  A program                   5  Threads and callbacks     9  Secrets
 *    2  What a call returns         6  Fork                     10  Enumerations
 *    3  Texts, times, structures    7  Panics                   11  Linking
 *    4  Ownership                   8  Versions
 *
 *   Then the numbers, the types, and the functions in this order:
 *     errors, bytes        otp_status_text, otp_error_detail, otp_item_detail, otp_bytes_*, otp_wipe
 *     keys                 otp_key_ring_*, otp_signing_key_*
 *     limits               otp_policy_*, otp_rate_limits_default
 *     engine               otp_engine_new, _with_policy, _free, _odds, _findings
 *     binding              otp_binding_check, _new, _free
 *     operations           otp_engine_issue, _issue_many, _claim_send, _report_delivery, _cancel, _status,
 *                          _unlock, _reset_slot, _reset_recipient, _reset_user, _purge, _purge_confirmed
 *     verify               otp_engine_verify, _verify_submission, _verify_many
 *     signature records    otp_engine_signatures, _chain_head, _erase; otp_verify_record, _chain
 *     stores               otp_store_*; otp_engine_check_store, _adopt_store, _begin_store
 *     device codes         otp_engine_verify_hotp, _totp, _ocra, _devices, _reset_device, ...;
 *                          otp_hotp_*, otp_totp_*, otp_ocra_*, otp_base32_*, otp_uri_*
 *     messages, numbers    otp_message_*, otp_mobile_parse
 *
 * 1 A PROGRAM
 *   Each call should be checked as in section 2; `must` here ends the program on a failure.
 *
 *     static otp_view text(const char *s) { otp_view v = {(const uint8_t *)s, strlen(s)}; return v; }
 *
 *     int main(void) {
 *         otp_code_key code = {.kid = text("2026a"), .secret = text("a secret of 32 random bytes or more")};
 *         otp_key_ring_options keys = {.struct_size = sizeof keys, .codes = &code, .code_count = 1,
 *             .code_size = sizeof code, .index = text("another one, which is kept for good")};
 *         otp_binding_options approval = {.struct_size = sizeof approval, .tenant = text("acme"),
 *             .purpose = text("sign"), .target = {text("loan"), text("client_signature"), text("15")},
 *             .user = text("7"), .recipient = text("60123456789"), .recipient_kind = OTP_RECIPIENT_MOBILE};
 *         otp_issued issued = {.struct_size = sizeof issued};
 *         otp_verdict verdict = {.struct_size = sizeof verdict};
 *         otp_key_ring *ring; otp_engine *engine; otp_store *store; otp_binding *binding; int32_t keys_are;
 *         char entered[64];
 *         must(otp_key_ring_new(&keys, &ring));
 *         must(otp_engine_new(ring, NULL, &engine));                // default limits, the system's clock
 *         must(otp_store_memory_new(0, 0, &store));                 // or otp_store_sqlite_open
 *         must(otp_engine_check_store(engine, store, &keys_are));   // once at each start
 *         must(otp_binding_new(engine, &approval, &binding));
 *         must(otp_engine_issue(engine, store, binding, &issued));
 *         if (issued.outcome != OTP_OUTCOME_ISSUED) return 1;       // .refusal_reason, .retry_at
 *         printf("code sent: %s\n", (char *)issued.code);           // a gateway's work, to .recipient
 *         fflush(stdout);
 *         if (fgets(entered, sizeof entered, stdin) == NULL) return 1; // what the user types
 *         must(otp_engine_verify(engine, store, binding, (const uint8_t *)entered, strcspn(entered, "\n"),
 *             &verdict));
 *         puts(verdict.outcome == OTP_OUTCOME_ACCEPTED ? "accepted" : "not accepted");
 *     }
 *
 * 2 WHAT A CALL RETURNS
 *   Every function that can fail returns an otp_status, which says whether the call worked. What the
 *   engine decided is in the out structure: a wrong code is a decision, not a failure, and its status
 *   is OTP_STATUS_OK. 0 is never an acceptance. On any other status out memory is unchanged, but for
 *   needed_out (section 3).
 *   otp_error_detail() gives the text of the last failure on this thread: which argument, which bound;
 *   otp_item_detail() that of an item of the last batch that failed.
 *   OTP_STATUS_STORE_UNKNOWN means that the commit may have been applied; ask again.
 *
 * 3 TEXTS, TIMES, STRUCTURES
 *   Texts and bytes are a pointer and a length (otp_view): UTF-8, not NUL-terminated; NULL with length
 *   0 is empty. A code that is judged is two arguments, `code` and `code_len`, and may be any bytes.
 *   Times are unix seconds. Memory that is passed in is read during the call only and must
 *   not change meanwhile; out memory must not overlap it.
 *   A function that fills a buffer sets needed_out to how many bytes that takes. Where the buffer is NULL
 *   or shorter, that is all it does, and the status is OTP_STATUS_BUFFER_TOO_SMALL.
 *   Numbers of enumerations are passed as int32_t; an unknown one is OTP_STATUS_ARGUMENT.
 *   Structures begin with struct_size: set it to sizeof, and unused members to 0. Of otp_policy and
 *   otp_rate_limits no member is unused: fill them by otp_policy_default and otp_rate_limits_default,
 *   then change what you like. A smaller structure of an older header and a larger one of a newer
 *   header are served as far as both sides know them.
 *   Where structures lie in an array, their size is an argument, and struct_size need not be set.
 *   otp_view, otp_target, otp_code_key, otp_buffer, otp_clock and otp_observer have no struct_size.
 *
 * 4 OWNERSHIP
 *   What a _new, _open or _from function makes is freed by its _free function, once; _free(NULL) does
 *   nothing. otp_bytes are freed by otp_bytes_free, also those that an out structure holds: each call
 *   writes the structure anew, so free them before you use it again. An engine copies its keys, and a binding its
 *   options: free or wipe yours at any time after the call. An engine, a store and a binding may be
 *   freed in any order. user_data passes to the library only if the constructor succeeds; its
 *   drop_user_data is then called exactly once.
 *   A binding belongs to the key ring of the engine that it was made with: all engines of that ring
 *   take it, others answer OTP_STATUS_ARGUMENT.
 *
 * 5 THREADS AND CALLBACKS
 *   Any number of threads may use a const handle at once. Only _free is exclusive: no call may use the
 *   handle then. The library starts no thread (except otp_store_check), installs no signal handler and
 *   no atexit function, and opens no socket.
 *   Callbacks are called on the thread of the call, and no lock is held meanwhile. They must not throw,
 *   longjmp or unwind. A call from inside a callback that uses or makes an engine, makes a binding or
 *   checks a store returns OTP_STATUS_REENTERED. This is known by the thread: a host whose callback
 *   gives its thread to another fiber (a greenlet) that calls the library sets fibers = 1 in the table;
 *   such calls are then served, and the host must see to it that its callbacks make none.
 *
 * 6 FORK
 *   A handle that was made before fork() returns OTP_STATUS_FORKED in the child, and its _free does
 *   nothing there. Make handles in each process.
 *
 * 7 PANICS
 *   A defect of the library ends as OTP_STATUS_PANICKED. Nothing unwinds into C.
 *
 * 8 VERSIONS
 *   Compare otp_abi_version() with OTP_ABI_VERSION before any other call: it changes with an
 *   incompatible change only. Numbers never change their meaning, and structures grow at their end.
 *
 * 9 SECRETS
 *   otp_wipe() overwrites codes and secrets in your memory; the library wipes its own. No status text
 *   and no detail holds a code, a secret or a whole telephone number.
 *
 * 10 ENUMERATIONS
 *   Each is 32 bits wide. C++ and C23 say so by a fixed underlying type (OTP_ENUM_BASE); in older C the
 *   constants are in the enum and the type of that name is int32_t (OTP_ENUM_TYPE).
 *
 * 11 LINKING
 *   `pkg-config --cflags --libs otp_engine` names what a program needs.
 *   A static program needs -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
 *   behind libotp_engine.a, which also holds SQLite's own symbols.
 */


#ifndef OTP_ENGINE_H
#define OTP_ENGINE_H

/* Generated by `cargo xtask header` from bindings/c: do not edit. */

#include <stddef.h>
#include <stdint.h>
#if defined(_WIN32)
#  define OTP_API
#elif defined(__GNUC__)
#  define OTP_API __attribute__((visibility("default")))
#else
#  define OTP_API
#endif
#if defined(__GNUC__)
#  define OTP_NODISCARD __attribute__((warn_unused_result))
#else
#  define OTP_NODISCARD
#endif
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
#  define OTP_ENUM_BASE : int32_t
#else
#  define OTP_ENUM_BASE
#endif
#if defined(__cplusplus)
#  define OTP_ENUM_TYPE(name)
#elif __STDC_VERSION__ >= 202311L
#  define OTP_ENUM_TYPE(name) typedef enum name name;
#else
#  define OTP_ENUM_TYPE(name) typedef int32_t name;
#endif


/**
 * A code of decimal digits.
 */
#define OTP_CODE_DIGITS 1

/**
 * A code of a 32-symbol alphabet without look-alikes.
 */
#define OTP_CODE_LETTERS 2

/**
 * A link token of 26 symbols and 128 bits.
 */
#define OTP_CODE_TOKEN 3

/**
 * A second request sends the live code again.
 */
#define OTP_RESEND_SAME 1

/**
 * A second request makes a new code.
 */
#define OTP_RESEND_ROTATE 2

/**
 * Required evidence: the name that the signer entered.
 */
#define OTP_REQUIRE_SIGNER_NAME 1

/**
 * Required evidence: the document, which must be the bound content.
 */
#define OTP_REQUIRE_DOCUMENT 2

/**
 * Required evidence: the captured signature.
 */
#define OTP_REQUIRE_IMAGE 4

/**
 * Required evidence: the sentence of consent.
 */
#define OTP_REQUIRE_CONSENT 8

/**
 * The recipient is a mobile number.
 */
#define OTP_RECIPIENT_MOBILE 1

/**
 * The recipient is an e-mail address.
 */
#define OTP_RECIPIENT_EMAIL 2

/**
 * The number of the ABI. It changes with an incompatible change alone: compare it with
 * `OTP_ABI_VERSION` before any other call.
 */
#define OTP_ABI_VERSION 1

/**
 * Room for a code and its NUL.
 */
#define OTP_CODE_CAPACITY 27

/**
 * Room for a challenge id and its NUL.
 */
#define OTP_CHALLENGE_ID_CAPACITY 27

/**
 * Room for a recipient and its NUL.
 */
#define OTP_RECIPIENT_CAPACITY 255

/**
 * The credential has a counter: HOTP.
 */
#define OTP_CREDENTIAL_HOTP 1

/**
 * The credential has time steps: TOTP.
 */
#define OTP_CREDENTIAL_TOTP 2

/**
 * The message travels in the GSM 7-bit alphabet: 160 units, or 153 a segment.
 */
#define OTP_ENCODING_GSM7 1

/**
 * The message travels as UTF-16: 70 units, or 67 a segment.
 */
#define OTP_ENCODING_UCS2 2

/**
 * The most digits of a mobile number with its country code (E.164).
 */
#define OTP_MOBILE_MAX 15

/**
 * Whether a call worked. What an engine decided is in the out structure, never here.
 *
 * Numbers never change. 1 to 9 is the caller's doing, 10 to 19 the store's, 20 to 29 the
 * surroundings', 31 a defect of this library.
 */
enum otp_status OTP_ENUM_BASE {
  /**
   * The call worked.
   */
  OTP_STATUS_OK = 0,
  /**
   * An argument is NULL, out of bounds or contradictory; the detail names it.
   */
  OTP_STATUS_ARGUMENT = 1,
  /**
   * A text is not UTF-8.
   */
  OTP_STATUS_UTF8 = 2,
  /**
   * A structure is smaller than its first published size: `struct_size` was not set. Or the items of
   * an array cannot lie as far apart as was said.
   */
  OTP_STATUS_STRUCT_SIZE = 3,
  /**
   * A buffer is too small; the needed size is set, nothing else happened.
   */
  OTP_STATUS_BUFFER_TOO_SMALL = 4,
  /**
   * A policy or rate limit is out of its bounds; the detail names setting, value and bounds.
   */
  OTP_STATUS_POLICY = 5,
  /**
   * A secret or key cannot be used; the detail says why.
   */
  OTP_STATUS_KEY = 6,
  /**
   * The store could not be asked; surely nothing was changed.
   */
  OTP_STATUS_STORE_UNAVAILABLE = 10,
  /**
   * The store has no room; nothing was changed.
   */
  OTP_STATUS_STORE_FULL = 11,
  /**
   * The store did not say what it did to a commit or purge; it may have been applied. Ask again.
   */
  OTP_STATUS_STORE_UNKNOWN = 12,
  /**
   * The store cannot do this, such as keep signature records or the counters of devices for ever;
   * nothing was changed.
   */
  OTP_STATUS_STORE_UNSUPPORTED = 13,
  /**
   * A stored cell was modified outside the engine.
   */
  OTP_STATUS_TAMPERED = 14,
  /**
   * Too many concurrent changes of the same cells; retry.
   */
  OTP_STATUS_CONTENDED = 15,
  /**
   * The store belongs to another key ring: use its keys, or call `otp_engine_begin_store` to discard
   * its contents.
   */
  OTP_STATUS_FOREIGN_STORE = 16,
  /**
   * The store has no canary and may hold cells: call `otp_engine_adopt_store` or
   * `otp_engine_begin_store`.
   */
  OTP_STATUS_NO_CANARY = 17,
  /**
   * The clock gave no time, or one more than 30 s before a code was issued.
   */
  OTP_STATUS_CLOCK = 20,
  /**
   * The source of randomness failed.
   */
  OTP_STATUS_RANDOMNESS = 21,
  /**
   * The handle was made before a fork; make another in this process.
   */
  OTP_STATUS_FORKED = 22,
  /**
   * A callback called back into the library.
   */
  OTP_STATUS_REENTERED = 23,
  /**
   * The clock is more than a day ahead of the newest time known of the store; nothing was
   * dropped. Set it right, or confirm by `otp_engine_purge_confirmed`.
   */
  OTP_STATUS_CLOCK_AHEAD = 24,
  /**
   * A defect of this library: it panicked. Nothing is known of the call.
   */
  OTP_STATUS_PANICKED = 31,
};
OTP_ENUM_TYPE(otp_status)

/**
 * What an engine decided. 0 is never an acceptance.
 */
enum otp_outcome OTP_ENUM_BASE {
  /**
   * Nothing: the call failed, or never was.
   */
  OTP_OUTCOME_NONE = 0,
  /**
   * The code was right, for the first and only time.
   */
  OTP_OUTCOME_ACCEPTED = 1,
  /**
   * The code was not accepted; `rejection` says why.
   */
  OTP_OUTCOME_REJECTED = 2,
  /**
   * There is a code to send.
   */
  OTP_OUTCOME_ISSUED = 3,
  /**
   * There is none; `refusal_reason` says why.
   */
  OTP_OUTCOME_REFUSED = 4,
};
OTP_ENUM_TYPE(otp_outcome)

/**
 * Why no code is issued, or handed out by `otp_engine_claim_send`: an issue gives the first four, a
 * claim all but the first two. Of those of a claim only a lock passes: drop the message.
 */
enum otp_refusal_reason OTP_ENUM_BASE {
  /**
   * It was not refused.
   */
  OTP_REFUSAL_REASON_NONE = 0,
  /**
   * A code was sent a moment ago.
   */
  OTP_REFUSAL_REASON_COOLDOWN = 1,
  /**
   * This code, recipient or user has had its sends.
   */
  OTP_REFUSAL_REASON_SEND_LIMIT = 2,
  /**
   * All attempts are used up.
   */
  OTP_REFUSAL_REASON_EXHAUSTED = 3,
  /**
   * The user or recipient has too many wrong guesses behind it; for a claim, the user alone.
   */
  OTP_REFUSAL_REASON_LOCKED = 4,
  /**
   * The send was claimed before: whoever did that has the code, or died with it.
   */
  OTP_REFUSAL_REASON_CLAIMED = 5,
  /**
   * The gateway's answer to this send was reported.
   */
  OTP_REFUSAL_REASON_REPORTED = 6,
  /**
   * The code's time is over.
   */
  OTP_REFUSAL_REASON_EXPIRED = 7,
  /**
   * The right code was given before.
   */
  OTP_REFUSAL_REASON_ALREADY_USED = 8,
  /**
   * A newer challenge took its place, or a later send of the same code.
   */
  OTP_REFUSAL_REASON_SUPERSEDED = 9,
  /**
   * It was called off.
   */
  OTP_REFUSAL_REASON_CANCELLED = 10,
  /**
   * The challenge is for another recipient or content.
   */
  OTP_REFUSAL_REASON_MISMATCH = 11,
  /**
   * Nothing was issued for this, a raised epoch voided it, or there was no such send.
   */
  OTP_REFUSAL_REASON_UNKNOWN = 12,
};
OTP_ENUM_TYPE(otp_refusal_reason)

/**
 * Why a code was not accepted; for the trusted caller.
 */
enum otp_rejection OTP_ENUM_BASE {
  /**
   * It was accepted, or nothing was decided.
   */
  OTP_REJECTION_NONE = 0,
  /**
   * Another code; this used up an attempt.
   */
  OTP_REJECTION_WRONG = 1,
  /**
   * Its time is over.
   */
  OTP_REJECTION_EXPIRED = 2,
  /**
   * All attempts are used up.
   */
  OTP_REJECTION_EXHAUSTED = 3,
  /**
   * The right code was given before.
   */
  OTP_REJECTION_ALREADY_USED = 4,
  /**
   * A newer challenge took its place.
   */
  OTP_REJECTION_SUPERSEDED = 5,
  /**
   * It was called off.
   */
  OTP_REJECTION_CANCELLED = 6,
  /**
   * It is for another recipient or content.
   */
  OTP_REJECTION_MISMATCH = 7,
  /**
   * Nothing was issued for this.
   */
  OTP_REJECTION_UNKNOWN = 8,
  /**
   * No code of this kind; no attempt was used.
   */
  OTP_REJECTION_MALFORMED = 9,
  /**
   * The user is locked.
   */
  OTP_REJECTION_LOCKED = 10,
  /**
   * Evidence is missing or does not fit; no attempt was used.
   */
  OTP_REJECTION_EVIDENCE = 11,
  /**
   * A reason that this version of the header does not know.
   */
  OTP_REJECTION_OTHER = 12,
  /**
   * A device's counter is not known since the epoch was raised: ask for two codes in a row. Nothing
   * was compared.
   */
  OTP_REJECTION_RESYNCHRONISE = 13,
};
OTP_ENUM_TYPE(otp_rejection)

/**
 * What an untrusted caller may be told of a rejection.
 */
enum otp_public_rejection OTP_ENUM_BASE {
  /**
   * It was accepted, or nothing was decided.
   */
  OTP_PUBLIC_REJECTION_NONE = 0,
  /**
   * Invalid or expired; which one is not said.
   */
  OTP_PUBLIC_REJECTION_INVALID = 1,
  /**
   * Not the form of a code.
   */
  OTP_PUBLIC_REJECTION_MALFORMED = 2,
  /**
   * Evidence is missing or does not fit.
   */
  OTP_PUBLIC_REJECTION_EVIDENCE = 3,
};
OTP_ENUM_TYPE(otp_public_rejection)

/**
 * What is wrong with evidence.
 */
enum otp_evidence_fault OTP_ENUM_BASE {
  /**
   * Nothing.
   */
  OTP_EVIDENCE_FAULT_NONE = 0,
  /**
   * It is required but missing.
   */
  OTP_EVIDENCE_FAULT_MISSING = 1,
  /**
   * It is too large.
   */
  OTP_EVIDENCE_FAULT_TOO_LARGE = 2,
  /**
   * It does not fit.
   */
  OTP_EVIDENCE_FAULT_UNFIT = 3,
};
OTP_ENUM_TYPE(otp_evidence_fault)

/**
 * The kinds of evidence.
 */
enum otp_evidence_kind OTP_ENUM_BASE {
  /**
   * None.
   */
  OTP_EVIDENCE_KIND_NONE = 0,
  /**
   * The name that the signer entered.
   */
  OTP_EVIDENCE_KIND_SIGNER_NAME = 1,
  /**
   * The document.
   */
  OTP_EVIDENCE_KIND_DOCUMENT = 2,
  /**
   * The captured signature.
   */
  OTP_EVIDENCE_KIND_IMAGE = 3,
  /**
   * The consent.
   */
  OTP_EVIDENCE_KIND_CONSENT = 4,
  /**
   * What the user is called.
   */
  OTP_EVIDENCE_KIND_USER_NAME = 5,
  /**
   * The revision of the record.
   */
  OTP_EVIDENCE_KIND_REVISION = 6,
  /**
   * The address.
   */
  OTP_EVIDENCE_KIND_IP = 7,
  /**
   * The program.
   */
  OTP_EVIDENCE_KIND_AGENT = 8,
};
OTP_ENUM_TYPE(otp_evidence_kind)

/**
 * The state of a challenge.
 */
enum otp_challenge_state OTP_ENUM_BASE {
  /**
   * There is no challenge for this binding.
   */
  OTP_CHALLENGE_STATE_NONE = 0,
  /**
   * It awaits its answer.
   */
  OTP_CHALLENGE_STATE_PENDING = 1,
  /**
   * The right code was given.
   */
  OTP_CHALLENGE_STATE_VERIFIED = 2,
  /**
   * Its time is over.
   */
  OTP_CHALLENGE_STATE_EXPIRED = 3,
  /**
   * All attempts are used up.
   */
  OTP_CHALLENGE_STATE_EXHAUSTED = 4,
  /**
   * It was called off.
   */
  OTP_CHALLENGE_STATE_CANCELLED = 5,
};
OTP_ENUM_TYPE(otp_challenge_state)

/**
 * What is known of the latest send.
 */
enum otp_delivery OTP_ENUM_BASE {
  /**
   * Nothing.
   */
  OTP_DELIVERY_UNREPORTED = 0,
  /**
   * The gateway took it.
   */
  OTP_DELIVERY_SENT = 1,
  /**
   * The gateway refused it.
   */
  OTP_DELIVERY_FAILED = 2,
  /**
   * Nothing, and somebody claimed it.
   */
  OTP_DELIVERY_CLAIMED = 3,
};
OTP_ENUM_TYPE(otp_delivery)

/**
 * What became of a report of delivery.
 */
enum otp_report_outcome OTP_ENUM_BASE {
  /**
   * It was recorded.
   */
  OTP_REPORT_OUTCOME_RECORDED = 1,
  /**
   * It was recorded, and the send no longer counts.
   */
  OTP_REPORT_OUTCOME_REFUNDED = 2,
  /**
   * It was late, a second one, or of no send of this binding: nothing was changed.
   */
  OTP_REPORT_OUTCOME_IGNORED = 3,
};
OTP_ENUM_TYPE(otp_report_outcome)

/**
 * Whether a user is locked.
 */
enum otp_lock OTP_ENUM_BASE {
  /**
   * The user is not locked.
   */
  OTP_LOCK_NONE = 0,
  /**
   * Until an instant.
   */
  OTP_LOCK_UNTIL = 1,
  /**
   * Until an administrator unlocks them.
   */
  OTP_LOCK_UNTIL_UNLOCKED = 2,
};
OTP_ENUM_TYPE(otp_lock)

/**
 * The kinds of event.
 */
enum otp_event_kind OTP_ENUM_BASE {
  /**
   * A kind that this version of the header does not know.
   */
  OTP_EVENT_KIND_OTHER = 0,
  /**
   * A new code was made.
   */
  OTP_EVENT_KIND_ISSUED = 1,
  /**
   * The same code was handed out once more; `count` is the send.
   */
  OTP_EVENT_KIND_SENT_AGAIN = 2,
  /**
   * No code was issued; `refusal_reason` says why.
   */
  OTP_EVENT_KIND_REFUSED = 3,
  /**
   * The code was right.
   */
  OTP_EVENT_KIND_ACCEPTED = 4,
  /**
   * The code was not accepted; `rejection` says why.
   */
  OTP_EVENT_KIND_REJECTED = 5,
  /**
   * The slot is closed for a while.
   */
  OTP_EVENT_KIND_EXHAUSTED = 6,
  /**
   * The user is locked.
   */
  OTP_EVENT_KIND_LOCKED = 7,
  /**
   * The user comes near the lock; `count` is how many failures in a row there are.
   */
  OTP_EVENT_KIND_NEARLY_LOCKED = 8,
  /**
   * A live challenge was called off.
   */
  OTP_EVENT_KIND_CANCELLED = 9,
  /**
   * The gateway took the message.
   */
  OTP_EVENT_KIND_DELIVERED = 10,
  /**
   * The gateway refused the message.
   */
  OTP_EVENT_KIND_DELIVERY_FAILED = 11,
  /**
   * A user's locks were lifted.
   */
  OTP_EVENT_KIND_UNLOCKED = 12,
  /**
   * An administrator lifted what held a slot up; `reset_reason` says why.
   */
  OTP_EVENT_KIND_SLOT_RESET = 13,
  /**
   * An administrator lifted what held a recipient up; `reset_reason` says why.
   */
  OTP_EVENT_KIND_RECIPIENT_RESET = 14,
  /**
   * An administrator lifted what held a user up; `reset_reason` says why.
   */
  OTP_EVENT_KIND_USER_RESET = 15,
  /**
   * An administrator reset a device; `reset_reason` says why.
   */
  OTP_EVENT_KIND_DEVICE_RESET = 16,
  /**
   * The code of a send was claimed; `count` is the send.
   */
  OTP_EVENT_KIND_CLAIMED = 17,
};
OTP_ENUM_TYPE(otp_event_kind)

/**
 * What a callback of a store returns. Every other number, and 0, is "failed": after a commit the
 * outcome is then unknown.
 */
enum otp_callback_result OTP_ENUM_BASE {
  /**
   * It failed.
   */
  OTP_CALLBACK_RESULT_FAILED = 0,
  /**
   * It did what was asked; of a commit, `outcome_out` says which of two ways it went.
   */
  OTP_CALLBACK_RESULT_DONE = 1,
  /**
   * The reply is longer than the buffer: its needed length is set, call again.
   */
  OTP_CALLBACK_RESULT_MORE_ROOM = 3,
  /**
   * The store could not be asked; surely nothing was changed.
   */
  OTP_CALLBACK_RESULT_UNAVAILABLE = 10,
  /**
   * There is no room; nothing was changed.
   */
  OTP_CALLBACK_RESULT_FULL = 11,
  /**
   * The store cannot do this; nothing was changed.
   */
  OTP_CALLBACK_RESULT_UNSUPPORTED = 13,
};
OTP_ENUM_TYPE(otp_callback_result)

/**
 * How a commit went, as the callback writes it to `outcome_out`, which is 0 before.
 */
enum otp_commit_outcome OTP_ENUM_BASE {
  /**
   * Nobody said.
   */
  OTP_COMMIT_OUTCOME_UNKNOWN = 0,
  /**
   * All writes are applied, committed, and beyond rolling back.
   */
  OTP_COMMIT_OUTCOME_DONE = 1,
  /**
   * A cell has another version than expected; nothing was applied.
   */
  OTP_COMMIT_OUTCOME_CONFLICT = 2,
};
OTP_ENUM_TYPE(otp_commit_outcome)

/**
 * How long a store keeps what it was given.
 */
enum otp_store_class OTP_ENUM_BASE {
  /**
   * Cells may be lost, and one without an end is refused.
   */
  OTP_STORE_CLASS_EXPIRING = 2,
  /**
   * Durable, and for ever where there is no end; an engine that signs records needs it.
   */
  OTP_STORE_CLASS_PERMANENT = 3,
};
OTP_ENUM_TYPE(otp_store_class)

/**
 * What is known of the keys of a store.
 */
enum otp_store_keys OTP_ENUM_BASE {
  /**
   * The store was begun, or taken over, with this index secret.
   */
  OTP_STORE_KEYS_PROVEN = 1,
  /**
   * It was not, until this call: from now on it is.
   */
  OTP_STORE_KEYS_BEGUN = 2,
  /**
   * The store may lose cells, and so its canary: no other key ring's was found, which proves
   * nothing.
   */
  OTP_STORE_KEYS_NOT_PROVEN = 3,
};
OTP_ENUM_TYPE(otp_store_keys)

/**
 * The kinds of cell, as a commit names them.
 */
enum otp_cell_kind OTP_ENUM_BASE {
  /**
   * A kind that this version of the header does not know: keep it like any other.
   */
  OTP_CELL_KIND_OTHER = 0,
  /**
   * The current challenge of a record field and user.
   */
  OTP_CELL_KIND_SLOT = 1,
  /**
   * Sends and failures of a user or recipient.
   */
  OTP_CELL_KIND_METER = 2,
  /**
   * Count and digest of the newest record of a field.
   */
  OTP_CELL_KIND_CHAIN_HEAD = 3,
  /**
   * One signature record.
   */
  OTP_CELL_KIND_RECORD = 4,
  /**
   * What was used last of an OATH credential.
   */
  OTP_CELL_KIND_CREDENTIAL = 5,
  /**
   * Whose key ring the store belongs to; one cell, kept for ever.
   */
  OTP_CELL_KIND_CANARY = 6,
};
OTP_ENUM_TYPE(otp_cell_kind)

/**
 * The hash function of an OATH key.
 */
enum otp_hash OTP_ENUM_BASE {
  /**
   * SHA-1, which every device can.
   */
  OTP_HASH_SHA1 = 1,
  /**
   * SHA-256.
   */
  OTP_HASH_SHA256 = 2,
  /**
   * SHA-512.
   */
  OTP_HASH_SHA512 = 3,
};
OTP_ENUM_TYPE(otp_hash)

/**
 * What a code is good for, prepared for the engines of one key ring. It cannot be changed, and any
 * number of threads may use it at once.
 */
typedef struct otp_binding otp_binding;

/**
 * Bytes that the library made and the caller owns; end them with `otp_bytes_free`.
 */
typedef struct otp_bytes otp_bytes;

/**
 * Issues codes and judges what is entered; any number of threads may use it at once.
 */
typedef struct otp_engine otp_engine;

/**
 * A prepared HOTP key (RFC 4226); used by any number of threads at once.
 */
typedef struct otp_hotp otp_hotp;

/**
 * The secrets of an engine, prepared; an engine takes a copy.
 */
typedef struct otp_key_ring otp_key_ring;

/**
 * A prepared OCRA key with its suite (RFC 6287); used by any number of threads at once.
 */
typedef struct otp_ocra otp_ocra;

/**
 * A key that signs records.
 */
typedef struct otp_signing_key otp_signing_key;

/**
 * A store; used by any number of engines and threads at once.
 */
typedef struct otp_store otp_store;

/**
 * A prepared TOTP key (RFC 6238); used by any number of threads at once.
 */
typedef struct otp_totp otp_totp;

/**
 * Bytes or text of the caller: not NUL-terminated; NULL with length 0 is empty.
 */
typedef struct {
  /**
   * Where the bytes begin.
   */
  const uint8_t *data;
  /**
   * How many there are.
   */
  size_t len;
} otp_view;

/**
 * One code secret of a ring.
 */
typedef struct {
  /**
   * Its name: 1 to 12 ASCII letters, digits, `-`, `_` or `.`.
   */
  otp_view kid;
  /**
   * At least 32 random bytes.
   */
  otp_view secret;
  /**
   * 1 if it issues nothing and verifies what was issued until `retired_at`; else 0.
   */
  int32_t is_retired;
  /**
   * Unix seconds; read if `is_retired` is 1.
   */
  int64_t retired_at;
} otp_code_key;

/**
 * The secrets of an engine.
 */
typedef struct {
  /**
   * `sizeof(otp_key_ring_options)`.
   */
  size_t struct_size;
  /**
   * The code secrets, one behind the other.
   */
  const otp_code_key *codes;
  /**
   * How many there are: 1 to 64.
   */
  size_t code_count;
  /**
   * `sizeof(otp_code_key)`: how far apart they lie.
   */
  size_t code_size;
  /**
   * The kid that new codes are made with; may be empty where there is only one.
   */
  otp_view current;
  /**
   * The long-lived index secret: at least 32 random bytes, and none of the code secrets.
   */
  otp_view index;
  /**
   * The number that every code depends on; 0 to begin with, raised after a restored backup.
   */
  uint32_t epoch;
} otp_key_ring_options;

/**
 * The limits of one kind of code. Fill it by `otp_policy_default`, then change what you like: no
 * member has a default of 0 but `content_required` and `evidence`.
 */
typedef struct {
  /**
   * `sizeof(otp_policy)`.
   */
  size_t struct_size;
  /**
   * `OTP_CODE_DIGITS` (the default), `OTP_CODE_LETTERS` or `OTP_CODE_TOKEN`.
   */
  int32_t code;
  /**
   * How many symbols: digits 6 to 10 (default 6), letters 4 to 26; of a token, any.
   */
  uint32_t symbols;
  /**
   * Seconds for which a code is accepted: 60 to 600, default 180; a token to 604800.
   */
  int64_t validity;
  /**
   * Seconds for which no code is issued after all attempts: 600 to 86400, default 900.
   */
  int64_t lockout;
  /**
   * Least seconds between two sends: 15 to 600, default 60.
   */
  int64_t cooldown;
  /**
   * Compared guesses, over resends and re-issues: 1 to 10, default 5.
   */
  uint32_t max_attempts;
  /**
   * Sends of one code: 1 to 10, default 3.
   */
  uint32_t max_sends;
  /**
   * `OTP_RESEND_SAME` (the default) or `OTP_RESEND_ROTATE`.
   */
  int32_t resend;
  /**
   * 1 if a binding must hold a content digest, else 0 (the default).
   */
  int32_t content_required;
  /**
   * The sum of the `OTP_REQUIRE_*` that must be given with a code; default 0.
   */
  uint32_t evidence;
} otp_policy;

/**
 * The limits of users and recipients. Fill it by `otp_rate_limits_default`.
 */
typedef struct {
  /**
   * `sizeof(otp_rate_limits)`.
   */
  size_t struct_size;
  /**
   * 1 limits neither users nor recipients, at your own risk; default 0.
   */
  int32_t unlimited;
  /**
   * Wrong guesses of a user in 24 h, over all records: 1 to 32, default 15.
   */
  uint32_t user_failures_per_day;
  /**
   * Wrong guesses of a user in a row that lock them: 10 to 100, default 100.
   */
  uint32_t consecutive_failures;
  /**
   * Wrong guesses against a recipient in 24 h: 1 to 32, default 15.
   */
  uint32_t recipient_failures_per_day;
  /**
   * Sends for a user in 1 h: 1 to 32, default 10.
   */
  uint32_t user_sends_per_hour;
  /**
   * Sends to a recipient in 10 minutes: 1 to 32, default 5.
   */
  uint32_t recipient_sends_per_ten_minutes;
  /**
   * Sends to a recipient in 24 h: 1 to 32, default 20.
   */
  uint32_t recipient_sends_per_day;
  /**
   * Wrong guesses at one device in 24 h, also where `unlimited` is 1: 1 to 32, default 30.
   */
  uint32_t device_failures_per_day;
  /**
   * 1 if `consecutive_failures` guesses in a row stop a device until it is reset, also where
   * `unlimited` is 1; 0 (the default): they lock it for a time alone.
   */
  int32_t device_hard_stop;
  /**
   * Seconds after the last wrong guess at which the lock of wrong guesses in a row ends by itself:
   * 86,400 to 34,560,000. 0, the default, is never: then only an unlock helps, and an expiring
   * store issues nothing, as it cannot keep that.
   */
  int64_t lock_ends_after;
} otp_rate_limits;

/**
 * Writes the time, in unix seconds, and returns 1; any other return is "no time".
 */
typedef int32_t (*otp_clock_fn)(void *user_data, int64_t *unix_seconds_out);

/**
 * Drops `user_data`; called exactly once, when the last handle that uses it is freed. It must not
 * call the library.
 */
typedef void (*otp_drop_fn)(void *user_data);

/**
 * A clock of the host. All zeros is the system's.
 */
typedef struct {
  /**
   * Called once per operation, from any thread.
   */
  otp_clock_fn now;
  /**
   * Handed to each call.
   */
  void *user_data;
  /**
   * Called once at the end; may be NULL.
   */
  otp_drop_fn drop_user_data;
} otp_clock;

/**
 * What is approved: one field of one record. It has no `struct_size` and never changes.
 */
typedef struct {
  /**
   * The kind of record, such as `loan.application`: 1 to 128 bytes.
   */
  otp_view model;
  /**
   * The field of it that holds the approval: 1 to 128 bytes.
   */
  otp_view field;
  /**
   * Which record: its id in the host's database, 1 to 128 bytes.
   */
  otp_view id;
} otp_target;

/**
 * An event for the audit log. No code and no whole number is in it.
 */
typedef struct {
  /**
   * `sizeof(otp_event)`.
   */
  size_t struct_size;
  /**
   * One of `otp_event_kind`.
   */
  int32_t kind;
  /**
   * One of `otp_refusal_reason`: of a refusal; else 0.
   */
  int32_t refusal_reason;
  /**
   * One of `otp_rejection`: of a rejection; else 0.
   */
  int32_t rejection;
  /**
   * Attempts left after a wrong guess, the send's number, or the count of failures in a row.
   */
  uint32_t count;
  /**
   * 1 if the digits that were entered came from more than one script.
   */
  int32_t mixed_scripts;
  /**
   * 1 if a failed delivery was refunded.
   */
  int32_t refunded;
  /**
   * Unix seconds.
   */
  int64_t at;
  /**
   * Whose data.
   */
  otp_view tenant;
  /**
   * Whom it concerns; empty for the reset of a recipient.
   */
  otp_view user;
  /**
   * What the code is for; empty for an unlock and the reset of a user or recipient, like the
   * target and the recipient.
   */
  otp_view purpose;
  /**
   * What is approved.
   */
  otp_target target;
  /**
   * Where the code went, masked.
   */
  otp_view recipient;
  /**
   * The challenge as 26 characters and a NUL; empty if there is none.
   */
  uint8_t challenge_id[27];
  /**
   * The administrator's reason for a reset; else empty.
   */
  otp_view reset_reason;
} otp_event;

/**
 * Takes note of an event, which is valid during the call alone.
 */
typedef void (*otp_observer_fn)(void *user_data, const otp_event *event);

/**
 * An observer of the host. All zeros is none.
 */
typedef struct {
  /**
   * Called after each commit, from any thread, before the answer leaves.
   */
  otp_observer_fn observe;
  /**
   * Handed to each call.
   */
  void *user_data;
  /**
   * Called once at the end; may be NULL.
   */
  otp_drop_fn drop_user_data;
} otp_observer;

/**
 * What an engine is made of beside its keys. All zeros but `struct_size` is a good engine.
 */
typedef struct {
  /**
   * `sizeof(otp_engine_options)`.
   */
  size_t struct_size;
  /**
   * NULL: the default policy.
   */
  const otp_policy *policy;
  /**
   * NULL: the default rate limits.
   */
  const otp_rate_limits *rate_limits;
  /**
   * NULL: no signature records. A copy is taken.
   */
  const otp_signing_key *signing_key;
  /**
   * All zeros: the system's clock.
   */
  otp_clock clock;
  /**
   * All zeros: no observer.
   */
  otp_observer observer;
  /**
   * 1 if clock or observer may give their thread to another fiber that calls the library; see
   * section 5 of the header, "Threads and callbacks". Else 0.
   */
  int32_t fibers;
} otp_engine_options;

/**
 * The chance of guessing, at most; each between 0 and 1.
 */
typedef struct {
  /**
   * `sizeof(otp_odds)`.
   */
  size_t struct_size;
  /**
   * Within one code's attempts.
   */
  double per_code;
  /**
   * In a day of guessing at one user.
   */
  double per_day;
  /**
   * In a year of it.
   */
  double per_year;
} otp_odds;

/**
 * What a binding is made of: everything that a code is good for. Texts are UTF-8.
 */
typedef struct {
  /**
   * `sizeof(otp_binding_options)`.
   */
  size_t struct_size;
  /**
   * Whose data this is: 1 to 128 bytes.
   */
  otp_view tenant;
  /**
   * What the code is for, such as `sign`: 1 to 128 bytes.
   */
  otp_view purpose;
  /**
   * What is approved.
   */
  otp_target target;
  /**
   * The user who approves: 1 to 128 bytes.
   */
  otp_view user;
  /**
   * The number in international form, or the e-mail address.
   */
  otp_view recipient;
  /**
   * `OTP_RECIPIENT_MOBILE` or `OTP_RECIPIENT_EMAIL`.
   */
  int32_t recipient_kind;
  /**
   * 1 if the content could be found by trying, such as an amount; else 0, and without content.
   */
  int32_t content_guessable;
  /**
   * SHA-256 of what is approved: 32 bytes, or empty.
   */
  otp_view content;
} otp_binding_options;

/**
 * A code to send, or a refusal. Wipe it by `otp_wipe` once the message is on its way.
 */
typedef struct {
  /**
   * `sizeof(otp_issued)`.
   */
  size_t struct_size;
  /**
   * The item's own status in a batch; else as returned.
   */
  int32_t status;
  /**
   * `OTP_OUTCOME_ISSUED`, also of a claim, or `OTP_OUTCOME_REFUSED`.
   */
  int32_t outcome;
  /**
   * One of `otp_refusal_reason`.
   */
  int32_t refusal_reason;
  /**
   * Which send of this code it is, from 1 on.
   */
  uint32_t send;
  /**
   * Unix seconds; of a code that is sent again, the first time.
   */
  int64_t issued_at;
  /**
   * Unix seconds from which on the code is no longer accepted.
   */
  int64_t expires_at;
  /**
   * Unix seconds at which the same call is admitted; read if `has_retry_at` is 1.
   */
  int64_t retry_at;
  /**
   * 0 where only an unlock helps.
   */
  int32_t has_retry_at;
  /**
   * 26 characters and a NUL; empty in a refusal that names no live challenge.
   */
  uint8_t challenge_id[27];
  /**
   * The code and a NUL.
   */
  uint8_t code[27];
  /**
   * Digits without plus, or the address, and a NUL.
   */
  uint8_t recipient[255];
  /**
   * Seconds for which the code is still accepted: less for a code that is sent again.
   */
  int64_t valid_for;
  /**
   * The minutes that a message may name: what is left, rounded down, and 1 at least.
   */
  uint32_t minutes;
} otp_issued;

/**
 * What a gateway said of a send.
 */
typedef struct {
  /**
   * `sizeof(otp_delivery_report)`.
   */
  size_t struct_size;
  /**
   * As `otp_issued` has it; what is no id is that of no send.
   */
  uint8_t challenge_id[27];
  /**
   * The gateway's own status of a refusal. Its first 5 printable ASCII characters are kept: the
   * message is out, and no status may undo its report.
   */
  uint8_t gateway_status[8];
  /**
   * As `otp_issued` has it.
   */
  uint32_t send;
  /**
   * 1: the gateway took the message. 0: it surely refused it. After a time-out report nothing.
   */
  int32_t delivered;
} otp_delivery_report;

/**
 * A challenge, as it is now.
 */
typedef struct {
  /**
   * `sizeof(otp_challenge)`.
   */
  size_t struct_size;
  /**
   * One of `otp_challenge_state`; `OTP_CHALLENGE_STATE_NONE` leaves all else 0.
   */
  int32_t state;
  /**
   * One of `otp_delivery`.
   */
  int32_t delivery;
  /**
   * Guesses left.
   */
  uint32_t attempts_left;
  /**
   * Sends so far.
   */
  uint32_t sends;
  /**
   * Unix seconds.
   */
  int64_t issued_at;
  /**
   * Unix seconds.
   */
  int64_t expires_at;
  /**
   * Unix seconds at which the cooldown ends.
   */
  int64_t next_send_at;
  /**
   * One of `otp_lock`.
   */
  int32_t lock;
  /**
   * Unix seconds; read if `lock` is `OTP_LOCK_UNTIL`.
   */
  int64_t locked_until;
  /**
   * 26 characters and a NUL.
   */
  uint8_t challenge_id[27];
  /**
   * The gateway's status of a failed send, and a NUL.
   */
  uint8_t gateway_status[8];
} otp_challenge;

/**
 * Whether a code was accepted.
 */
typedef struct {
  /**
   * `sizeof(otp_verdict)`.
   */
  size_t struct_size;
  /**
   * The item's own status in a batch; else as returned.
   */
  int32_t status;
  /**
   * `OTP_OUTCOME_ACCEPTED` or `OTP_OUTCOME_REJECTED`; nothing else is an acceptance.
   */
  int32_t outcome;
  /**
   * One of `otp_rejection`.
   */
  int32_t rejection;
  /**
   * One of `otp_public_rejection`: what an untrusted caller may be told.
   */
  int32_t public_rejection;
  /**
   * Guesses left after a wrong one.
   */
  uint32_t attempts_left;
  /**
   * 1 if `retry_at` says when a lock or an exhausted slot opens; 0 where only an unlock helps.
   */
  int32_t has_retry_at;
  /**
   * Unix seconds.
   */
  int64_t retry_at;
  /**
   * Unix seconds of an acceptance.
   */
  int64_t verified_at;
  /**
   * One of `otp_evidence_fault`.
   */
  int32_t evidence_fault;
  /**
   * One of `otp_evidence_kind`.
   */
  int32_t evidence_kind;
  /**
   * The signature record as `<JWS>~<disclosure>~…`, or NULL; free it by `otp_bytes_free` before the
   * structure is used again.
   */
  otp_bytes *record;
  /**
   * The record's place among those of its target, from 1; 0 if there is none.
   */
  uint64_t record_sequence;
  /**
   * 22 characters and a NUL; empty if there is no record.
   */
  uint8_t record_id[23];
  /**
   * The accepted challenge: 26 characters and a NUL.
   */
  uint8_t challenge_id[27];
} otp_verdict;

/**
 * Evidence that is given with a code; empty views are absent.
 */
typedef struct {
  /**
   * `sizeof(otp_evidence)`.
   */
  size_t struct_size;
  /**
   * What the user is called: at most 256 bytes.
   */
  otp_view user_name;
  /**
   * The name that the signer entered: at most 256 bytes.
   */
  otp_view signer_name;
  /**
   * The document: at most 64 MiB; its SHA-256 must be the bound content.
   */
  otp_view document;
  /**
   * The captured signature: a whole PNG or JPEG of at most 1 MiB, 8 to 4,096 pixels a side, that does not
   * say where it was taken.
   */
  otp_view image;
  /**
   * The sentence of consent: at most 2000 bytes.
   */
  otp_view consent;
  /**
   * The revision of the record: at most 128 bytes.
   */
  otp_view revision;
  /**
   * The client's address: at most 64 bytes.
   */
  otp_view ip;
  /**
   * The client's program: at most 512 bytes.
   */
  otp_view agent;
} otp_evidence;

/**
 * A code that a person entered, with all that came with it.
 */
typedef struct {
  /**
   * `sizeof(otp_submission)`; not read where submissions lie in an array.
   */
  size_t struct_size;
  /**
   * What the code must be good for.
   */
  const otp_binding *binding;
  /**
   * The code: any bytes.
   */
  otp_view code;
  /**
   * The challenge's 26 characters, or empty. The client sent them: what is no id is that of no
   * challenge, which rejects.
   */
  otp_view challenge_id;
  /**
   * Evidence for the signature record, or NULL.
   */
  const otp_evidence *evidence;
} otp_submission;

/**
 * How many signature records a target has, and the newest of them.
 */
typedef struct {
  /**
   * `sizeof(otp_chain_head)`.
   */
  size_t struct_size;
  /**
   * How many records there are.
   */
  uint64_t count;
  /**
   * SHA-256 of the newest JWS; read if `has_digest` is 1.
   */
  uint8_t digest[32];
  /**
   * 0 if there is no record, or if its digest is not known and so not compared; else 1.
   */
  int32_t has_digest;
} otp_chain_head;

/**
 * Which personal details of which signature record are erased.
 */
typedef struct {
  /**
   * `sizeof(otp_erase_request)`.
   */
  size_t struct_size;
  /**
   * Whose data this is.
   */
  otp_view tenant;
  /**
   * What was approved.
   */
  otp_target target;
  /**
   * The record's place among those of its target, from 1.
   */
  uint64_t sequence;
  /**
   * The names of the details with commas between: `name`, `typed`, `number`, `email`, `ip`,
   * `agent`, `dig`.
   */
  otp_view details;
} otp_erase_request;

/**
 * What a verifier expects; empty views are not checked, and neither is a NULL chain head.
 */
typedef struct {
  /**
   * `sizeof(otp_expected)`.
   */
  size_t struct_size;
  /**
   * Whose data.
   */
  otp_view tenant;
  /**
   * What was approved.
   */
  otp_target target;
  /**
   * As `otp_engine_chain_head` told it; NULL for one record.
   */
  const otp_chain_head *chain_head;
} otp_expected;

/**
 * A buffer of the engine that a callback fills.
 */
typedef struct {
  /**
   * Where to write.
   */
  uint8_t *data;
  /**
   * How much room there is.
   */
  size_t capacity;
  /**
   * How much was written, or is needed.
   */
  size_t len;
} otp_buffer;

/**
 * Loads cells. `keys` are `key_count` times 32 bytes.
 *
 * The reply is, for each key in order: one byte, 0 if there is no cell. If there is, 1 and then
 * the version (8 bytes), 1 or 0 for "has an end", the end in unix seconds (8 bytes), the length of
 * the body (4 bytes) and the body. All integers are big-endian.
 */
typedef int32_t (*otp_store_load_fn)(void *user_data,
                                     const uint8_t *keys,
                                     size_t key_count,
                                     otp_buffer *reply);

/**
 * Applies all writes in one transaction, or none, and only if every cell has the version that its
 * write expects (0: there is none; never insert where another version is expected).
 *
 * `writes` is the count (4 bytes), then for each: key (32 bytes), kind (1 byte, `otp_cell_kind`),
 * expected version (8 bytes), 1 or 0 for "has an end", the end in unix seconds (8 bytes), the
 * length of the body (4 bytes) and the body. All integers are big-endian. The new version is the
 * expected one plus one.
 *
 * Answer `OTP_CALLBACK_RESULT_UNSUPPORTED`, and apply nothing, where one key is written twice, or where a
 * write without an end comes to a store of the class `OTP_STORE_CLASS_EXPIRING`.
 */
typedef int32_t (*otp_store_commit_fn)(void *user_data,
                                       const uint8_t *writes,
                                       size_t writes_len,
                                       int64_t now,
                                       int32_t *outcome_out);

/**
 * Drops at most `limit` cells whose end lies before `now`, never one without; writes how many.
 *
 * More than `limit`, and an answer that is none of those which say that nothing was changed, is
 * `OTP_STATUS_STORE_UNKNOWN`: cells may be gone.
 */
typedef int32_t (*otp_store_purge_fn)(void *user_data,
                                      int64_t now,
                                      uint64_t limit,
                                      uint64_t *dropped_out);

/**
 * Says whether the store holds any cell at all, those past their end included: writes 1 for yes, 0
 * for no. 0 needs certainty, over every commit that was done before the call: a new store is begun
 * on it. What is neither, as the number that stands there before, is "cannot tell".
 */
typedef int32_t (*otp_store_has_cells_fn)(void *user_data, int32_t *has_cells_out);

/**
 * A store of the host.
 */
typedef struct {
  /**
   * `sizeof(otp_host_store)`.
   */
  size_t struct_size;
  /**
   * Required.
   */
  otp_store_load_fn load;
  /**
   * Required.
   */
  otp_store_commit_fn commit;
  /**
   * May be NULL: `otp_engine_purge` then drops nothing.
   */
  otp_store_purge_fn purge;
  /**
   * One of `otp_store_class`.
   */
  int32_t store_class;
  /**
   * 1 if a callback may give its thread to another fiber that calls the library; see
   * section 5 of the header, "Threads and callbacks". Else 0.
   */
  int32_t fibers;
  /**
   * Handed to each call.
   */
  void *user_data;
  /**
   * Called once at the end; may be NULL.
   */
  otp_drop_fn drop_user_data;
  /**
   * May be NULL: a new store must then be begun by `otp_engine_begin_store`.
   */
  otp_store_has_cells_fn has_cells;
} otp_host_store;

/**
 * What an engine decided of a code that a device made.
 */
typedef struct {
  /**
   * `sizeof(otp_oath_verdict)`.
   */
  size_t struct_size;
  /**
   * `OTP_OUTCOME_ACCEPTED` or `OTP_OUTCOME_REJECTED`; nothing else is an acceptance.
   */
  int32_t outcome;
  /**
   * One of `otp_rejection`.
   */
  int32_t rejection;
  /**
   * One of `otp_public_rejection`: what an untrusted caller may be told.
   */
  int32_t public_rejection;
  /**
   * Guesses left to the user and the device today after a wrong one.
   */
  uint32_t attempts_left;
  /**
   * 1 if `retry_at` says when a lock opens; 0 where only an unlock helps.
   */
  int32_t has_retry_at;
  /**
   * 1 if `matched` holds a counter or time step; 0 where the OCRA suite has neither.
   */
  int32_t has_matched;
  /**
   * Unix seconds.
   */
  int64_t retry_at;
  /**
   * Unix seconds of an acceptance.
   */
  int64_t verified_at;
  /**
   * The counter or time step that was accepted.
   */
  uint64_t matched;
  /**
   * How many steps the code was ahead of our time; below 0 it was behind.
   */
  int32_t drift;
  /**
   * Which of the devices made the code, in the order of the call; 0 for a call with one.
   */
  uint32_t device;
  /**
   * One of `otp_evidence_fault`.
   */
  int32_t evidence_fault;
  /**
   * One of `otp_evidence_kind`.
   */
  int32_t evidence_kind;
  /**
   * The signature record as `<JWS>~<disclosure>~…`, or NULL; free it by `otp_bytes_free` before the
   * structure is used again.
   */
  otp_bytes *record;
  /**
   * The record's place among those of its target, from 1; 0 if there is none.
   */
  uint64_t record_sequence;
  /**
   * 22 characters and a NUL; empty if there is no record.
   */
  uint8_t record_id[23];
} otp_oath_verdict;

/**
 * What an OCRA code is computed from: what the suite names, and no more.
 */
typedef struct {
  /**
   * `sizeof(otp_ocra_inputs)`.
   */
  size_t struct_size;
  /**
   * The question.
   */
  otp_view question;
  /**
   * The other side's question behind it, where both sides ask; else empty.
   */
  otp_view other_question;
  /**
   * The PIN or password, UTF-8; `data` is NULL where there is none, or `pin_digest` is given.
   */
  otp_view pin;
  /**
   * In the place of `pin`, its digest by the suite's function.
   */
  otp_view pin_digest;
  /**
   * The session information; `data` is NULL where there is none.
   */
  otp_view session;
  /**
   * The counter; read if `has_counter` is 1.
   */
  uint64_t counter;
  /**
   * Unix seconds; read if `has_now` is 1.
   */
  int64_t now;
  /**
   * 1 if the suite has a counter.
   */
  int32_t has_counter;
  /**
   * 1 if the suite has a time.
   */
  int32_t has_now;
  /**
   * A verification looks over so many counters more; at most 255.
   */
  uint32_t look_ahead;
  /**
   * A verification looks at so many steps before and after; at most 255.
   */
  uint32_t window;
} otp_ocra_inputs;

/**
 * One device of a user: exactly one of `hotp`, `totp` and `ocra` is not NULL.
 */
typedef struct {
  /**
   * `sizeof(otp_device)`.
   */
  size_t struct_size;
  /**
   * A key of HOTP.
   */
  const otp_hotp *hotp;
  /**
   * A key of TOTP.
   */
  const otp_totp *totp;
  /**
   * A key of OCRA.
   */
  const otp_ocra *ocra;
  /**
   * For OCRA as `otp_engine_verify_ocra` takes them, or NULL; for HOTP and TOTP NULL.
   */
  const otp_ocra_inputs *inputs;
  /**
   * For HOTP so many counters more than the one expected, for TOTP so many steps around our time: at
   * most 255. For OCRA 0.
   */
  uint32_t reach;
} otp_device;

/**
 * What a verification found.
 */
typedef struct {
  /**
   * `sizeof(otp_oath_match)`.
   */
  size_t struct_size;
  /**
   * 1 if the code is right; 0 if it is wrong, or no code at all.
   */
  int32_t matched;
  /**
   * The counter that matched, where one enters the code.
   */
  uint64_t counter;
  /**
   * The time step that matched, where the time enters the code.
   */
  uint64_t step;
} otp_oath_match;

/**
 * A credential as an otpauth URI has it. It holds the secret: end it by `otp_wipe`.
 */
typedef struct {
  /**
   * `sizeof(otp_credential)`.
   */
  size_t struct_size;
  /**
   * `OTP_CREDENTIAL_HOTP` or `OTP_CREDENTIAL_TOTP`.
   */
  int32_t kind;
  /**
   * One of `otp_hash`.
   */
  int32_t hash;
  /**
   * 6 to 10.
   */
  uint32_t digits;
  /**
   * The length of a step in seconds; 0 for HOTP.
   */
  uint32_t period;
  /**
   * That of the first code; 0 for TOTP.
   */
  uint64_t counter;
  /**
   * How many bytes of `secret` there are.
   */
  uint32_t secret_len;
  /**
   * 16 to 1024 bytes; from 10 on with `legacy_secret`.
   */
  uint8_t secret[1024];
  /**
   * Who issued it: at most 256 bytes of UTF-8 and a NUL; empty if nobody is named.
   */
  uint8_t issuer[257];
  /**
   * Whose it is: likewise, never empty.
   */
  uint8_t account[257];
  /**
   * Where a picture of the issuer is: an https URL of at most 512 bytes and a NUL, or empty.
   */
  uint8_t image[513];
  /**
   * 1 if the secret may be as short as 10 bytes; `otp_uri_parse` sets 0, `otp_uri_parse_legacy` 1.
   */
  int32_t legacy_secret;
} otp_credential;

/**
 * What a message is composed from.
 */
typedef struct {
  /**
   * `sizeof(otp_message_options)`.
   */
  size_t struct_size;
  /**
   * The text: `#otp#` once, `#duration#` for the minutes, `#subject#` for what is approved.
   */
  otp_view template_text;
  /**
   * What each message must begin with, such as `RM0.00 `; or empty.
   */
  otp_view prefix;
  /**
   * The site for which a browser may fill the code in, lower-case ASCII; or empty.
   */
  otp_view domain;
  /**
   * The 11 symbols by which Android knows the app; or empty.
   */
  otp_view app_hash;
  /**
   * What is approved; empty exactly if the template has no `#subject#`.
   */
  otp_view subject;
  /**
   * The code, 4 to 26 ASCII letters and digits.
   */
  otp_view code;
  /**
   * The validity in minutes, at least 1.
   */
  uint32_t minutes;
} otp_message_options;

/**
 * A composed message.
 */
typedef struct {
  /**
   * `sizeof(otp_message)`.
   */
  size_t struct_size;
  /**
   * The text to send, UTF-8; end it with `otp_bytes_free`, which wipes it.
   */
  otp_bytes *text;
  /**
   * `OTP_ENCODING_GSM7` or `OTP_ENCODING_UCS2`.
   */
  int32_t encoding;
  /**
   * The length in septets or UTF-16 units.
   */
  uint32_t units;
  /**
   * How many SMS it takes: 1 to 10.
   */
  uint32_t segments;
} otp_message;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns a short English text for a status number; never NULL, never freed.
 */
OTP_API const char *otp_status_text(int32_t status);

/**
 * Copies the detail of the last fault on this thread, with a NUL at its end.
 *
 * `needed_out`, which may be NULL, is set to its length with the NUL. The text holds no secret, code or whole number.
 * It is meaningful directly after a call that failed, on the same thread.
 *
 * # Safety
 *
 * `buffer` is NULL or has room for `capacity` bytes; `needed_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_error_detail(uint8_t *buffer,
                            size_t capacity,
                            size_t *needed_out);

/**
 * Copies the detail of an item of the last batch on this thread, as `otp_error_detail` does that of a call: which
 * argument of the item, which bound. It is empty for an item that did not fail. A batch that was refused whole is
 * none: its failure is in `otp_error_detail`, and the items are those of the batch before.
 *
 * # Safety
 *
 * As `otp_error_detail`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_item_detail(size_t item,
                           uint8_t *buffer,
                           size_t capacity,
                           size_t *needed_out);

/**
 * Returns where the bytes begin; valid until `otp_bytes_free`. NULL for NULL.
 *
 * # Safety
 *
 * `bytes` is NULL or was handed out by this library and not freed.
 */
OTP_API const uint8_t *otp_bytes_data(const otp_bytes *bytes);

/**
 * Returns how many bytes there are; 0 for NULL.
 *
 * # Safety
 *
 * As `otp_bytes_data`.
 */
OTP_API size_t otp_bytes_len(const otp_bytes *bytes);

/**
 * Wipes and frees bytes; NULL is harmless.
 *
 * # Safety
 *
 * `bytes` is NULL or was handed out by this library, and is not used again.
 */
OTP_API void otp_bytes_free(otp_bytes *bytes);

/**
 * Overwrites memory with zeros in a way that no compiler leaves out: for codes and secrets.
 *
 * # Safety
 *
 * `data` is NULL or has `len` bytes that may be written.
 */
OTP_API void otp_wipe(uint8_t *data, size_t len);

/**
 * Makes a key ring. The secrets are copied: wipe yours by `otp_wipe`.
 *
 * Errors: `OTP_STATUS_KEY` for a short, missing or repeated secret or name; the detail says which.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, views with as many bytes as they say.
 */
OTP_API
OTP_NODISCARD
otp_status otp_key_ring_new(const otp_key_ring_options *options,
                            otp_key_ring **ring_out);

/**
 * Frees a key ring and wipes it; NULL is harmless, and so is a ring made before a fork.
 *
 * # Safety
 *
 * `ring` is NULL or was made by `otp_key_ring_new`, and is not used again.
 */
OTP_API void otp_key_ring_free(otp_key_ring *ring);

/**
 * Makes an Ed25519 key from its seed of 32 random bytes; zeros alone are refused.
 *
 * # Safety
 *
 * `seed` has as many bytes as it says; `key_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_signing_key_from_seed(otp_view seed,
                                     otp_signing_key **key_out);

/**
 * Makes an Ed25519 key from PEM text: PKCS#8 version 1, as OpenSSL 3 writes it.
 *
 * # Safety
 *
 * `pem` has as many bytes as it says; `key_out` is NULL or valid.
 */
OTP_API OTP_NODISCARD otp_status otp_signing_key_from_pem(otp_view pem, otp_signing_key **key_out);

/**
 * Frees a signing key and wipes it; NULL is harmless, and so is a key made before a fork.
 *
 * # Safety
 *
 * `key` is NULL or was made by this library, and is not used again.
 */
OTP_API void otp_signing_key_free(otp_signing_key *key);

/**
 * Returns the public half as a JWK set, UTF-8 text, for verifiers.
 *
 * # Safety
 *
 * `key` is NULL or valid; `text_out` is NULL or valid. Free the text by `otp_bytes_free`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_signing_key_public_jwks(const otp_signing_key *key,
                                       otp_bytes **text_out);

/**
 * Returns the public half as PEM, for OpenSSL.
 *
 * # Safety
 *
 * As `otp_signing_key_public_jwks`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_signing_key_public_pem(const otp_signing_key *key,
                                      otp_bytes **text_out);

/**
 * Fills a policy with the defaults.
 *
 * # Safety
 *
 * `policy_out` is NULL or valid; its `struct_size` is set.
 */
OTP_API OTP_NODISCARD otp_status otp_policy_default(otp_policy *policy_out);

/**
 * Fills rate limits with the defaults.
 *
 * # Safety
 *
 * `rate_limits_out` is NULL or valid; its `struct_size` is set.
 */
OTP_API OTP_NODISCARD otp_status otp_rate_limits_default(otp_rate_limits *rate_limits_out);

/**
 * Checks a policy without an engine; the detail names setting, value and bounds.
 *
 * # Safety
 *
 * `policy` is NULL or valid; its `struct_size` is set.
 */
OTP_API OTP_NODISCARD otp_status otp_policy_check(const otp_policy *policy);

/**
 * Returns `OTP_ABI_VERSION` as the library was built.
 */
OTP_API uint32_t otp_abi_version(void);

/**
 * Returns the version of the library, such as "0.1.0"; never NULL, never freed.
 */
OTP_API const char *otp_version(void);

/**
 * Makes an engine; with NULL for `options` all is default. The `user_data` of clock and observer pass to it only if this succeeds.
 *
 * Errors: `OTP_STATUS_POLICY` for a policy or rate limit out of its bounds.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, structures with their `struct_size` set;
 * callbacks take calls from any thread for as long as the engine or a sibling lives.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_new(const otp_key_ring *ring,
                          const otp_engine_options *options,
                          otp_engine **engine_out);

/**
 * Makes a sibling with another policy: same keys, rate limits, clock, observer and signing key, and
 * the same slots. It is cheap, and freed like any engine. NULL is the default policy.
 *
 * # Safety
 *
 * As `otp_engine_new`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_with_policy(const otp_engine *engine,
                                  const otp_policy *policy,
                                  otp_engine **engine_out);

/**
 * Frees an engine and wipes its keys with the last sibling; NULL is harmless, and so is an engine
 * made before a fork.
 *
 * # Safety
 *
 * `engine` is NULL or was made by this library, no call uses it any more, and none will.
 */
OTP_API void otp_engine_free(otp_engine *engine);

/**
 * Tells the chance of guessing under the engine's policy and rate limits.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call; the `struct_size` of `odds_out` is set.
 */
OTP_API OTP_NODISCARD otp_status otp_engine_odds(const otp_engine *engine, otp_odds *odds_out);

/**
 * Tells where policy and rate limits deviate from ASVS 5.0, NIST SP 800-63B-4 and PSD2: UTF-8 text, a
 * line for each as `standard<TAB>clause<TAB>text`, and none where they do not.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call. Free the text by `otp_bytes_free`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_findings(const otp_engine *engine,
                               otp_bytes **text_out);

/**
 * Tells where a code that is sent to a recipient of this kind deviates from ASVS 5.0 and
 * NIST SP 800-63B-4, whatever the limits; text as of `otp_engine_findings`. `kind` is
 * `OTP_RECIPIENT_MOBILE` or `OTP_RECIPIENT_EMAIL`.
 *
 * # Safety
 *
 * `text_out` is NULL or valid. Free the text by `otp_bytes_free`.
 */
OTP_API OTP_NODISCARD otp_status otp_recipient_findings(int32_t kind, otp_bytes **text_out);

/**
 * Checks what a binding is to be made of, without an engine; the detail names the member, a recipient
 * as mobile or email, and its bound.
 *
 * # Safety
 *
 * `options` is NULL or valid with its `struct_size` set, its views with as many bytes as they say.
 */
OTP_API
OTP_NODISCARD
otp_status otp_binding_check(const otp_binding_options *options);

/**
 * Makes a binding: for this engine, its siblings and all engines of the same key ring. The options
 * are copied. It is good for any number of calls: issue and verify take the same one, for as long as
 * nothing of what it is made of has changed.
 *
 * Errors: `OTP_STATUS_ARGUMENT` and `OTP_STATUS_UTF8`; the detail names the member and its bound.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, `options` with its `struct_size` set and its views
 * with as many bytes as they say.
 */
OTP_API
OTP_NODISCARD
otp_status otp_binding_new(const otp_engine *engine,
                           const otp_binding_options *options,
                           otp_binding **binding_out);

/**
 * Frees a binding, before or after its engine; NULL is harmless, and so is a binding made before a
 * fork.
 *
 * # Safety
 *
 * `binding` is NULL or was made by `otp_binding_new`, no call uses it any more, and none will.
 */
OTP_API void otp_binding_free(otp_binding *binding);

/**
 * Returns `OTP_CODE_CAPACITY`, for bindings that cannot read the macro.
 */
OTP_API size_t otp_code_capacity(void);

/**
 * Returns `OTP_CHALLENGE_ID_CAPACITY`.
 */
OTP_API size_t otp_challenge_id_capacity(void);

/**
 * Returns `OTP_RECIPIENT_CAPACITY`.
 */
OTP_API size_t otp_recipient_capacity(void);

/**
 * Issues a code for a binding, or hands out the live one once more.
 *
 * The status is OK for a refusal too: `outcome` tells. Send the message after this returns, then
 * report by `otp_engine_report_delivery`. On any other status `issued_out` is as it was.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call; the `struct_size` of `issued_out` is set.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_issue(const otp_engine *engine,
                            const otp_store *store,
                            const otp_binding *binding,
                            otp_issued *issued_out);

/**
 * Issues a code for each of `count` bindings, at most 65,536; where it is 0, arrays may be NULL.
 *
 * Each is an operation of its own: a failure of one undoes no other, and is in the `status` of its
 * item; its text is that of `otp_item_detail`. On a store that is slow or away each item waits for
 * itself: take small batches there. The items of `issued_out` lie `issued_size` bytes apart, which is `sizeof(otp_issued)`: a
 * shorter one is filled as far as it goes, what the library does not know of a longer one is zero.
 * The `struct_size` of each is set by the library.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, and so is each of the `count` bindings;
 * `issued_out` has room for `count` items.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_issue_many(const otp_engine *engine,
                                 const otp_store *store,
                                 const otp_binding *const *bindings,
                                 size_t count,
                                 otp_issued *issued_out,
                                 size_t issued_size);

/**
 * Claims a send whose message waited in a queue, and hands its code out: once, for the host that
 * does not send what `otp_engine_issue` gave. What waits is the challenge id and the send's number.
 *
 * The claim is committed before this returns. `outcome` is `OTP_OUTCOME_ISSUED`, with the code as an
 * issue gives it, or `OTP_OUTCOME_REFUSED`, and `refusal_reason` says why: claimed or reported
 * before, or a code that `otp_engine_verify` would not take now. Whoever dies after the claim leaves
 * a send that nobody repeats. A `challenge_id` that is none is that of no send; `send` is 1 to 255.
 * On any other status than OK no code left, but the send may be claimed.
 *
 * # Safety
 *
 * As `otp_engine_issue`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_claim_send(const otp_engine *engine,
                                 const otp_store *store,
                                 const otp_binding *binding,
                                 otp_view challenge_id,
                                 uint32_t send,
                                 otp_issued *issued_out);

/**
 * Records what the gateway said of the latest send; a refused one is refunded, once.
 *
 * `outcome_out` is one of `otp_report_outcome`.
 *
 * # Safety
 *
 * As `otp_engine_issue`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_report_delivery(const otp_engine *engine,
                                      const otp_store *store,
                                      const otp_binding *binding,
                                      const otp_delivery_report *report,
                                      int32_t *outcome_out);

/**
 * Calls off the live challenge; `cancelled_out` is 1, or 0 if there was none for this binding.
 *
 * # Safety
 *
 * As `otp_engine_issue`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_cancel(const otp_engine *engine,
                             const otp_store *store,
                             const otp_binding *binding,
                             int32_t *cancelled_out);

/**
 * Returns the state of a binding's challenge; changes nothing.
 *
 * # Safety
 *
 * As `otp_engine_issue`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_status(const otp_engine *engine,
                             const otp_store *store,
                             const otp_binding *binding,
                             otp_challenge *challenge_out);

/**
 * Lifts what wrong guesses put on a user; `unlocked_out` is 1, or 0 if there was nothing to lift.
 * Tenant and user are 1 to 128 bytes each.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, texts with as many bytes as said.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_unlock(const otp_engine *engine,
                             const otp_store *store,
                             otp_view tenant,
                             otp_view user,
                             int32_t *unlocked_out);

/**
 * Lifts what holds the slot of a binding up: used-up attempts, the lockout,
 * cooldown, and what a clock that was far ahead left. A code that is out is called off; one that was
 * used stays used. `reset_out` is 1, or 0 if there was nothing to lift.
 *
 * For an administrator: `reason`, 1 to 256 bytes of visible text, goes to the observer.
 *
 * # Safety
 *
 * As `otp_engine_issue`; `reason` has as many bytes as it says.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_reset_slot(const otp_engine *engine,
                                 const otp_store *store,
                                 const otp_binding *binding,
                                 otp_view reason,
                                 int32_t *reset_out);

/**
 * Forgets what was sent to the recipient of a binding, and failed against it, over
 * all users and records of its tenant. `reset_out` and `reason` as for `otp_engine_reset_slot`.
 *
 * # Safety
 *
 * As `otp_engine_reset_slot`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_reset_recipient(const otp_engine *engine,
                                      const otp_store *store,
                                      const otp_binding *binding,
                                      otp_view reason,
                                      int32_t *reset_out);

/**
 * Lifts a user's locks as `otp_engine_unlock` does, and the limit of sends with them. `reset_out`
 * and `reason` as for `otp_engine_reset_slot`.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, each text with as many bytes as its length says.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_reset_user(const otp_engine *engine,
                                 const otp_store *store,
                                 otp_view tenant,
                                 otp_view user,
                                 otp_view reason,
                                 int32_t *reset_out);

/**
 * Drops at most `limit` cells whose time is over; `dropped_out` is how many. Call it once a day at
 * least.
 *
 * Errors: `OTP_STATUS_CLOCK_AHEAD` where the clock lies more than a day past the newest time that is
 * known of the store: nothing was dropped.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_purge(const otp_engine *engine,
                            const otp_store *store,
                            uint64_t limit,
                            uint64_t *dropped_out);

/**
 * Purges though the clock lies far ahead of what is known of the store: for an administrator who
 * looked at the clock. Later purges go on from there.
 *
 * # Safety
 *
 * As `otp_engine_purge`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_purge_confirmed(const otp_engine *engine,
                                      const otp_store *store,
                                      uint64_t limit,
                                      uint64_t *dropped_out);

/**
 * Judges the code that a person entered; the attempt is committed before this returns.
 *
 * A wrong or late code leaves the status OK: `outcome` tells. A fault leaves `verdict_out` as it
 * was. The binding must be made of what is true now: a changed number or content is a mismatch.
 * `code` is any bytes: what is no code is a rejection.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call; `code` has `code_len` bytes; the `struct_size` of
 * `verdict_out` is set. Free `record` by `otp_bytes_free`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_verify(const otp_engine *engine,
                             const otp_store *store,
                             const otp_binding *binding,
                             const uint8_t *code,
                             size_t code_len,
                             otp_verdict *verdict_out);

/**
 * Judges a code that a person entered, with the challenge that it answers and evidence for the
 * signature record: as `otp_engine_verify` otherwise.
 *
 * Evidence that is missing, too large or does not fit is a rejection before anything is compared.
 *
 * # Safety
 *
 * As `otp_engine_verify`; `submission` is NULL or valid with its `struct_size` set, and so is its
 * evidence; views have as many bytes as they say.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_verify_submission(const otp_engine *engine,
                                        const otp_store *store,
                                        const otp_submission *submission,
                                        otp_verdict *verdict_out);

/**
 * Judges each of `count` submissions, at most 65,536; where it is 0, arrays may be NULL.
 *
 * Each is an operation of its own: a failure of one undoes no other, and is in the `status` of its
 * item; its text is that of `otp_item_detail`. On a store that is slow or away each item waits for
 * itself: take small batches there. Submissions lie `submission_size` bytes apart, which is `sizeof(otp_submission)`, and verdicts
 * `verdict_size`, which is `sizeof(otp_verdict)`: a shorter verdict is filled as far as it goes, what
 * the library does not know of a longer one is zero. The `struct_size` of each verdict is set by the
 * library.
 *
 * # Safety
 *
 * As `otp_engine_verify_submission` for each of the `count` submissions, which need no `struct_size`;
 * `verdicts_out` has room for `count` items. Free each `record` by `otp_bytes_free`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_verify_many(const otp_engine *engine,
                                  const otp_store *store,
                                  const otp_submission *submissions,
                                  size_t submission_size,
                                  size_t count,
                                  otp_verdict *verdicts_out,
                                  size_t verdict_size);

/**
 * Returns the newest `limit` signature records of a target: UTF-8 text, newest first, each a line
 * `<JWS>~<disclosure>~…`; an empty text where nothing was signed. A `limit` of 1 gives the latest.
 *
 * Errors: `OTP_STATUS_TAMPERED` where a record is missing or not the one that was appended.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call. Free the text by `otp_bytes_free`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_signatures(const otp_engine *engine,
                                 const otp_store *store,
                                 otp_view tenant,
                                 const otp_target *target,
                                 size_t limit,
                                 otp_bytes **records_out);

/**
 * Tells how many signature records a target has, and the digest of the newest: what an auditor
 * keeps, to compare it later by `otp_verify_chain`.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call; the `struct_size` of `head_out` is set.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_chain_head(const otp_engine *engine,
                                 const otp_store *store,
                                 otp_view tenant,
                                 const otp_target *target,
                                 otp_chain_head *head_out);

/**
 * Erases personal details of a signature record. The record that is left, which verifies as before,
 * is handed out; the text is empty if there is no such record. A name that the record does not have erases
 * nothing, and is no error: list its details first.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call. Free the text by `otp_bytes_free`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_erase(const otp_engine *engine,
                            const otp_store *store,
                            const otp_erase_request *request,
                            otp_bytes **record_out);

/**
 * Verifies one record, a JWS or `<JWS>~<disclosure>~…`, with a JWK set of public keys; white space
 * behind it is left out. `expected` may not have a chain head.
 *
 * `valid_out` is 1 if all of it holds, else 0. `text_out` is UTF-8 text: the payload as it was
 * signed, or the reason why it does not hold.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, views with as many bytes as they say. Free the
 * text by `otp_bytes_free`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_verify_record(otp_view record,
                             otp_view jwks,
                             const otp_expected *expected,
                             int32_t *valid_out,
                             otp_bytes **text_out);

/**
 * Verifies the records of a target, newest first, a line each.
 *
 * `valid_out` is 1 if nothing that was checked is bad and there is a record, or a chain head of no
 * records; else 0. `text_out` has a line for each question, `signatures`, `tenant`, `field`, `chain`
 * and `head`: `name<TAB>good`, `name<TAB>not checked`, or `name<TAB>bad<TAB>reason`. What was not
 * compared is not checked: a target of which a part is expected, a chain head without its digest, an
 * empty chain.
 *
 * # Safety
 *
 * As `otp_verify_record`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_verify_chain(otp_view records,
                            otp_view jwks,
                            const otp_expected *expected,
                            int32_t *valid_out,
                            otp_bytes **text_out);

/**
 * Makes a store in this process's memory, for at most `max_cells` cells (0: one million).
 *
 * What it holds is lost on exit, and each process of a prefork server has its own: for tests and
 * for services of one process. An engine that signs records refuses it, unless `keep_records` is
 * 1: records then die with the process. `max_cells` must be 0 then: no record is refused for want of
 * room.
 *
 * # Safety
 *
 * `store_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_store_memory_new(size_t max_cells,
                                int32_t keep_records,
                                otp_store **store_out);

/**
 * Opens a store in an SQLite file, made if absent; several processes of one host may share it.
 * Commits are flushed before they are answered. Open it in each process, after any fork; never on
 * a network file system, and never together with another SQLite library in the same process.
 *
 * # Safety
 *
 * `path` has as many bytes as it says; `store_out` is NULL or valid.
 */
OTP_API OTP_NODISCARD otp_status otp_store_sqlite_open(otp_view path, otp_store **store_out);

/**
 * Makes a store of the host's callbacks. `user_data` passes to the store only if this succeeds.
 *
 * # Safety
 *
 * `table` is NULL or valid, its `struct_size` set; its functions take calls from any thread for as
 * long as the store lives. `store_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_store_host_new(const otp_host_store *table,
                              otp_store **store_out);

/**
 * Frees a store; NULL is harmless, and so is a store made before a fork.
 *
 * # Safety
 *
 * `store` is NULL or was made by this library, no call uses it any more, and none will.
 */
OTP_API void otp_store_free(otp_store *store);

/**
 * Runs the suite that every store must pass; `passed_out` is 1 if it does, 0 if not.
 *
 * The report is UTF-8 text, a line for each check. Give it a store of its own: it writes thousands
 * of cells, some of them for ever. It runs on several threads, which call the host's callbacks.
 *
 * # Safety
 *
 * `store` is NULL or valid; `report_out` and `passed_out` are NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_store_check(const otp_store *store,
                           int32_t *passed_out,
                           otp_bytes **report_out);

/**
 * Checks that a store belongs to the keys of this engine: every host does this once at its start,
 * before any other call, and starts on `OTP_STATUS_OK` alone.
 *
 * With another index secret every cell of a store is unknown: fresh limits for everybody, and
 * nothing else would say so. So each store holds a canary, one cell under a fixed name. It is
 * written here where the store holds no cell yet, also by one of two hosts that start at once.
 * It proves the index secret alone, not the code secrets. `keys_out` is one of `otp_store_keys`.
 *
 * Errors: `OTP_STATUS_FOREIGN_STORE` where another key ring began the store, `OTP_STATUS_NO_CANARY`
 * where it holds cells and no canary, or cannot tell that it holds none.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_check_store(const otp_engine *engine,
                                  const otp_store *store,
                                  int32_t *keys_out);

/**
 * Takes over a store from before there were canaries: once, by an administrator who knows that
 * its cells were written with the keys of this engine. Nothing can check that.
 *
 * Does nothing where the store has the canary of these keys. Error: `OTP_STATUS_FOREIGN_STORE`
 * where another key ring began the store.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_adopt_store(const otp_engine *engine,
                                  const otp_store *store,
                                  int32_t *keys_out);

/**
 * Begins a store anew with the keys of this engine, whatever it holds: for an administrator.
 *
 * This gives up every cell of other keys: limits and locks of everybody, live codes, and for ever
 * the signature records and the last counters of devices, whose codes would be good again. It is
 * the only way to exchange an index secret. Does nothing where the store has the canary of these
 * keys.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_begin_store(const otp_engine *engine,
                                  const otp_store *store,
                                  int32_t *keys_out);

/**
 * Judges a HOTP code over `look_ahead` counters more than the one expected, at most 255. The code is
 * good once, for all bindings of the tenant; wrong guesses count for the device and for its user, and
 * against no code that was sent.
 *
 * `evidence` is for the signature record, as with `otp_engine_verify_submission`, or NULL. Where the
 * engine signs, an accepted code leaves a record; free it by `otp_bytes_free`.
 *
 * Errors: `OTP_STATUS_STORE_UNSUPPORTED` for a store that does not keep cells for ever.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call; `code` has `code_len` bytes; `evidence` is NULL or
 * valid with its `struct_size` set, its views with as many bytes as they say; the `struct_size` of
 * `verdict_out` is set.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_verify_hotp(const otp_engine *engine,
                                  const otp_store *store,
                                  const otp_binding *binding,
                                  const otp_hotp *hotp,
                                  const uint8_t *code,
                                  size_t code_len,
                                  uint32_t look_ahead,
                                  const otp_evidence *evidence,
                                  otp_oath_verdict *verdict_out);

/**
 * Judges two HOTP codes in a row, of a device that is far ahead: `look_ahead` is at most 65535.
 *
 * # Safety
 *
 * As `otp_engine_verify_hotp`; the views have as many bytes as they say.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_resynchronise_hotp(const otp_engine *engine,
                                         const otp_store *store,
                                         const otp_binding *binding,
                                         const otp_hotp *hotp,
                                         otp_view first,
                                         otp_view second,
                                         uint32_t look_ahead,
                                         const otp_evidence *evidence,
                                         otp_oath_verdict *verdict_out);

/**
 * Judges a TOTP code by the engine's clock, in `window` steps around it, at most 255. The code is good
 * once, for all bindings of the tenant; wrong guesses count as with `otp_engine_verify_hotp`. The drift
 * of the device's clock is learnt from several codes that agree.
 *
 * # Safety
 *
 * As `otp_engine_verify_hotp`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_verify_totp(const otp_engine *engine,
                                  const otp_store *store,
                                  const otp_binding *binding,
                                  const otp_totp *totp,
                                  const uint8_t *code,
                                  size_t code_len,
                                  uint32_t window,
                                  const otp_evidence *evidence,
                                  otp_oath_verdict *verdict_out);

/**
 * Judges two TOTP codes in a row, of a device whose clock is far off: `window` is at most 65535.
 *
 * # Safety
 *
 * As `otp_engine_resynchronise_hotp`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_resynchronise_totp(const otp_engine *engine,
                                         const otp_store *store,
                                         const otp_binding *binding,
                                         const otp_totp *totp,
                                         otp_view first,
                                         otp_view second,
                                         uint32_t window,
                                         const otp_evidence *evidence,
                                         otp_oath_verdict *verdict_out);

/**
 * Writes the question that a device is asked for a binding: hexadecimal digits, without a NUL. The
 * suite must ask QH16 or longer.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call; `buffer` has `capacity` bytes.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_ocra_question(const otp_engine *engine,
                                    const otp_binding *binding,
                                    const otp_ocra *ocra,
                                    uint8_t *buffer,
                                    size_t capacity,
                                    size_t *needed_out);

/**
 * Judges what a device answered to the `otp_engine_ocra_question` of a binding.
 *
 * Of `inputs` the PIN, session, `look_ahead` and `window` are taken, and the counter as that of the
 * device's first answer; question and time are the engine's, and must be empty. NULL is all zeros.
 * The answer is good once: by its counter, else its time step, else for this binding for ever.
 *
 * # Safety
 *
 * As `otp_engine_verify_hotp`; `inputs` is NULL or valid with its `struct_size` set, its views with as
 * many bytes as they say.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_verify_ocra(const otp_engine *engine,
                                  const otp_store *store,
                                  const otp_binding *binding,
                                  const otp_ocra *ocra,
                                  const otp_ocra_inputs *inputs,
                                  const uint8_t *code,
                                  size_t code_len,
                                  const otp_evidence *evidence,
                                  otp_oath_verdict *verdict_out);

/**
 * Judges a code that may be that of any of a user's devices: `devices` are `count` pointers, 1 to 3,
 * each to another device. One attempt, whichever of them made it; `device` of the verdict says which
 * one did.
 *
 * # Safety
 *
 * As `otp_engine_verify_hotp`; `devices` has `count` pointers to structures with their `struct_size`
 * set, whose keys and inputs are NULL or valid during the call.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_verify_devices(const otp_engine *engine,
                                     const otp_store *store,
                                     const otp_binding *binding,
                                     const otp_device *const *devices,
                                     size_t count,
                                     const uint8_t *code,
                                     size_t code_len,
                                     const otp_evidence *evidence,
                                     otp_oath_verdict *verdict_out);

/**
 * Resets a device, for an administrator: its lock and its guesses are forgotten, and what was learnt
 * of its clock. `reset_out` is 1, or 0 if there was nothing to lift; `reason`, 1 to 256 bytes of visible
 * text, goes to the observer.
 *
 * What was used stays used: a counter, an answered question and the epoch do not fall. A time step
 * falls to that of now and `reach` at most: a device whose clock was hours ahead and was put right
 * makes codes that are taken again one step more than `reach` later. Put the host's own clock right
 * before: with one that is behind, the step falls to that clock's now, and codes that were used since
 * then are good again for a moment.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, each text with as many bytes as its length says;
 * `device` as for `otp_engine_verify_devices`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_reset_device(const otp_engine *engine,
                                   const otp_store *store,
                                   otp_view tenant,
                                   otp_view user,
                                   const otp_device *device,
                                   otp_view reason,
                                   int32_t *reset_out);

/**
 * Tells the chance of guessing a code of these devices, all of them one user's: as
 * `otp_engine_verify_devices` takes them; `per_code` is that of one guess.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, `devices` as for `otp_engine_verify_devices`; the
 * `struct_size` of `odds_out` is set.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_device_odds(const otp_engine *engine,
                                  const otp_device *const *devices,
                                  size_t count,
                                  otp_odds *odds_out);

/**
 * Tells where these devices, and the rate limits that hold for them, deviate from RFC 4226 and 6238, ASVS
 * 5.0 and NIST SP 800-63B-4: lines as those of `otp_engine_findings`.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call, `devices` as for `otp_engine_verify_devices`. Free the
 * text by `otp_bytes_free`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_engine_device_findings(const otp_engine *engine,
                                      const otp_device *const *devices,
                                      size_t count,
                                      otp_bytes **text_out);

/**
 * Reads a secret from base32: either case, spaces anywhere, with or without padding. Wipe the
 * buffer by `otp_wipe`.
 *
 * Errors: `OTP_STATUS_KEY` for a text that is not base32, for fewer than 16 bytes,
 * and for bytes that are all the same.
 *
 * # Safety
 *
 * `base32` has as many bytes as it says; `buffer` is NULL or has `capacity` bytes; `needed_out` is NULL
 * or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_base32_decode(otp_view base32,
                             uint8_t *buffer,
                             size_t capacity,
                             size_t *needed_out);

/**
 * As `otp_base32_decode`, of a secret that may be as short as 10 bytes: for the import of devices that
 * were enrolled elsewhere.
 *
 * # Safety
 *
 * As `otp_base32_decode`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_base32_decode_legacy(otp_view base32,
                                    uint8_t *buffer,
                                    size_t capacity,
                                    size_t *needed_out);

/**
 * Writes a secret in base32, without padding and without a NUL.
 *
 * # Safety
 *
 * As `otp_base32_decode`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_base32_encode(otp_view secret,
                             uint8_t *buffer,
                             size_t capacity,
                             size_t *needed_out);

/**
 * Prepares a HOTP key: at least 16 random bytes, 6 to 10 digits. `first_counter` is that of the
 * device's first code, 0 for most: what an engine expects of a credential that it never saw.
 *
 * Nine digits and more promise what the 31 bits of RFC 4226 do not hold.
 *
 * # Safety
 *
 * `secret` has as many bytes as it says; `hotp_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_hotp_new(otp_view secret,
                        int32_t hash,
                        uint32_t digits,
                        uint64_t first_counter,
                        otp_hotp **hotp_out);

/**
 * As `otp_hotp_new`, of a secret that may be as short as 10 bytes: for the import of devices that were
 * enrolled elsewhere, long ago. Enrol no new one with it.
 *
 * # Safety
 *
 * As `otp_hotp_new`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_hotp_new_legacy(otp_view secret,
                               int32_t hash,
                               uint32_t digits,
                               uint64_t first_counter,
                               otp_hotp **hotp_out);

/**
 * Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
 *
 * # Safety
 *
 * `hotp` is NULL or was made by `otp_hotp_new`, and is not used again.
 */
OTP_API void otp_hotp_free(otp_hotp *hotp);

/**
 * Writes the code of a counter, and a NUL.
 *
 * Errors: `OTP_STATUS_BUFFER_TOO_SMALL`; `OTP_CODE_CAPACITY` bytes hold any code.
 *
 * # Safety
 *
 * `hotp` is NULL or valid; `code_out` is NULL or has `capacity` bytes.
 */
OTP_API
OTP_NODISCARD
otp_status otp_hotp_generate(const otp_hotp *hotp,
                             uint64_t counter,
                             uint8_t *code_out,
                             size_t capacity);

/**
 * Looks for a code from `counter` on, over `look_ahead` counters more (at most 255); the lowest
 * that matches is in `counter` of `match_out`. It remembers nothing: accept no counter up to that
 * one again, or let an engine see to it.
 *
 * # Safety
 *
 * Every pointer is NULL or valid during the call; `code` has `code_len` bytes; the `struct_size` of
 * `match_out` is set.
 */
OTP_API
OTP_NODISCARD
otp_status otp_hotp_verify(const otp_hotp *hotp,
                           const uint8_t *code,
                           size_t code_len,
                           uint64_t counter,
                           uint32_t look_ahead,
                           otp_oath_match *match_out);

/**
 * Looks for two codes in a row, the first of them from `counter` on over `look_ahead` counters more
 * (at most 65535); the counter of the second is in `match_out`.
 *
 * # Safety
 *
 * As `otp_hotp_verify`; the views have as many bytes as they say.
 */
OTP_API
OTP_NODISCARD
otp_status otp_hotp_resynchronise(const otp_hotp *hotp,
                                  otp_view first,
                                  otp_view second,
                                  uint64_t counter,
                                  uint32_t look_ahead,
                                  otp_oath_match *match_out);

/**
 * Prepares a TOTP key: as `otp_hotp_new`, with the length of a step in seconds: 1 to
 * 86,400, 30 for most devices.
 *
 * # Safety
 *
 * `secret` has as many bytes as it says; `totp_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_totp_new(otp_view secret,
                        int32_t hash,
                        uint32_t digits,
                        uint32_t period,
                        otp_totp **totp_out);

/**
 * As `otp_totp_new`, of a secret that may be as short as 10 bytes: for the import of devices that were
 * enrolled elsewhere, long ago. Enrol no new one with it.
 *
 * # Safety
 *
 * As `otp_totp_new`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_totp_new_legacy(otp_view secret,
                               int32_t hash,
                               uint32_t digits,
                               uint32_t period,
                               otp_totp **totp_out);

/**
 * Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
 *
 * # Safety
 *
 * `totp` is NULL or was made by `otp_totp_new`, and is not used again.
 */
OTP_API void otp_totp_free(otp_totp *totp);

/**
 * Writes the code of an instant in unix seconds, and a NUL; before 1970 there is none.
 *
 * # Safety
 *
 * `totp` is NULL or valid; `code_out` is NULL or has `capacity` bytes.
 */
OTP_API
OTP_NODISCARD
otp_status otp_totp_generate(const otp_totp *totp,
                             int64_t now,
                             uint8_t *code_out,
                             size_t capacity);

/**
 * Looks for a code in the step of `now` and `window` steps around it (at most 255); the latest
 * that matches is in `step` of `match_out`. It remembers nothing: accept no step up to that one
 * again, or let an engine see to it.
 *
 * # Safety
 *
 * As `otp_hotp_verify`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_totp_verify(const otp_totp *totp,
                           const uint8_t *code,
                           size_t code_len,
                           int64_t now,
                           uint32_t window,
                           otp_oath_match *match_out);

/**
 * Looks for two codes in a row, the first of them within `window` steps of `now` (at most 65535); the
 * step of the second is in `match_out`.
 *
 * # Safety
 *
 * As `otp_hotp_resynchronise`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_totp_resynchronise(const otp_totp *totp,
                                  otp_view first,
                                  otp_view second,
                                  int64_t now,
                                  uint32_t window,
                                  otp_oath_match *match_out);

/**
 * Prepares an OCRA key; `suite` is such as "OCRA-1:HOTP-SHA256-8:C-QH16", with 6 to 10 digits, and the
 * secret at least 16 random bytes.
 *
 * # Safety
 *
 * `suite` and `secret` have as many bytes as they say; `ocra_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_ocra_new(otp_view suite,
                        otp_view secret,
                        otp_ocra **ocra_out);

/**
 * Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
 *
 * # Safety
 *
 * `ocra` is NULL or was made by `otp_ocra_new`, and is not used again.
 */
OTP_API void otp_ocra_free(otp_ocra *ocra);

/**
 * Writes the code of the inputs, and a NUL.
 *
 * Errors: `OTP_STATUS_ARGUMENT`; the detail names the input that is missing, not asked for by the
 * suite, or does not fit.
 *
 * # Safety
 *
 * `ocra` is NULL or valid; `inputs` likewise with its `struct_size` set, its views with as many bytes
 * as they say; `code_out` is NULL or has `capacity` bytes.
 */
OTP_API
OTP_NODISCARD
otp_status otp_ocra_generate(const otp_ocra *ocra,
                             const otp_ocra_inputs *inputs,
                             uint8_t *code_out,
                             size_t capacity);

/**
 * Looks for a code from the counter on and around the time, as far as `look_ahead` and `window`
 * of the inputs say; counter and step that match are in `match_out`. It remembers nothing.
 *
 * # Safety
 *
 * As `otp_ocra_generate`; `code` has `code_len` bytes; the `struct_size` of `match_out` is set.
 */
OTP_API
OTP_NODISCARD
otp_status otp_ocra_verify(const otp_ocra *ocra,
                           const otp_ocra_inputs *inputs,
                           const uint8_t *code,
                           size_t code_len,
                           otp_oath_match *match_out);

/**
 * Reads an otpauth URI of at most 8192 bytes. The detail of a fault holds no part of it.
 *
 * # Safety
 *
 * `uri` has as many bytes as it says; `credential_out` is NULL or valid with its `struct_size` set.
 */
OTP_API OTP_NODISCARD otp_status otp_uri_parse(otp_view uri, otp_credential *credential_out);

/**
 * As `otp_uri_parse`, of a secret that may be as short as 10 bytes: for the import of devices that were
 * enrolled elsewhere.
 *
 * # Safety
 *
 * As `otp_uri_parse`.
 */
OTP_API
OTP_NODISCARD
otp_status otp_uri_parse_legacy(otp_view uri,
                                otp_credential *credential_out);

/**
 * Writes the otpauth URI of a credential, without a NUL; it holds the secret: end it by `otp_wipe`.
 * 8192 bytes hold any.
 *
 * # Safety
 *
 * `credential` is NULL or valid with its `struct_size` set; `buffer` is NULL or has `capacity` bytes;
 * `needed_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_uri_build(const otp_credential *credential,
                         uint8_t *buffer,
                         size_t capacity,
                         size_t *needed_out);

/**
 * Checks the template of a message: all but subject, code and minutes. The detail names the
 * argument and what it must be.
 *
 * # Safety
 *
 * `options` is NULL or valid with its `struct_size` set.
 */
OTP_API OTP_NODISCARD otp_status otp_message_check(const otp_message_options *options);

/**
 * Composes the message for a code, and counts its SMS segments.
 *
 * Errors: `OTP_STATUS_ARGUMENT`; the detail names the argument and its bound. Also for a template
 * or subject in which autofill could take another run of symbols than the code for the code.
 *
 * # Safety
 *
 * `options` is NULL or valid with its `struct_size` set; `message_out` likewise.
 */
OTP_API
OTP_NODISCARD
otp_status otp_message_compose(const otp_message_options *options,
                               otp_message *message_out);

/**
 * Reads a mobile number and writes its digits, country code first, without plus or NUL: what
 * requests take, and what is the same for one telephone however it was written.
 *
 * `country_code`, 1 to 999, is that of the country within which the text was written, such as 60; with 0
 * the text, of at most 64 bytes, must hold its country code. At most `OTP_MOBILE_MAX` bytes are written.
 *
 * Errors: `OTP_STATUS_ARGUMENT` for what is no mobile number, could be two, or has a trunk 0 behind
 * its country code; the detail says which, and never holds the number.
 *
 * # Safety
 *
 * `text` has as many bytes as it says, `buffer` is NULL or has room for `capacity` bytes;
 * `needed_out` is NULL or valid.
 */
OTP_API
OTP_NODISCARD
otp_status otp_mobile_parse(otp_view text,
                            uint32_t country_code,
                            uint8_t *buffer,
                            size_t capacity,
                            size_t *needed_out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OTP_ENGINE_H */
