//! Callbacks other than stores: the clock and the observer.

use core::ffi::c_void;

use otp_core::{Clock, Event, Observer, Timestamp, event::EventKind};

use crate::challenge::{reason_number, rejection_numbers};
use crate::guard::InCallback;
use crate::target::otp_target;
use crate::view::{Sized_, otp_view, show};

/// Drops `user_data`; called exactly once, when the last handle that uses it is freed. It must not
/// call the library.
pub type otp_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Writes the time, in unix seconds, and returns 1; any other return is "no time".
pub type otp_clock_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, unix_seconds_out: *mut i64) -> i32>;

/// Takes note of an event, which is valid during the call alone.
pub type otp_observer_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, event: *const otp_event)>;

/// A clock of the host. All zeros is the system's.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_clock {
    /// Called once per operation, from any thread.
    pub now: otp_clock_fn,
    /// Handed to each call.
    pub user_data: *mut c_void,
    /// Called once at the end; may be NULL.
    pub drop_user_data: otp_drop_fn,
}

/// An observer of the host. All zeros is none.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_observer {
    /// Called after each commit, from any thread, before the answer leaves.
    pub observe: otp_observer_fn,
    /// Handed to each call.
    pub user_data: *mut c_void,
    /// Called once at the end; may be NULL.
    pub drop_user_data: otp_drop_fn,
}

/// An event for the audit log. No code and no whole number is in it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_event {
    /// `sizeof(otp_event)`.
    pub struct_size: usize,
    /// One of `otp_event_kind`.
    pub kind: i32,
    /// One of `otp_refusal_reason`: of a refusal; else 0.
    pub refusal_reason: i32,
    /// One of `otp_rejection`: of a rejection; else 0.
    pub rejection: i32,
    /// Attempts left after a wrong guess, the send's number, or the count of failures in a row.
    pub count: u32,
    /// 1 if the digits that were entered came from more than one script.
    pub mixed_scripts: i32,
    /// 1 if a failed delivery was refunded.
    pub refunded: i32,
    /// Unix seconds.
    pub at: i64,
    /// Whose data.
    pub tenant: otp_view,
    /// Whom it concerns; empty for the reset of a recipient.
    pub user: otp_view,
    /// What the code is for; empty for an unlock and the reset of a user or recipient, like the
    /// target and the recipient.
    pub purpose: otp_view,
    /// What is approved.
    pub target: otp_target,
    /// Where the code went, masked.
    pub recipient: otp_view,
    /// The challenge as 26 characters and a NUL; empty if there is none.
    pub challenge_id: [u8; 27],
    /// The administrator's reason for a reset; else empty.
    pub reset_reason: otp_view,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_event {}

/// The kinds of event.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_event_kind {
    /// A kind that this version of the header does not know.
    Other = 0,
    /// A new code was made.
    Issued = 1,
    /// The same code was handed out once more; `count` is the send.
    SentAgain = 2,
    /// No code was issued; `refusal_reason` says why.
    Refused = 3,
    /// The code was right.
    Accepted = 4,
    /// The code was not accepted; `rejection` says why.
    Rejected = 5,
    /// The slot is closed for a while.
    Exhausted = 6,
    /// The user is locked.
    Locked = 7,
    /// The user comes near the lock; `count` is how many failures in a row there are.
    NearlyLocked = 8,
    /// A live challenge was called off.
    Cancelled = 9,
    /// The gateway took the message.
    Delivered = 10,
    /// The gateway refused the message.
    DeliveryFailed = 11,
    /// A user's locks were lifted.
    Unlocked = 12,
    /// An administrator lifted what held a slot up; `reset_reason` says why.
    SlotReset = 13,
    /// An administrator lifted what held a recipient up; `reset_reason` says why.
    RecipientReset = 14,
    /// An administrator lifted what held a user up; `reset_reason` says why.
    UserReset = 15,
    /// An administrator reset a device; `reset_reason` says why.
    DeviceReset = 16,
    /// The code of a send was claimed; `count` is the send.
    Claimed = 17,
}

/// A callback table's `user_data`, dropped once.
pub(crate) struct UserData {
    data: *mut c_void,
    drop: otp_drop_fn,
}

// SAFETY: the header demands that callbacks take calls from any thread, on their own `user_data`.
unsafe impl Send for UserData {}
// SAFETY: as above, and from several threads at once.
unsafe impl Sync for UserData {}

impl UserData {
    pub(crate) const fn new(data: *mut c_void, drop: otp_drop_fn) -> Self {
        Self { data, drop }
    }

