"""Declarations of the C ABI. Generated from include/otp_engine.h by gen_bindings.py."""

# ruff: noqa
# mypy: disable-error-code="misc"
import ctypes
OTP_CODE_DIGITS = 1
OTP_CODE_LETTERS = 2
OTP_CODE_TOKEN = 3
OTP_RESEND_SAME = 1
OTP_RESEND_ROTATE = 2
OTP_REQUIRE_SIGNER_NAME = 1
OTP_REQUIRE_DOCUMENT = 2
OTP_REQUIRE_IMAGE = 4
OTP_REQUIRE_CONSENT = 8
OTP_RECIPIENT_MOBILE = 1
OTP_RECIPIENT_EMAIL = 2
OTP_ABI_VERSION = 1
OTP_CODE_CAPACITY = 27
OTP_CHALLENGE_ID_CAPACITY = 27
OTP_RECIPIENT_CAPACITY = 255
OTP_CREDENTIAL_HOTP = 1
OTP_CREDENTIAL_TOTP = 2
OTP_ENCODING_GSM7 = 1
OTP_ENCODING_UCS2 = 2
OTP_MOBILE_MAX = 15
OTP_STATUS_OK = 0
OTP_STATUS_ARGUMENT = 1
OTP_STATUS_UTF8 = 2
OTP_STATUS_STRUCT_SIZE = 3
OTP_STATUS_BUFFER_TOO_SMALL = 4
OTP_STATUS_POLICY = 5
OTP_STATUS_KEY = 6
OTP_STATUS_STORE_UNAVAILABLE = 10
OTP_STATUS_STORE_FULL = 11
OTP_STATUS_STORE_UNKNOWN = 12
OTP_STATUS_STORE_UNSUPPORTED = 13
OTP_STATUS_TAMPERED = 14
OTP_STATUS_CONTENDED = 15
OTP_STATUS_FOREIGN_STORE = 16
OTP_STATUS_NO_CANARY = 17
OTP_STATUS_CLOCK = 20
OTP_STATUS_RANDOMNESS = 21
OTP_STATUS_FORKED = 22
OTP_STATUS_REENTERED = 23
OTP_STATUS_CLOCK_AHEAD = 24
OTP_STATUS_PANICKED = 31
OTP_OUTCOME_NONE = 0
OTP_OUTCOME_ACCEPTED = 1
OTP_OUTCOME_REJECTED = 2
OTP_OUTCOME_ISSUED = 3
OTP_OUTCOME_REFUSED = 4
OTP_REFUSAL_REASON_NONE = 0
OTP_REFUSAL_REASON_COOLDOWN = 1
OTP_REFUSAL_REASON_SEND_LIMIT = 2
OTP_REFUSAL_REASON_EXHAUSTED = 3
OTP_REFUSAL_REASON_LOCKED = 4
OTP_REFUSAL_REASON_CLAIMED = 5
OTP_REFUSAL_REASON_REPORTED = 6
OTP_REFUSAL_REASON_EXPIRED = 7
OTP_REFUSAL_REASON_ALREADY_USED = 8
OTP_REFUSAL_REASON_SUPERSEDED = 9
OTP_REFUSAL_REASON_CANCELLED = 10
OTP_REFUSAL_REASON_MISMATCH = 11
OTP_REFUSAL_REASON_UNKNOWN = 12
OTP_REJECTION_NONE = 0
OTP_REJECTION_WRONG = 1
OTP_REJECTION_EXPIRED = 2
OTP_REJECTION_EXHAUSTED = 3
OTP_REJECTION_ALREADY_USED = 4
OTP_REJECTION_SUPERSEDED = 5
OTP_REJECTION_CANCELLED = 6
OTP_REJECTION_MISMATCH = 7
OTP_REJECTION_UNKNOWN = 8
OTP_REJECTION_MALFORMED = 9
OTP_REJECTION_LOCKED = 10
OTP_REJECTION_EVIDENCE = 11
OTP_REJECTION_OTHER = 12
OTP_REJECTION_RESYNCHRONISE = 13
OTP_PUBLIC_REJECTION_NONE = 0
OTP_PUBLIC_REJECTION_INVALID = 1
OTP_PUBLIC_REJECTION_MALFORMED = 2
OTP_PUBLIC_REJECTION_EVIDENCE = 3
OTP_EVIDENCE_FAULT_NONE = 0
OTP_EVIDENCE_FAULT_MISSING = 1
OTP_EVIDENCE_FAULT_TOO_LARGE = 2
OTP_EVIDENCE_FAULT_UNFIT = 3
OTP_EVIDENCE_KIND_NONE = 0
OTP_EVIDENCE_KIND_SIGNER_NAME = 1
OTP_EVIDENCE_KIND_DOCUMENT = 2
OTP_EVIDENCE_KIND_IMAGE = 3
OTP_EVIDENCE_KIND_CONSENT = 4
OTP_EVIDENCE_KIND_USER_NAME = 5
OTP_EVIDENCE_KIND_REVISION = 6
OTP_EVIDENCE_KIND_IP = 7
OTP_EVIDENCE_KIND_AGENT = 8
OTP_CHALLENGE_STATE_NONE = 0
OTP_CHALLENGE_STATE_PENDING = 1
OTP_CHALLENGE_STATE_VERIFIED = 2
OTP_CHALLENGE_STATE_EXPIRED = 3
OTP_CHALLENGE_STATE_EXHAUSTED = 4
OTP_CHALLENGE_STATE_CANCELLED = 5
OTP_DELIVERY_UNREPORTED = 0
OTP_DELIVERY_SENT = 1
OTP_DELIVERY_FAILED = 2
OTP_DELIVERY_CLAIMED = 3
OTP_REPORT_OUTCOME_RECORDED = 1
OTP_REPORT_OUTCOME_REFUNDED = 2
OTP_REPORT_OUTCOME_IGNORED = 3
OTP_LOCK_NONE = 0
OTP_LOCK_UNTIL = 1
OTP_LOCK_UNTIL_UNLOCKED = 2
OTP_EVENT_KIND_OTHER = 0
OTP_EVENT_KIND_ISSUED = 1
OTP_EVENT_KIND_SENT_AGAIN = 2
OTP_EVENT_KIND_REFUSED = 3
OTP_EVENT_KIND_ACCEPTED = 4
OTP_EVENT_KIND_REJECTED = 5
OTP_EVENT_KIND_EXHAUSTED = 6
OTP_EVENT_KIND_LOCKED = 7
OTP_EVENT_KIND_NEARLY_LOCKED = 8
OTP_EVENT_KIND_CANCELLED = 9
OTP_EVENT_KIND_DELIVERED = 10
OTP_EVENT_KIND_DELIVERY_FAILED = 11
OTP_EVENT_KIND_UNLOCKED = 12
OTP_EVENT_KIND_SLOT_RESET = 13
OTP_EVENT_KIND_RECIPIENT_RESET = 14
OTP_EVENT_KIND_USER_RESET = 15
OTP_EVENT_KIND_DEVICE_RESET = 16
OTP_EVENT_KIND_CLAIMED = 17
OTP_CALLBACK_RESULT_FAILED = 0
OTP_CALLBACK_RESULT_DONE = 1
OTP_CALLBACK_RESULT_MORE_ROOM = 3
OTP_CALLBACK_RESULT_UNAVAILABLE = 10
OTP_CALLBACK_RESULT_FULL = 11
OTP_CALLBACK_RESULT_UNSUPPORTED = 13
OTP_COMMIT_OUTCOME_UNKNOWN = 0
OTP_COMMIT_OUTCOME_DONE = 1
OTP_COMMIT_OUTCOME_CONFLICT = 2
OTP_STORE_CLASS_EXPIRING = 2
OTP_STORE_CLASS_PERMANENT = 3
OTP_STORE_KEYS_PROVEN = 1
OTP_STORE_KEYS_BEGUN = 2
OTP_STORE_KEYS_NOT_PROVEN = 3
OTP_CELL_KIND_OTHER = 0
OTP_CELL_KIND_SLOT = 1
OTP_CELL_KIND_METER = 2
OTP_CELL_KIND_CHAIN_HEAD = 3
OTP_CELL_KIND_RECORD = 4
OTP_CELL_KIND_CREDENTIAL = 5
OTP_CELL_KIND_CANARY = 6
OTP_HASH_SHA1 = 1
OTP_HASH_SHA256 = 2
OTP_HASH_SHA512 = 3


