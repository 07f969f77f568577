//! The layout of the ABI as rustc has it on 64-bit platforms; `tests/layout.c` says the same of C.
//!
//! What is wrong here does not compile. A structure that grows by a member at its end gets one more.
#![cfg(target_pointer_width = "64")]

use crate::binding::otp_binding_options;
use crate::challenge::{otp_challenge, otp_issued, otp_verdict};
use crate::device::{otp_device, otp_oath_verdict};
use crate::engine::{otp_engine_options, otp_odds};
use crate::host::{otp_buffer, otp_host_store};
use crate::key::{otp_code_key, otp_key_ring_options};
use crate::message::{otp_message, otp_message_options};
use crate::oath::{otp_oath_match, otp_ocra_inputs};
use crate::observer::{otp_clock, otp_event, otp_observer};
use crate::operation::otp_delivery_report;
use crate::otpauth::otp_credential;
use crate::policy::{otp_policy, otp_rate_limits};
use crate::record::{otp_chain_head, otp_erase_request, otp_expected};
use crate::target::otp_target;
use crate::verify::{otp_evidence, otp_submission};
use crate::view::otp_view;

/// Asserts the size of a structure and where each of its members is.
macro_rules! layout {
    ($($name:ident $size:literal { $($member:ident $offset:literal),* $(,)? })*) => {
        $(const _: () = {
            assert!(size_of::<$name>() == $size, concat!("size of ", stringify!($name)));
            $(assert!(
                core::mem::offset_of!($name, $member) == $offset,
                concat!("offset of ", stringify!($name), ".", stringify!($member)),
            );)*
        };)*
    };
}

layout! {
    otp_message_options 112 {
        struct_size 0,
        template_text 8,
        prefix 24,
        domain 40,
        app_hash 56,
        subject 72,
        code 88,
        minutes 104,
    }
    otp_message 32 {
        struct_size 0,
        text 8,
        encoding 16,
        units 20,
        segments 24,
    }
    otp_policy 64 {
        struct_size 0,
        code 8,
        symbols 12,
        validity 16,
        lockout 24,
        cooldown 32,
        max_attempts 40,
        max_sends 44,
        resend 48,
        content_required 52,
        evidence 56,
    }
    otp_rate_limits 56 {
        struct_size 0,
        unlimited 8,
        user_failures_per_day 12,
        consecutive_failures 16,
        recipient_failures_per_day 20,
        user_sends_per_hour 24,
        recipient_sends_per_ten_minutes 28,
        recipient_sends_per_day 32,
        device_failures_per_day 36,
        device_hard_stop 40,
        lock_ends_after 48,
    }
    otp_clock 24 {
        now 0,
        user_data 8,
        drop_user_data 16,
    }
    otp_view 16 {
        data 0,
        len 8,
    }
    otp_event 200 {
        struct_size 0,
        kind 8,
        refusal_reason 12,
        rejection 16,
        count 20,
        mixed_scripts 24,
        refunded 28,
        at 32,
        tenant 40,
        user 56,
        purpose 72,
        target 88,
        recipient 136,
        challenge_id 152,
        reset_reason 184,
    }
    otp_observer 24 {
        observe 0,
        user_data 8,
        drop_user_data 16,
    }
    otp_engine_options 88 {
        struct_size 0,
        policy 8,
        rate_limits 16,
        signing_key 24,
        clock 32,
        observer 56,
        fibers 80,
    }
    otp_issued 384 {
        struct_size 0,
        status 8,
        outcome 12,
        refusal_reason 16,
        send 20,
        issued_at 24,
        expires_at 32,
        retry_at 40,
        has_retry_at 48,
        challenge_id 52,
        code 79,
        recipient 106,
        valid_for 368,
        minutes 376,
    }
    otp_delivery_report 56 {
        struct_size 0,
        challenge_id 8,
        gateway_status 35,
        send 44,
        delivered 48,
    }
    otp_challenge 104 {
        struct_size 0,
        state 8,
        delivery 12,
        attempts_left 16,
        sends 20,
        issued_at 24,
        expires_at 32,
        next_send_at 40,
        lock 48,
        locked_until 56,
        challenge_id 64,
        gateway_status 91,
    }
    otp_odds 32 {
        struct_size 0,
        per_code 8,
        per_day 16,
        per_year 24,
    }
    otp_code_key 48 {
        kid 0,
        secret 16,
        is_retired 32,
        retired_at 40,
    }
    otp_key_ring_options 72 {
        struct_size 0,
        codes 8,
        code_count 16,
        code_size 24,
        current 32,
        index 48,
        epoch 64,
    }
    otp_target 48 {
        model 0,
        field 16,
        id 32,
    }
    otp_chain_head 56 {
        struct_size 0,
        count 8,
        digest 16,
        has_digest 48,
    }
    otp_erase_request 96 {
        struct_size 0,
        tenant 8,
        target 24,
        sequence 72,
        details 80,
    }
    otp_expected 80 {
        struct_size 0,
        tenant 8,
        target 24,
        chain_head 72,
    }
    otp_binding_options 144 {
        struct_size 0,
        tenant 8,
        purpose 24,
        target 40,
        user 88,
        recipient 104,
        recipient_kind 120,
        content_guessable 124,
        content 128,
    }
    otp_buffer 24 {
        data 0,
        capacity 8,
        len 16,
    }
    otp_host_store 64 {
        struct_size 0,
        load 8,
        commit 16,
        purge 24,
        store_class 32,
        fibers 36,
        user_data 40,
        drop_user_data 48,
        has_cells 56,
    }
    otp_verdict 128 {
        struct_size 0,
        status 8,
        outcome 12,
        rejection 16,
        public_rejection 20,
        attempts_left 24,
        has_retry_at 28,
        retry_at 32,
        verified_at 40,
        evidence_fault 48,
        evidence_kind 52,
        record 56,
        record_sequence 64,
        record_id 72,
        challenge_id 95,
    }
    otp_evidence 136 {
        struct_size 0,
        user_name 8,
        signer_name 24,
        document 40,
        image 56,
        consent 72,
        revision 88,
        ip 104,
        agent 120,
    }
    otp_submission 56 {
        struct_size 0,
        binding 8,
        code 16,
        challenge_id 32,
        evidence 48,
    }
    otp_oath_verdict 112 {
        struct_size 0,
        outcome 8,
        rejection 12,
        public_rejection 16,
        attempts_left 20,
        has_retry_at 24,
        has_matched 28,
        retry_at 32,
        verified_at 40,
        matched 48,
        drift 56,
        device 60,
        evidence_fault 64,
        evidence_kind 68,
        record 72,
        record_sequence 80,
        record_id 88,
    }
    otp_device 48 {
        struct_size 0,
        hotp 8,
        totp 16,
        ocra 24,
        inputs 32,
        reach 40,
    }
    otp_ocra_inputs 120 {
        struct_size 0,
        question 8,
        other_question 24,
        pin 40,
        pin_digest 56,
        session 72,
        counter 88,
        now 96,
        has_counter 104,
        has_now 108,
        look_ahead 112,
        window 116,
    }
    otp_oath_match 32 {
        struct_size 0,
        matched 8,
        counter 16,
        step 24,
    }
    otp_credential 2096 {
        struct_size 0,
        kind 8,
        hash 12,
        digits 16,
        period 20,
        counter 24,
        secret_len 32,
        secret 36,
        issuer 1060,
        account 1317,
        image 1574,
        legacy_secret 2088,
    }
}
