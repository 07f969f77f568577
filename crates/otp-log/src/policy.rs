//! Whom an auditor trusts (C2SP tlog-policy): keys of logs, keys of witnesses, and how many must agree.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use otp_base::Timestamp;

use crate::checkpoint::Checkpoint;
use crate::error::{ParseError, VerifyError};
use crate::key::{KeyKind, VerifierKey};
use crate::note::{Note, SignedBy};
use crate::tree::TreeHead;

/// The most logs, the most witnesses and the most groups of a policy: 32 of each.
const MAX_EACH: usize = 32;

/// The longest text of a policy, in bytes: 256 KiB, which holds 64 keys of ML-DSA-44.
const MAX_LEN: usize = 262_144;

/// Which logs and witnesses are trusted, and which of the witnesses must have cosigned.
///
/// Take k of n witnesses: if f of them may lie, k above (n + f) / 2 keeps two auditors from being shown two trees.
///
/// ```
/// use otp_log::{CosignerKey, LogKey, Policy, Timestamp, TreeHead, VerifyError};
///
/// let log = LogKey::from_seed("log.example/otp/acme", &[1; 32])?;
/// let witnesses = [2, 3, 4].map(|seed| CosignerKey::from_seed("witness.example", &[seed; 32]));
/// let [w1, w2, w3] = witnesses.map(|key| key.map(|key| key.verifier_key().to_string()));
/// let policy: Policy = format!(
///     "log {}\n\
///      witness w1 {}\nwitness w2 {}\nwitness w3 {}\n\
///      group two-of-three 2 w1 w2 w3\n\
///      quorum two-of-three\n",
///     log.verifier_key(), w1?, w2?, w3?,
/// ).parse()?;
///
/// let mut note = log.sign(TreeHead::EMPTY);
/// assert_eq!(policy.verify(&note), Err(VerifyError::Quorum));
/// for (seed, seconds) in [(2, 1_790_000_000), (4, 1_790_000_007)] {
///     let witness = CosignerKey::from_seed("witness.example", &[seed; 32])?;
///     note.push(witness.cosign(&note.checkpoint()?, Timestamp::from_unix(seconds))?)?;
/// }
/// let verified = policy.verify(&note)?;
/// assert_eq!(verified.quorum_time(), Some(Timestamp::from_unix(1_790_000_000)));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// A log that a policy trusts.
#[derive(Clone, Debug)]
struct Log {
    key: VerifierKey,
    url: Option<String>,
}

/// A witness of a policy: its name there, its key, and its address if the policy says it.
#[derive(Clone, Debug)]
pub struct Witness {
    name: String,
    key: VerifierKey,
    url: Option<String>,
}

impl Witness {
    /// Returns the name that the policy gives it, which has no meaning elsewhere.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its key.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Returns the address to which `/add-checkpoint` is appended.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

#[derive(Clone, Debug)]
struct Group {
    name: String,
    least: usize,
    members: Vec<Member>,
}

/// A witness or a group, by its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// A checkpoint that a trusted log signed and the quorum of a policy cosigned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    cosigned: Vec<(String, Timestamp)>,
    quorum_time: Option<Timestamp>,
}

impl VerifiedCheckpoint {
    /// Returns the checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns size and root of the tree.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        self.checkpoint.head()
    }

    /// Iterates over the witnesses that cosigned, by their names in the policy, and when by their clocks.
    pub fn cosigned(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.cosigned.iter().map(|(name, time)| (&**name, *time))
    }

    /// Returns since when the quorum holds: of a witness its time, of a group of which k must cosign the k-th latest
    /// time of its members. `None` where the policy asks for no witness.
    ///
    /// No record of a later second than this, and what clocks differ by, can be in the tree; what was signed earlier
    /// than the longest delay before it must be.
    #[must_use]
    pub const fn quorum_time(&self) -> Option<Timestamp> {
        self.quorum_time
    }
}

impl Policy {
    /// Iterates over the keys of the logs.
    pub fn logs(&self) -> impl Iterator<Item = &VerifierKey> {
        self.logs.iter().map(|log| &log.key)
    }

    /// Returns the address of the log with this key, if the policy says it.
    #[must_use]
    pub fn log_url(&self, key: &VerifierKey) -> Option<&str> {
        let log = self.logs.iter().find(|log| log.key == *key)?;
        log.url.as_deref()
    }