class otp_view(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("len", ctypes.c_size_t),
    ]



class otp_code_key(ctypes.Structure):
    _fields_ = [
        ("kid", otp_view),
        ("secret", otp_view),
        ("is_retired", ctypes.c_int32),
        ("retired_at", ctypes.c_int64),
    ]



class otp_key_ring_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("codes", ctypes.c_void_p),
        ("code_count", ctypes.c_size_t),
        ("code_size", ctypes.c_size_t),
        ("current", otp_view),
        ("index", otp_view),
        ("epoch", ctypes.c_uint32),
    ]



class otp_policy(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("code", ctypes.c_int32),
        ("symbols", ctypes.c_uint32),
        ("validity", ctypes.c_int64),
        ("lockout", ctypes.c_int64),
        ("cooldown", ctypes.c_int64),
        ("max_attempts", ctypes.c_uint32),
        ("max_sends", ctypes.c_uint32),
        ("resend", ctypes.c_int32),
        ("content_required", ctypes.c_int32),
        ("evidence", ctypes.c_uint32),
    ]



class otp_rate_limits(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("unlimited", ctypes.c_int32),
        ("user_failures_per_day", ctypes.c_uint32),
        ("consecutive_failures", ctypes.c_uint32),
        ("recipient_failures_per_day", ctypes.c_uint32),
        ("user_sends_per_hour", ctypes.c_uint32),
        ("recipient_sends_per_ten_minutes", ctypes.c_uint32),
        ("recipient_sends_per_day", ctypes.c_uint32),
        ("device_failures_per_day", ctypes.c_uint32),
        ("device_hard_stop", ctypes.c_int32),
        ("lock_ends_after", ctypes.c_int64),
    ]

