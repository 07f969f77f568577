//! The names of cells: under which keys a store finds what belongs to a binding, a user or a device.

use arrayvec::ArrayVec;
use zeroize::{Zeroize, Zeroizing};

use super::partitions::Partition;
use super::{BindingDigest, CellKind, CredentialName, KeyRing, Question};
use crate::binding::{LENGTH, MAX_MEMBER_LEN, feed_recipient, feed_text};
use crate::mac::{Hash as _, Message, Prepared, Sha256};
use crate::store::Key;
use crate::{Binding, Recipient, Target};

impl KeyRing {
    /// Names the cells of a binding, and digests it.
    pub(crate) fn names(&self, binding: &Binding, cells: Cells) -> Names {
        let (index, tenant) = (&self.index, binding.fed_tenant());
        let (user, recipient, chain_head);
        let mut messages = ArrayVec::<_, MACS>::new();
        messages.push((&self.binding, binding.canonical()));
        messages.push((index, binding.slot()));
        if cells.meters {
            user = Joined::of(CellKind::User, tenant, binding.fed_user());
            recipient = Joined::of(CellKind::Recipient, tenant, binding.fed_recipient());
            messages.extend([(index, user.bytes()), (index, recipient.bytes())]);
        }
        if cells.chain_head {
            chain_head = Joined::of(CellKind::ChainHead, tenant, binding.fed_target());
            messages.push((index, chain_head.bytes()));
        }
        let mut macs = [[0; 8]; MACS];
        Prepared::side_by_side(&messages, &mut macs);
        let partition = self.partition(&tenant[LENGTH..]);
        let name = |mac: &[u32; 8]| {
            let mut hash = [0; 32];
            Sha256::write(mac, &mut hash);
            cell_key(&partition, &hash)
        };
        let keys = macs[1..messages.len()].iter().map(name).collect();
        let mut digest = BindingDigest(Zeroizing::default());
        Sha256::write(&macs[0], &mut *digest.0);
        macs[0].zeroize();
        Names { digest, keys }
    }

    /// Returns what names the cells of a tenant.
    pub(crate) fn tenant<'a>(&'a self, tenant: &'a str) -> CellKeys<'a> {
        CellKeys {
            index: &self.index,
            tenant,
            partition: self.partition(tenant.as_bytes()),
        }
    }

    fn partition(&self, tenant: &[u8]) -> Partition {
        self.partitions.get(tenant, || {
            let mac = self.index.bytes(|message| {
                message.feed(&[CellKind::Tenant as u8]);
                message.feed(tenant);
            });
            let mut partition = Partition::default();
            partition.copy_from_slice(&mac[..8]);
            partition
        })
    }
}

/// Which cells of a binding are named, beside its slot.
#[derive(Clone, Copy)]
pub(crate) struct Cells {
    pub(crate) meters: bool,
    pub(crate) chain_head: bool,
}

impl Cells {
    pub(crate) const ALL: Self = Self {
        meters: true,
        chain_head: true,
    };
}

/// The names of a binding's cells, and its digest.
pub(crate) struct Names {
    pub(crate) digest: BindingDigest,
    /// Slot; meters of user and recipient, if they are named; the chain head, if it is.
    keys: CellNames,
}

/// Slot, meters of user and recipient, chain head: those that an operation loads, in this order; with
/// room for the first record.
pub(crate) type CellNames = ArrayVec<Key, MACS>;

impl Names {
    /// Returns the slot's name and those of `cells`, which are named here.
    pub(crate) fn of(&self, cells: Cells) -> CellNames {
        let mut keys = CellNames::new();
        keys.push(self.keys[0]);
        if cells.meters {
            keys.extend(self.keys[1..3].iter().copied());
        }
        if cells.chain_head {
            keys.extend(self.keys.last().copied());
        }
        keys
    }
}

/// The digest, and a name for each cell of a binding.
const MACS: usize = 5;

/// A kind of cell, a tenant, and another part of a binding: the message of a name.
struct Joined {
    bytes: [u8; Self::ROOM],
    length: usize,
}

impl Joined {
    /// The longest is a chain head's: four texts, each behind its length.
    const ROOM: usize = 1 + 4 * (LENGTH + MAX_MEMBER_LEN);