    /// Returns the witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Verifies that a log of this policy signed the note as its checkpoint, under its own name, and that the quorum
    /// cosigned it.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Parse`] if the text is no checkpoint, [`VerifyError::Unsigned`] if no log of the policy with
    /// this origin signed it, [`VerifyError::Signature`] or [`VerifyError::Time`] if a line of any key of the policy
    /// is not what it says it is, [`VerifyError::Quorum`] if too few witnesses cosigned.
    pub fn verify(&self, note: &Note) -> Result<VerifiedCheckpoint, VerifyError> {
        let checkpoint = note.checkpoint()?;
        let is_its = |key: &&VerifierKey| key.name() == checkpoint.origin();
        let logs: Vec<_> = self.logs().filter(is_its).collect();
        let witnesses = self.witnesses.iter().map(|witness| &witness.key);
        let signed = note.verify(logs.iter().copied().chain(witnesses))?;
        if !signed.iter().any(|by| logs.contains(&by.key())) {
            return Err(VerifyError::Unsigned);
        }
        let time_of = |witness: &Witness| {
            let is_its = |by: &&SignedBy<'_>| *by.key() == witness.key;
            signed.iter().find(is_its).and_then(SignedBy::time)
        };
        let times: Vec<_> = self.witnesses.iter().map(time_of).collect();
        let quorum_time = match self.quorum {
            None => None,
            Some(member) => Some(self.time(member, &times).ok_or(VerifyError::Quorum)?),
        };
        let named = self.witnesses.iter().zip(&times);
        Ok(VerifiedCheckpoint {
            checkpoint,
            cosigned: named
                .filter_map(|(witness, time)| Some((witness.name.clone(), (*time)?)))
                .collect(),
            quorum_time,
        })
    }

    /// Returns since when a member has cosigned, given the times of the witnesses; groups name earlier ones alone.
    fn time(&self, member: Member, times: &[Option<Timestamp>]) -> Option<Timestamp> {
        let mut of_groups = Vec::new();
        for group in &self.groups {
            let time_of = |member: &Member| match member {
                Member::Witness(place) => times.get(*place).copied().flatten(),
                Member::Group(place) => of_groups.get(*place).copied().flatten(),
            };
            let mut known: Vec<Timestamp> = group.members.iter().filter_map(time_of).collect();
            known.sort_unstable();
            let kth_latest = known.len().checked_sub(group.least);
            of_groups.push(kth_latest.and_then(|place| known.get(place).copied()));
        }
        match member {
            Member::Witness(place) => times.get(place).copied().flatten(),
            Member::Group(place) => of_groups.get(place).copied().flatten(),
        }
    }

    fn find(&self, name: &str) -> Option<Member> {
        let witness = self.witnesses.iter().position(|one| one.name == name);
        let group = || self.groups.iter().position(|one| one.name == name);
        let witness = witness.map(Member::Witness);
        witness.or_else(|| group().map(Member::Group))
    }

    /// Reads the key of a log or a witness, which no earlier line has.
    fn key(&self, vkey: &str, kinds: &[KeyKind]) -> Result<VerifierKey, ParseError> {
        let key: VerifierKey = vkey.parse()?;
        if !kinds.contains(&key.kind()) {
            return Err(ParseError::new(
                "kind of key",
                "of a log type 1 or 6, of a witness type 4 or 6",
            ));
        }
        let mut known = self.logs().chain(self.witnesses.iter().map(Witness::key));
        match known.any(|one| one.public_key() == key.public_key()) {
            true => Err(ParseError::new("key", "one that no earlier line has")),
            false => Ok(key),
        }
    }

    fn add_log(&mut self, words: &[&str]) -> Result<(), ParseError> {
        let (vkey, url) = match words {
            [vkey] => (vkey, None),
            [vkey, url] => (vkey, Some((*url).to_owned())),
            _ => return Err(ParseError::new("log line", "log VKEY [URL]")),
        };
        let key = self.key(vkey, &[KeyKind::Ed25519, KeyKind::MlDsaCosignature])?;
        bounded(&self.logs, "logs")?;
        self.logs.push(Log { key, url });
        Ok(())
    }

