//! The tenants' parts of the cells' names: two compressions of every operation, computed once.
//!
//! What is kept here is no secret: every key of a tenant's cells begins with it.

#[cfg(feature = "std")]
use alloc::boxed::Box;

/// The first bytes of all keys of a tenant.
pub(super) type Partition = [u8; 8];

/// The partitions of the first few tenants that came. Nothing is replaced, so that nothing is
/// locked; a host with more tenants computes the others' anew, as all are without `std`.
#[derive(Clone, Default)]
pub(super) struct Partitions {
    #[cfg(feature = "std")]
    kept: [std::sync::OnceLock<(Box<[u8]>, Partition)>; PLACES],
}

#[cfg(feature = "std")]
const PLACES: usize = 8;

impl Partitions {
    /// Returns the partition of a tenant, as `compute` gives it.
    pub(super) fn get(&self, tenant: &[u8], compute: impl Fn() -> Partition) -> Partition {
        #[cfg(feature = "std")]
        for place in &self.kept {
            let (kept, partition) = place.get_or_init(|| (tenant.into(), compute()));
            if **kept == *tenant {
                return *partition;
            }
        }
        #[cfg(not(feature = "std"))]
        let _ = tenant; // nothing is kept
        compute()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn each_tenant_has_its_own_however_many_there_are() {
        let partitions = Partitions::default();
        let of = |number: usize| [u8::try_from(number).unwrap(); 8];
        for round in 0..2 {
            for number in 0..2 * PLACES {
                let got = partitions.get(number.to_string().as_bytes(), || {
                    assert!(
                        round == 0 || number >= PLACES,
                        "{number} was computed before"
                    );
                    of(number)
                });
                assert_eq!(got, of(number));
            }
        }
    }
}