    #[inline]
    fn of(kind: CellKind, tenant: &[u8], part: &[u8]) -> Self {
        let mut bytes = [0; Self::ROOM];
        bytes[0] = kind as u8;
        let middle = 1 + tenant.len();
        bytes[1..middle].copy_from_slice(tenant);
        let length = middle + part.len();
        bytes[middle..length].copy_from_slice(part);
        Self { bytes, length }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Names a cell: 8 bytes for the tenant, 24 of the hash.
fn cell_key(partition: &Partition, hash: &[u8; 32]) -> Key {
    let mut key = [0; 32];
    key[..8].copy_from_slice(partition);
    key[8..].copy_from_slice(&hash[..24]);
    Key::from_bytes(key)
}

/// Names the cells of one tenant, whose part of the name is computed once.
pub(crate) struct CellKeys<'a> {
    index: &'a Prepared<Sha256>,
    tenant: &'a str,
    partition: Partition,
}

impl CellKeys<'_> {
    /// Names the meter of a user.
    pub(crate) fn user_meter(&self, user: &str) -> Key {
        self.key(|message| {
            message.feed(&[CellKind::User as u8]);
            feed_text(self.tenant, &mut |part| message.feed(part));
            feed_text(user, &mut |part| message.feed(part));
        })
    }

    /// Names the meter of a recipient.
    pub(crate) fn recipient_meter(&self, recipient: &Recipient) -> Key {
        self.key(|message| {
            message.feed(&[CellKind::Recipient as u8]);
            feed_text(self.tenant, &mut |part| message.feed(part));
            feed_recipient(recipient, &mut |part| message.feed(part));
        })
    }

    /// Names the head of the chain of a target.
    pub(crate) fn chain_head(&self, target: &Target<'_>) -> Key {
        self.key(|message| {
            message.feed(&[CellKind::ChainHead as u8]);
            for text in [self.tenant, target.model, target.field, target.id] {
                feed_text(text, &mut |part| message.feed(part));
            }
        })
    }

    /// Names an OATH credential; with a question, its answer to that one question.
    pub(crate) fn credential(&self, name: &CredentialName, question: Option<&Question>) -> Key {
        self.key(|message| {
            message.feed(&[CellKind::Credential as u8]);
            feed_text(self.tenant, &mut |part| message.feed(part));
            message.feed(name);
            if let Some(question) = question {
                message.feed(question);
            }
        })
    }

    /// Names the mark that a purge leaves; of the tenant without a name, as it is the store's.
    pub(crate) fn purge_mark(&self) -> Key {
        self.key(|message| message.feed(&[CellKind::PurgeMark as u8]))
    }

    /// Names a cell by what `parts` feeds.
    fn key(&self, parts: impl FnOnce(&mut Message<Sha256>)) -> Key {
        cell_key(&self.partition, &self.index.bytes(parts))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_name_is_the_same_beside_others_and_alone() {
        let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]);
        let keys = keys.build().unwrap();
        let text = "x".repeat(MAX_MEMBER_LEN);
        let email = format!("a@{}.{}my", "b".repeat(60), "c.".repeat(90));
        let recipients: [Recipient; 2] = [
            crate::Mobile::parse("60123456789").unwrap().into(),
            crate::Email::parse(&email).unwrap().into(),
        ];
        for (text, recipient) in ["7", &text].into_iter().zip(recipients) {
            let target = Target {
                model: text,
                field: text,
                id: text,
            };
            let binding = Binding::builder()
                .tenant(text)
                .purpose(text)
                .target(target)
                .user(text)
                .recipient(recipient);
            let binding = binding.build().unwrap();
            let alone = keys.tenant(binding.tenant());
            let digest = keys.binding_digest(&binding);
            let chain_head = [alone.chain_head(&target)];
            let meters = [
                alone.user_meter(binding.user()),
                alone.recipient_meter(binding.recipient()),
            ];
            let all = keys.names(&binding, Cells::ALL);
            for (meters_too, head_too) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let cells = Cells {
                    meters: meters_too,
                    chain_head: head_too,
                };
                let names = keys.names(&binding, cells);
                assert_eq!(*names.digest.0, *digest.0);
                let mut expected = alloc::vec![names.keys[0]];
                expected.extend(meters.iter().filter(|_| meters_too));
                expected.extend(chain_head.iter().filter(|_| head_too));
                assert_eq!(names.keys[..], expected);
                assert_eq!(all.of(cells)[..], expected);
            }
        }
    }
}
