#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otp_engine_fuzz_targets::log(data));