    pub(crate) const fn get(&self) -> *mut c_void {
        self.data
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            let _in_callback = InCallback::enter(false);
            // SAFETY: the host's own function on its own data, once.
            unsafe { drop(self.data) };
        }
    }
}

pub(crate) struct HostClock {
    pub(crate) now: unsafe extern "C" fn(*mut c_void, *mut i64) -> i32,
    pub(crate) fibers: bool,
    pub(crate) user_data: UserData,
}

impl Clock for HostClock {
    fn now(&self) -> Option<Timestamp> {
        let mut seconds = i64::MIN;
        let _in_callback = InCallback::enter(self.fibers);
        // SAFETY: the host's own function on its own data; the out pointer is valid.
        let answer = unsafe { (self.now)(self.user_data.get(), &raw mut seconds) };
        (answer == 1).then_some(Timestamp::from_unix(seconds))
    }
}

pub(crate) struct HostObserver {
    pub(crate) observe: unsafe extern "C" fn(*mut c_void, *const otp_event),
    pub(crate) fibers: bool,
    pub(crate) user_data: UserData,
}

impl Observer for HostObserver {
    fn observe(&self, event: &Event<'_>) {
        let view = otp_view::of;
        let field = event.binding.map(otp_core::Binding::target);
        let recipient = event.recipient.map(ToString::to_string).unwrap_or_default();
        let event = otp_event {
            at: event.at.unix(),
            tenant: view(event.tenant),
            user: view(event.user),
            purpose: view(event.binding.map_or("", otp_core::Binding::purpose)),
            target: otp_target {
                model: view(field.map_or("", |field| field.model)),
                field: view(field.map_or("", |field| field.field)),
                id: view(field.map_or("", |field| field.id)),
            },
            recipient: view(&recipient),
            challenge_id: event.id.map_or([0; 27], show),
            reset_reason: view(event.reason.unwrap_or("")),
            ..otp_event::of(event.kind)
        };
        let _in_callback = InCallback::enter(self.fibers);
        // SAFETY: the host's own function on its own data; the event outlives the call.
        unsafe { (self.observe)(self.user_data.get(), &raw const event) };
    }
}

impl otp_event {
    /// What the kind of an event says.
    fn of(kind: EventKind) -> Self {
        let plain = |kind: otp_event_kind| Self {
            struct_size: size_of::<Self>(),
            kind: kind as i32,
            ..Self::zeroed()
        };
        match kind {
            EventKind::Issued => plain(otp_event_kind::Issued),
            EventKind::SentAgain { send } => Self {
                count: send.into(),
                ..plain(otp_event_kind::SentAgain)
            },
            EventKind::Claimed { send } => Self {
                count: send.into(),
                ..plain(otp_event_kind::Claimed)
            },
            EventKind::Refused { reason } => Self {
                refusal_reason: reason_number(reason),
                ..plain(otp_event_kind::Refused)
            },
            EventKind::Accepted { mixed_scripts } => Self {
                mixed_scripts: mixed_scripts.into(),
                ..plain(otp_event_kind::Accepted)
            },
            EventKind::Rejected {
                rejection,
                mixed_scripts,
            } => {
                let verdict = rejection_numbers(rejection);
                Self {
                    rejection: verdict.rejection,
                    count: verdict.attempts_left,
                    mixed_scripts: mixed_scripts.into(),
                    ..plain(otp_event_kind::Rejected)
                }
            }
            EventKind::Exhausted => plain(otp_event_kind::Exhausted),
            EventKind::Locked { .. } => plain(otp_event_kind::Locked),
            EventKind::NearlyLocked { consecutive } => Self {
                count: consecutive.into(),
                ..plain(otp_event_kind::NearlyLocked)
            },
            EventKind::Cancelled => plain(otp_event_kind::Cancelled),
            EventKind::Delivered => plain(otp_event_kind::Delivered),
            EventKind::DeliveryFailed { refunded } => Self {
                refunded: refunded.into(),
                ..plain(otp_event_kind::DeliveryFailed)
            },
            EventKind::Unlocked => plain(otp_event_kind::Unlocked),
            EventKind::SlotReset => plain(otp_event_kind::SlotReset),
            EventKind::RecipientReset => plain(otp_event_kind::RecipientReset),
            EventKind::UserReset => plain(otp_event_kind::UserReset),
            EventKind::DeviceReset => plain(otp_event_kind::DeviceReset),
            _ => plain(otp_event_kind::Other),
        }
    }
}