otp_clock_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
otp_drop_fn = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class otp_clock(ctypes.Structure):
    _fields_ = [
        ("now", otp_clock_fn),
        ("user_data", ctypes.c_void_p),
        ("drop_user_data", otp_drop_fn),
    ]



class otp_target(ctypes.Structure):
    _fields_ = [
        ("model", otp_view),
        ("field", otp_view),
        ("id", otp_view),
    ]



class otp_event(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("kind", ctypes.c_int32),
        ("refusal_reason", ctypes.c_int32),
        ("rejection", ctypes.c_int32),
        ("count", ctypes.c_uint32),
        ("mixed_scripts", ctypes.c_int32),
        ("refunded", ctypes.c_int32),
        ("at", ctypes.c_int64),
        ("tenant", otp_view),
        ("user", otp_view),
        ("purpose", otp_view),
        ("target", otp_target),
        ("recipient", otp_view),
        ("challenge_id", ctypes.c_char * 27),
        ("reset_reason", otp_view),
    ]

otp_observer_fn = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


class otp_observer(ctypes.Structure):
    _fields_ = [
        ("observe", otp_observer_fn),
        ("user_data", ctypes.c_void_p),
        ("drop_user_data", otp_drop_fn),
    ]



class otp_engine_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("policy", ctypes.c_void_p),
        ("rate_limits", ctypes.c_void_p),
        ("signing_key", ctypes.c_void_p),
        ("clock", otp_clock),
        ("observer", otp_observer),
        ("fibers", ctypes.c_int32),
    ]



class otp_odds(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("per_code", ctypes.c_double),
        ("per_day", ctypes.c_double),
        ("per_year", ctypes.c_double),
    ]



class otp_binding_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("tenant", otp_view),
        ("purpose", otp_view),
        ("target", otp_target),
        ("user", otp_view),
        ("recipient", otp_view),
        ("recipient_kind", ctypes.c_int32),
        ("content_guessable", ctypes.c_int32),
        ("content", otp_view),
    ]



