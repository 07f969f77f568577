//! What may happen next, and how often; instants and codes are named by what they are relative to,
//! so that a shortened sequence still means something.

use proptest::prelude::*;

use crate::terms::Who;

/// One history: how the world is set up, then what happens.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) start: i64,
    pub(crate) metered: bool,
    /// The sibling engine that most steps ask.
    pub(crate) main: usize,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Issue(Ask),
    Verify(Ask, Entry, Named),
    Cancel(Ask),
    Report(Ask, Sent, Told),
    Claim(Ask, Sent),
    Status(Ask),
    Unlock(Who),
    Reset(Who, Lifted),
    /// With or without an administrator's word.
    Purge(bool),
    Clock(Move),
    Keys(usize),
    /// The same entry, several times in a row.
    Burst(Ask, Entry, u8),
    /// Days on which one user's limits are used up, while another is reached under the same number.
    Siege(Ask, u8),
    /// A siege that locks for good, then so many days until a purge that an administrator confirms.
    Outlast(Ask, u8),
    /// Issues as soon as the cooldown allows, or so many seconds apart; to one number, or to all.
    Flood(Ask, u8, Option<i64>, Numbers),
    /// Issues a little before or at the instant that the last refusal named.
    KeepPromise(i64),
}

impl Who {
    /// Moves to where all users mostly have the number 0.
    fn reach_all_under_one_number(&mut self) {
        self.recipient = (self.recipient + NUMBERS - number_of(self.user)) % NUMBERS;
    }
}

impl Step {
    fn who_mut(&mut self) -> Option<&mut Who> {
        match self {
            Self::Issue(ask)
            | Self::Verify(ask, ..)
            | Self::Cancel(ask)
            | Self::Report(ask, ..)
            | Self::Claim(ask, _)
            | Self::Status(ask)
            | Self::Burst(ask, ..)
            | Self::Siege(ask, ..)
            | Self::Outlast(ask, ..)
            | Self::Flood(ask, ..) => Some(&mut ask.who),
            Self::Unlock(who)
            | Self::Reset(who, _)
            | Self::Clock(
                Move::SlotEdge(who, ..) | Move::WindowEdge(who, ..) | Move::FarEdge(who, ..),
            ) => Some(who),
            Self::Purge(_) | Self::Clock(Move::By(_)) | Self::Keys(_) | Self::KeepPromise(_) => {
                None
            }
        }
    }
}

/// Which sibling engine is asked, about what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) who: Who,
    /// 0 is the history's main sibling.
    pub(crate) sibling: usize,
}

/// What is entered.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Right,
    /// The right code with separators, or in another script.
    Dressed(u8),
    /// Another code than the right one, of its length.
    Wrong(u32),
    /// The code of an earlier challenge of the slot.
    Old,
    /// The right code, a digit shorter or longer.
    OtherLength(bool),
    Malformed(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers {
    One,
    All,
}

/// What an administrator resets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifted {
    Slot,
    Recipient,
    User,
}

/// Which challenge id is named beside the code, reported on, or claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named {
    None,
    Current,
    Old,
    NeverIssued,
}

/// Which send is reported on, or claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) named: Named,
    /// Added to the number of the latest send.
    pub(crate) offset: i8,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    Sent,
    Failed,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    By(i64),
    /// To an instant at which the slot may change.
    SlotEdge(Who, prop::sample::Index, i64),
    /// To an instant at which a window, or a count, comes to its end.
    WindowEdge(Who, prop::sample::Index, i64),
    /// To an instant at which something of the future begins to lie too far ahead.
    FarEdge(Who, prop::sample::Index, i64),
}

pub(crate) fn history(length: usize) -> impl Strategy<Value = History> {
    let start = prop::sample::select(vec![
        1_715_767_200,
        0,
        -5_000,
        4_294_967_000,
        253_402_300_000,
    ]);
    let main = prop_oneof![3 => Just(0), 4 => 1..SIBLINGS];
    let steps = prop::collection::vec(step(), 1..=length);
    let (metered, crowded) = (prop::bool::weighted(0.75), prop::bool::weighted(0.3));
    (start, metered, crowded, main, steps).prop_map(|(start, metered, crowded, main, mut steps)| {
        if crowded {
            steps
                .iter_mut()
                .filter_map(Step::who_mut)
                .for_each(Who::reach_all_under_one_number);
        }
        History {
            start,
            metered,
            main,
            steps,
        }
    })
}

/// How many sibling engines there are.
pub(crate) const SIBLINGS: usize = 6;

/// How many numbers there are, one for each user.
pub(crate) const NUMBERS: u8 = 3;

