//! Users and loan applications to try the contract with. Nobody is asked for a password.

use otp_engine::{
    ContentDigest, Mobile, Policy, Target,
    evidence::EvidenceKind,
    message::{MessageError, MessageTemplate},
    policy::OutOfBounds,
};

use super::{Access, Caller, Denial, Directory, Fault, Login, NoUser, Terms, User};

/// The header by which a client says who it is: `X-Demo-User: 7`.
pub const HEADER: &str = "x-demo-user";
/// The model.
pub const MODEL: &str = "loan.application";
/// The applications that every user may sign.
pub const SHARED: core::ops::RangeInclusive<u64> = 1..=1000;
/// The applications that [`OWNER`] alone may sign, and all may see.
pub const OWNED: core::ops::RangeInclusive<u64> = 1001..=1010;
/// Whose applications those are.
pub const OWNER: &str = "7";

/// The largest id of a user.
const USERS: u32 = 1_000_000;
const TENANT: &str = "demo";
const TEXT: &str = "Your code is #otp#, valid for #duration# minutes. Tell it to nobody.";

/// Any id from 1 to 1,000,000 is a user; 7, 8 and 9 have names.
#[derive(Clone, Debug)]
pub struct DemoDirectory {
    template: MessageTemplate,
    with_image: Policy,
}

impl DemoDirectory {
    /// Makes the directory.
    ///
    /// # Errors
    ///
    /// The [`Fault`] where its own template or policy is out of bounds.
    pub fn new() -> Result<Self, Fault> {
        let template: Result<_, MessageError> =
            MessageTemplate::builder(TEXT).prefix("RM0.00 ").build();
        let with_image: Result<_, OutOfBounds> =
            Policy::builder().require(EvidenceKind::Image).build();
        Ok(Self {
            template: template?,
            with_image: with_image?,
        })
    }

    /// Returns the user with this id, if there is one.
    ///
    /// # Errors
    ///
    /// The [`Fault`] of a number that is none.
    pub fn find(&self, id: &str) -> Result<Option<User>, Fault> {
        let id: Option<u32> = id.parse().ok();
        let Some(id) = id.filter(|id| (1..=USERS).contains(id)) else {
            return Ok(None);
        };
        let (name, number) = match id {
            7 => ("Siti Aminah".into(), "60123456789".into()),
            8 => ("Tan Wei Ming".into(), "60129876543".into()),
            9 => ("Priya Nair".into(), "60127654321".into()),
            other => (format!("Demo User {other}"), format!("6011{other:08}")),
        };
        let mobile = Mobile::parse(&number)?;
        Ok(Some(User::new(
            &id.to_string(),
            &name,
            TENANT,
            Some(mobile),
        )))
    }
}

impl Directory for DemoDirectory {
    fn authenticate(&self, caller: &Caller<'_>) -> Result<User, NoUser> {
        let said = caller.headers.get(HEADER);
        let user = match said.and_then(|value| value.to_str().ok()) {
            Some(id) => self.find(id)?,
            None => None,
        };
        user.ok_or(NoUser::ANONYMOUS)
    }

    fn login(&self) -> Login {
        Login::Demo
    }

    fn look_up(&self, user: &User, field: &Target<'_>, to: Access) -> Result<Terms, Denial> {
        if field.model != MODEL {
            return Err(Denial::NoModel);
        }
        let terms = Terms::new(self.template.clone());
        let terms = match field.field {
            "client_signature" => Ok(terms),
            "guarantor_signature" => Ok(terms.policy(self.with_image)),
            "amount" => Err(Denial::NoPolicy),
            _ => return Err(Denial::NoField),
        };
        let id = field.id.parse().unwrap_or(0);
        if !SHARED.contains(&id) && !OWNED.contains(&id) {
            return Err(Denial::NoRecord);
        }
        let terms = terms?;
        if to == Access::Sign && OWNED.contains(&id) && user.id != OWNER {
            return Err(Denial::NotTheirs);
        }
        let amount = format!("{}.00", id * 1000);
        let offer = [MODEL, field.id, "MYR", &amount];
        Ok(terms.content(ContentDigest::of_fields(&offer)))
    }
}