class otp_issued(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("status", ctypes.c_int32),
        ("outcome", ctypes.c_int32),
        ("refusal_reason", ctypes.c_int32),
        ("send", ctypes.c_uint32),
        ("issued_at", ctypes.c_int64),
        ("expires_at", ctypes.c_int64),
        ("retry_at", ctypes.c_int64),
        ("has_retry_at", ctypes.c_int32),
        ("challenge_id", ctypes.c_char * 27),
        ("code", ctypes.c_char * 27),
        ("recipient", ctypes.c_char * 255),
        ("valid_for", ctypes.c_int64),
        ("minutes", ctypes.c_uint32),
    ]



class otp_delivery_report(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("challenge_id", ctypes.c_char * 27),
        ("gateway_status", ctypes.c_char * 8),
        ("send", ctypes.c_uint32),
        ("delivered", ctypes.c_int32),
    ]



class otp_challenge(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("state", ctypes.c_int32),
        ("delivery", ctypes.c_int32),
        ("attempts_left", ctypes.c_uint32),
        ("sends", ctypes.c_uint32),
        ("issued_at", ctypes.c_int64),
        ("expires_at", ctypes.c_int64),
        ("next_send_at", ctypes.c_int64),
        ("lock", ctypes.c_int32),
        ("locked_until", ctypes.c_int64),
        ("challenge_id", ctypes.c_char * 27),
        ("gateway_status", ctypes.c_char * 8),
    ]



class otp_verdict(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("status", ctypes.c_int32),
        ("outcome", ctypes.c_int32),
        ("rejection", ctypes.c_int32),
        ("public_rejection", ctypes.c_int32),
        ("attempts_left", ctypes.c_uint32),
        ("has_retry_at", ctypes.c_int32),
        ("retry_at", ctypes.c_int64),
        ("verified_at", ctypes.c_int64),
        ("evidence_fault", ctypes.c_int32),
        ("evidence_kind", ctypes.c_int32),
        ("record", ctypes.c_void_p),
        ("record_sequence", ctypes.c_uint64),
        ("record_id", ctypes.c_char * 23),
        ("challenge_id", ctypes.c_char * 27),
    ]



class otp_evidence(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("user_name", otp_view),
        ("signer_name", otp_view),
        ("document", otp_view),
        ("image", otp_view),
        ("consent", otp_view),
        ("revision", otp_view),
        ("ip", otp_view),
        ("agent", otp_view),
    ]



class otp_submission(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("binding", ctypes.c_void_p),
        ("code", otp_view),
        ("challenge_id", otp_view),
        ("evidence", ctypes.c_void_p),
    ]



class otp_chain_head(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("count", ctypes.c_uint64),
        ("digest", ctypes.c_char * 32),
        ("has_digest", ctypes.c_int32),
    ]



class otp_erase_request(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("tenant", otp_view),
        ("target", otp_target),
        ("sequence", ctypes.c_uint64),
        ("details", otp_view),
    ]



class otp_expected(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("tenant", otp_view),
        ("target", otp_target),
        ("chain_head", ctypes.c_void_p),
    ]



class otp_buffer(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("capacity", ctypes.c_size_t),
        ("len", ctypes.c_size_t),
    ]

otp_store_load_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
otp_store_commit_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_void_p)
otp_store_purge_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64, ctypes.c_void_p)
otp_store_has_cells_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


class otp_host_store(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("load", otp_store_load_fn),
        ("commit", otp_store_commit_fn),
        ("purge", otp_store_purge_fn),
        ("store_class", ctypes.c_int32),
        ("fibers", ctypes.c_int32),
        ("user_data", ctypes.c_void_p),
        ("drop_user_data", otp_drop_fn),
        ("has_cells", otp_store_has_cells_fn),
    ]



class otp_oath_verdict(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("outcome", ctypes.c_int32),
        ("rejection", ctypes.c_int32),
        ("public_rejection", ctypes.c_int32),
        ("attempts_left", ctypes.c_uint32),
        ("has_retry_at", ctypes.c_int32),
        ("has_matched", ctypes.c_int32),
        ("retry_at", ctypes.c_int64),
        ("verified_at", ctypes.c_int64),
        ("matched", ctypes.c_uint64),
        ("drift", ctypes.c_int32),
        ("device", ctypes.c_uint32),
        ("evidence_fault", ctypes.c_int32),
        ("evidence_kind", ctypes.c_int32),
        ("record", ctypes.c_void_p),
        ("record_sequence", ctypes.c_uint64),
        ("record_id", ctypes.c_char * 23),
    ]