/// How many versions of the key ring there are.
pub(crate) const RINGS: usize = 4;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        260 => ask().prop_map(Step::Issue),
        300 => (ask(), entry(), named()).prop_map(|(ask, entry, named)| Step::Verify(ask, entry, named)),
        220 => moves().prop_map(Step::Clock),
        90 => (ask(), sent(), told()).prop_map(|(ask, sent, told)| Step::Report(ask, sent, told)),
        50 => (ask(), sent()).prop_map(|(ask, sent)| Step::Claim(ask, sent)),
        60 => ask().prop_map(Step::Status),
        40 => ask().prop_map(Step::Cancel),
        40 => (-1_i64..=0).prop_map(Step::KeepPromise),
        14 => (ask(), burst(), 2_u8..24).prop_map(|(ask, entry, n)| Step::Burst(ask, entry, n)),
        14 => prop::bool::weighted(0.3).prop_map(Step::Purge),
        5 => who().prop_map(Step::Unlock),
        8 => (who(), lifted()).prop_map(|(who, lifted)| Step::Reset(who, lifted)),
        4 => (0..RINGS).prop_map(Step::Keys),
        1 => (ask(), 1_u8..=9).prop_map(|(ask, days)| Step::Siege(ask, days)),
        1 => (ask(), 1_u8..=9).prop_map(|(ask, days)| Step::Outlast(ask, days)),
        4 => flood(),
    ]
}

fn flood() -> impl Strategy<Value = Step> {
    let gap = prop::sample::select(vec![None, None, Some(130), Some(400)]);
    let numbers = prop_oneof![2 => Just(Numbers::One), 1 => Just(Numbers::All)];
    (ask(), 3_u8..=24, gap, numbers)
        .prop_map(|(ask, times, gap, numbers)| Step::Flood(ask, times, gap, numbers))
}

fn ask() -> impl Strategy<Value = Ask> {
    let sibling = prop_oneof![8 => Just(0), 2 => 1..SIBLINGS];
    (who(), sibling).prop_map(|(who, sibling)| Ask { who, sibling })
}

/// Mostly one user's own number and the same content; sometimes another's.
fn who() -> impl Strategy<Value = Who> {
    let tenant = prop_oneof![25 => Just(0_u8), 1 => Just(1)];
    let user = prop_oneof![8 => Just(0_u8), 2 => Just(1), 1 => Just(2)];
    let record = prop_oneof![7 => Just(0_u8), 2 => Just(1), 1 => Just(2)];
    let other_number = prop_oneof![18 => Just(0_u8), 1 => 1_u8..=2];
    let content = prop_oneof![18 => Just(0_u8), 1 => 1_u8..=2];
    (tenant, user, record, other_number, content).prop_map(
        |(tenant, user, record, number, content)| Who {
            tenant,
            user,
            record,
            recipient: (number_of(user) + number) % NUMBERS,
            content,
        },
    )
}

/// The number that a user is mostly reached under.
const fn number_of(user: u8) -> u8 {
    user % NUMBERS
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        20 => Just(Entry::Right),
        8 => any::<u8>().prop_map(Entry::Dressed),
        50 => any::<u32>().prop_map(Entry::Wrong),
        5 => Just(Entry::Old),
        4 => any::<bool>().prop_map(Entry::OtherLength),
        8 => any::<u8>().prop_map(Entry::Malformed),
    ]
}

fn burst() -> impl Strategy<Value = Entry> {
    prop_oneof![2 => entry(), 1 => any::<u8>().prop_map(Entry::Malformed)]
}

fn named() -> impl Strategy<Value = Named> {
    prop_oneof![14 => Just(Named::None), 4 => Just(Named::Current), 2 => Just(Named::Old), 1 => Just(Named::NeverIssued)]
}

fn sent() -> impl Strategy<Value = Sent> {
    let named = prop_oneof![14 => Just(Named::Current), 1 => Just(Named::Old), 1 => Just(Named::NeverIssued)];
    let offset = prop_oneof![12 => Just(0_i8), 2 => Just(-1), 1 => Just(1)];
    (named, offset).prop_map(|(named, offset)| Sent { named, offset })
}

fn lifted() -> impl Strategy<Value = Lifted> {
    prop_oneof![3 => Just(Lifted::Slot), 1 => Just(Lifted::Recipient), 1 => Just(Lifted::User)]
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![3 => Just(Told::Failed), 1 => Just(Told::Sent)]
}

/// From a day less a second on to five years.
fn days() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 86_399_i64..=86_401,
        4 => 86_400_i64..1_000_000,
        1 => 1_000_000_i64..160_000_000,
    ]
}

fn moves() -> impl Strategy<Value = Move> {
    let edge = || (who(), any::<prop::sample::Index>(), -1_i64..=1);
    let seconds = prop::sample::select(vec![1_i64, 2, 9, 10, 11, 15, 29, 30, 31, 59, 60, 61]);
    prop_oneof![
        60 => seconds.clone().prop_map(Move::By),
        14 => seconds.prop_map(|seconds| Move::By(-seconds)),
        20 => (60_i64..1_200).prop_map(Move::By),
        3 => (1_200_i64..10_800).prop_map(Move::By),
        2 => (10_800_i64..300_000).prop_map(Move::By),
        4 => (60_i64..400_000).prop_map(|seconds| Move::By(-seconds)),
        3 => (days(), prop::bool::ANY).prop_map(|(days, back)| Move::By(if back { -days } else { days })),
        3 => edge().prop_map(|(who, index, delta)| Move::FarEdge(who, index, delta)),
        40 => edge().prop_map(|(who, index, delta)| Move::SlotEdge(who, index, delta)),
        8 => edge().prop_map(|(who, index, delta)| Move::WindowEdge(who, index, delta)),
    ]
}