    fn add_witness(&mut self, words: &[&str]) -> Result<(), ParseError> {
        let (name, vkey, url) = match words {
            [name, vkey] => (name, vkey, None),
            [name, vkey, url] => (name, vkey, Some((*url).to_owned())),
            _ => return Err(ParseError::new("witness line", "witness NAME VKEY [URL]")),
        };
        let key = self.key(vkey, &[KeyKind::Cosignature, KeyKind::MlDsaCosignature])?;
        let name = self.new_name(name)?;
        bounded(&self.witnesses, "witnesses")?;
        self.witnesses.push(Witness { name, key, url });
        Ok(())
    }

    fn add_group(&mut self, words: &[&str]) -> Result<(), ParseError> {
        let [name, least, names @ ..] = words else {
            return Err(ParseError::new(
                "group line",
                "group NAME all|any|K MEMBER...",
            ));
        };
        let name = self.new_name(name)?;
        let mut members = Vec::new();
        for name in names {
            let member = self.find(name).ok_or(ParseError::new(
                "member of a group",
                "a witness or group of an earlier line",
            ))?;
            if members.contains(&member) {
                return Err(ParseError::new("member of a group", "each once"));
            }
            if self.groups.iter().any(|one| one.members.contains(&member)) {
                return Err(ParseError::new("member of a group", "in one group alone"));
            }
            members.push(member);
        }
        let least = match *least {
            "any" => 1,
            "all" => members.len(),
            number => crate::text::decimal(number, "threshold of a group")?
                .try_into()
                .unwrap_or(usize::MAX),
        };
        if !(1..=members.len()).contains(&least) {
            return Err(ParseError::new(
                "threshold of a group",
                "all, any, or 1 to the number of its members",
            ));
        }
        bounded(&self.groups, "groups")?;
        self.groups.push(Group {
            name,
            least,
            members,
        });
        Ok(())
    }

    fn new_name(&self, name: &str) -> Result<String, ParseError> {
        match name == "none" || self.find(name).is_some() {
            true => Err(ParseError::new(
                "name",
                "one that no earlier line has, and not none",
            )),
            false => Ok(name.to_owned()),
        }
    }
}

/// Fails where there is room for no more.
fn bounded<T>(list: &[T], member: &'static str) -> Result<(), ParseError> {
    let room = list.len() < MAX_EACH;
    room.then_some(())
        .ok_or(ParseError::new(member, "at most 32"))
}

impl FromStr for Policy {
    type Err = ParseError;

    /// Reads a policy: lines `log`, `witness`, `group` and one `quorum`; empty lines and those that begin with `#` are
    /// passed over.
    ///
    /// Stricter than tlog-policy: a key may not be both a log's and a witness's, and the text is UTF-8.
    ///
    /// # Errors
    ///
    /// [`ParseError`] with its line: a word that is none of these, a name before its line, a key or a name twice, more
    /// than 32 of a kind, and no quorum or two.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_LEN {
            return Err(ParseError::new("policy", "at most 262,144 bytes"));
        }
        let mut policy = Self {
            logs: Vec::new(),
            witnesses: Vec::new(),
            groups: Vec::new(),
            quorum: None,
        };
        let mut has_quorum = false;
        for (number, line) in text.split('\n').enumerate() {
            let mut add = || {
                if line
                    .bytes()
                    .any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7F)
                {
                    return Err(ParseError::new("policy", "no control characters but tabs"));
                }
                let words: Vec<_> = line
                    .split([' ', '\t'])
                    .filter(|word| !word.is_empty())
                    .collect();
                match &*words {
                    [] => Ok(()),
                    [first, ..] if first.starts_with('#') => Ok(()),
                    ["log", words @ ..] => policy.add_log(words),
                    ["witness", words @ ..] => policy.add_witness(words),
                    ["group", words @ ..] => policy.add_group(words),
                    ["quorum", _] if has_quorum => Err(ParseError::new("quorum line", "one")),
                    ["quorum", name] => {
                        has_quorum = true;
                        policy.quorum = match (*name, policy.find(name)) {
                            ("none", _) => None,
                            (_, Some(member)) => Some(member),
                            (_, None) => {
                                return Err(ParseError::new(
                                    "quorum",
                                    "none, or a witness or group of an earlier line",
                                ));
                            }
                        };
                        Ok(())
                    }
                    _ => Err(ParseError::new(
                        "policy",
                        "lines of log, witness, group and quorum, each with its words",
                    )),
                }
            };
            add().map_err(|error| error.at_line(number + 1))?;
        }
        match has_quorum {
            true => Ok(policy),
            false => Err(ParseError::new("quorum line", "one")),
        }
    }
}