class otp_ocra_inputs(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("question", otp_view),
        ("other_question", otp_view),
        ("pin", otp_view),
        ("pin_digest", otp_view),
        ("session", otp_view),
        ("counter", ctypes.c_uint64),
        ("now", ctypes.c_int64),
        ("has_counter", ctypes.c_int32),
        ("has_now", ctypes.c_int32),
        ("look_ahead", ctypes.c_uint32),
        ("window", ctypes.c_uint32),
    ]



class otp_device(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("hotp", ctypes.c_void_p),
        ("totp", ctypes.c_void_p),
        ("ocra", ctypes.c_void_p),
        ("inputs", ctypes.c_void_p),
        ("reach", ctypes.c_uint32),
    ]



class otp_oath_match(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("matched", ctypes.c_int32),
        ("counter", ctypes.c_uint64),
        ("step", ctypes.c_uint64),
    ]



class otp_credential(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("kind", ctypes.c_int32),
        ("hash", ctypes.c_int32),
        ("digits", ctypes.c_uint32),
        ("period", ctypes.c_uint32),
        ("counter", ctypes.c_uint64),
        ("secret_len", ctypes.c_uint32),
        ("secret", ctypes.c_char * 1024),
        ("issuer", ctypes.c_char * 257),
        ("account", ctypes.c_char * 257),
        ("image", ctypes.c_char * 513),
        ("legacy_secret", ctypes.c_int32),
    ]



class otp_message_options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("template_text", otp_view),
        ("prefix", otp_view),
        ("domain", otp_view),
        ("app_hash", otp_view),
        ("subject", otp_view),
        ("code", otp_view),
        ("minutes", ctypes.c_uint32),
    ]



class otp_message(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("text", ctypes.c_void_p),
        ("encoding", ctypes.c_int32),
        ("units", ctypes.c_uint32),
        ("segments", ctypes.c_uint32),
    ]


