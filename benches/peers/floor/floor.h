/* The floors of libotp_floor: each function does its operation n times (benches/peers/floor/src/exported.rs). */
#ifndef OTP_FLOOR_H
#define OTP_FLOOR_H

#include <stddef.h>
#include <stdint.h>

/* n HOTP codes of six digits, from a prepared key. */
void otp_floor_hotp_sha1(uint64_t n);
void otp_floor_hotp_sha256(uint64_t n);
void otp_floor_hotp_sha512(uint64_t n);

/* n comparisons of a wrong code with one step, and `window` steps before and after it. */
void otp_floor_verify_sha1(uint64_t n, uint64_t window);
void otp_floor_verify_sha256(uint64_t n, uint64_t window);
void otp_floor_verify_sha512(uint64_t n, uint64_t window);

/* The work of n operations on 1,000 slots in turn: without rate limits, then with the default ones. */
void otp_floor_issue(uint64_t n);
void otp_floor_verify(uint64_t n);
void otp_floor_issue_metered(uint64_t n);
void otp_floor_verify_metered(uint64_t n);

/* Nothing, with the signature of issue and verify: what a call alone costs. */
int32_t otp_floor_nothing(const void *engine, const void *store, const void *binding, void *out);

#endif