FUNCTIONS = [
    ("otp_status_text", ctypes.c_char_p, [ctypes.c_int32]),
    ("otp_error_detail", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_item_detail", ctypes.c_int32, [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_bytes_data", ctypes.c_void_p, [ctypes.c_void_p]),
    ("otp_bytes_len", ctypes.c_size_t, [ctypes.c_void_p]),
    ("otp_bytes_free", None, [ctypes.c_void_p]),
    ("otp_wipe", None, [ctypes.c_void_p, ctypes.c_size_t]),
    ("otp_key_ring_new", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_key_ring_free", None, [ctypes.c_void_p]),
    ("otp_signing_key_from_seed", ctypes.c_int32, [otp_view, ctypes.c_void_p]),
    ("otp_signing_key_from_pem", ctypes.c_int32, [otp_view, ctypes.c_void_p]),
    ("otp_signing_key_free", None, [ctypes.c_void_p]),
    ("otp_signing_key_public_jwks", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_signing_key_public_pem", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_policy_default", ctypes.c_int32, [ctypes.c_void_p]),
    ("otp_rate_limits_default", ctypes.c_int32, [ctypes.c_void_p]),
    ("otp_policy_check", ctypes.c_int32, [ctypes.c_void_p]),
    ("otp_abi_version", ctypes.c_uint32, []),
    ("otp_version", ctypes.c_char_p, []),
    ("otp_engine_new", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_with_policy", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_free", None, [ctypes.c_void_p]),
    ("otp_engine_odds", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_findings", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_recipient_findings", ctypes.c_int32, [ctypes.c_int32, ctypes.c_void_p]),
    ("otp_binding_check", ctypes.c_int32, [ctypes.c_void_p]),
    ("otp_binding_new", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_binding_free", None, [ctypes.c_void_p]),
    ("otp_code_capacity", ctypes.c_size_t, []),
    ("otp_challenge_id_capacity", ctypes.c_size_t, []),
    ("otp_recipient_capacity", ctypes.c_size_t, []),
    ("otp_engine_issue", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_issue_many", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]),
    ("otp_engine_claim_send", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, otp_view, ctypes.c_uint32, ctypes.c_void_p]),
    ("otp_engine_report_delivery", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_cancel", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_status", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_unlock", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, otp_view, otp_view, ctypes.c_void_p]),
    ("otp_engine_reset_slot", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, otp_view, ctypes.c_void_p]),
    ("otp_engine_reset_recipient", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, otp_view, ctypes.c_void_p]),
    ("otp_engine_reset_user", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, otp_view, otp_view, otp_view, ctypes.c_void_p]),
    ("otp_engine_purge", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p]),
    ("otp_engine_purge_confirmed", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p]),
    ("otp_engine_verify", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_engine_verify_submission", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_verify_many", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]),
    ("otp_engine_signatures", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, otp_view, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_engine_chain_head", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, otp_view, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_erase", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_verify_record", ctypes.c_int32, [otp_view, otp_view, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_verify_chain", ctypes.c_int32, [otp_view, otp_view, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_store_memory_new", ctypes.c_int32, [ctypes.c_size_t, ctypes.c_int32, ctypes.c_void_p]),
    ("otp_store_sqlite_open", ctypes.c_int32, [otp_view, ctypes.c_void_p]),
    ("otp_store_host_new", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_store_free", None, [ctypes.c_void_p]),
    ("otp_store_check", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_check_store", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_adopt_store", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_begin_store", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_verify_hotp", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_resynchronise_hotp", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, otp_view, otp_view, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_verify_totp", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_resynchronise_totp", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, otp_view, otp_view, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_ocra_question", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_engine_verify_ocra", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_verify_devices", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_engine_reset_device", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, otp_view, otp_view, ctypes.c_void_p, otp_view, ctypes.c_void_p]),
    ("otp_engine_device_odds", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_engine_device_findings", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_base32_decode", ctypes.c_int32, [otp_view, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_base32_decode_legacy", ctypes.c_int32, [otp_view, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_base32_encode", ctypes.c_int32, [otp_view, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_hotp_new", ctypes.c_int32, [otp_view, ctypes.c_int32, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p]),
    ("otp_hotp_new_legacy", ctypes.c_int32, [otp_view, ctypes.c_int32, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p]),
    ("otp_hotp_free", None, [ctypes.c_void_p]),
    ("otp_hotp_generate", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t]),
    ("otp_hotp_verify", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p]),
    ("otp_hotp_resynchronise", ctypes.c_int32, [ctypes.c_void_p, otp_view, otp_view, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p]),
    ("otp_totp_new", ctypes.c_int32, [otp_view, ctypes.c_int32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p]),
    ("otp_totp_new_legacy", ctypes.c_int32, [otp_view, ctypes.c_int32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p]),
    ("otp_totp_free", None, [ctypes.c_void_p]),
    ("otp_totp_generate", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_size_t]),
    ("otp_totp_verify", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_uint32, ctypes.c_void_p]),
    ("otp_totp_resynchronise", ctypes.c_int32, [ctypes.c_void_p, otp_view, otp_view, ctypes.c_int64, ctypes.c_uint32, ctypes.c_void_p]),
    ("otp_ocra_new", ctypes.c_int32, [otp_view, otp_view, ctypes.c_void_p]),
    ("otp_ocra_free", None, [ctypes.c_void_p]),
    ("otp_ocra_generate", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]),
    ("otp_ocra_verify", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_uri_parse", ctypes.c_int32, [otp_view, ctypes.c_void_p]),
    ("otp_uri_parse_legacy", ctypes.c_int32, [otp_view, ctypes.c_void_p]),
    ("otp_uri_build", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
    ("otp_message_check", ctypes.c_int32, [ctypes.c_void_p]),
    ("otp_message_compose", ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p]),
    ("otp_mobile_parse", ctypes.c_int32, [otp_view, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
]


def declare(library: ctypes.CDLL) -> None:
    """Give every function its types: without them a pointer loses its upper half."""
    for name, restype, argtypes in FUNCTIONS:
        function = getattr(library, name)
        function.restype = restype
        function.argtypes = argtypes
