//! `otp store`

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand, value_parser};
use otp_engine::operation::{
    EraseOutcome, EraseRequest, Lock, ResetOutcome, Status, StoreCheck, UnlockOutcome,
};
use otp_engine::record::RecordDetail;
use otp_engine::{Binding, ContentDigest, Email, Engine, Error, Mobile, Recipient, Store, Target};
use otp_engine_postgres::tokio_postgres::Config;
use otp_engine_postgres::{PostgresOptions, Tls};
use otp_engine_sqlite::SqliteStore;
use serde_json::json;

use crate::answer::{Answer, Failure};
use crate::key_file::KeyFile;
use crate::{input, policy};

/// Look after a store: SQLite, or PostgreSQL
#[derive(Args)]
#[command(after_help = "\
The store is --sqlite FILE, or the PostgreSQL database whose address is in the
environment (OTP_DATABASE) or in --database-file: postgres://user@host/db, or
key=value pairs as libpq takes them. TLS by sslmode=verify-full, with the roots
of the system or of sslrootcert=FILE. Exit code: 0 done, 1 it is not so, 2 bad
usage or an error.")]
pub(crate) struct StoreCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    Migrate(Migrate),
    Check(Check),
    Purge(Purge),
    Status(ReadStatus),
    Unlock(Unlock),
    Reset(Reset),
    Erase(Erase),
}

/// Which store.
#[derive(Args)]
struct Place {
    /// SQLite file of the store
    #[arg(long, value_name = "FILE")]
    sqlite: Option<PathBuf>,

    /// File with PostgreSQL's address [env: OTP_DATABASE]
    #[arg(long, value_name = "FILE", conflicts_with = "sqlite")]
    database_file: Option<PathBuf>,
}

/// Which store, and its keys.
#[derive(Args)]
struct Opened {
    #[command(flatten)]
    place: Place,

    /// Key ring of the store, as otp keys makes it
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

/// Make the tables, or bring them to the newest layout
#[derive(Args)]
#[command(after_help = "Of PostgreSQL, as the role that owns the tables.")]
struct Migrate {
    #[command(flatten)]
    place: Place,
}

/// Check that the store belongs to the keys
#[derive(Args)]
#[command(after_help = "\
An empty store belongs to these keys from then on. docs/keys.md, \"Whose store it
is\", says when to adopt or to begin one.")]
struct Check {
    #[command(flatten)]
    opened: Opened,

    /// Take it over: its cells are of these keys
    #[arg(long, conflicts_with = "begin")]
    adopt: bool,

    /// Begin it anew, and give up ALL that it holds
    #[arg(long)]
    begin: bool,
}

/// Drop what is over, to make room
#[derive(Args)]
#[command(after_help = "Of PostgreSQL, as the role that may delete.")]
struct Purge {
    #[command(flatten)]
    opened: Opened,

    /// Purge though the clock is far ahead of the store
    #[arg(long)]
    confirm_clock: bool,
}

/// Show how the code of a record field, user and recipient stands
#[derive(Args)]
#[command(override_usage = "\
otp store status --keys <FILE> --tenant <TEXT> --user <TEXT>
         --model <TEXT> --field <TEXT> --id <TEXT> --purpose <TEXT>
         <--mobile <NUMBER>|--email <ADDRESS>> [OPTIONS]")]
struct ReadStatus {
    #[command(flatten)]
    opened: Opened,

    #[command(flatten)]
    slot: Slot,

    #[command(flatten)]
    to: To,

    /// Document that the code approves
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,

    /// File of the limits [default: the engine's]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// End the lock of a user, and forget the wrong guesses of the day
#[derive(Args)]
struct Unlock {
    #[command(flatten)]
    opened: Opened,

    #[command(flatten)]
    user: User,
}

/// Lift what holds a user, a recipient or a record field up
#[derive(Args)]
struct Reset {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    User(ResetUser),
    Recipient(ResetRecipient),
    Slot(ResetSlot),
}

/// Lift a user's lock, wrong guesses and sends
#[derive(Args)]
#[command(override_usage = "\
otp store reset user --keys <FILE> --tenant <TEXT> --user <TEXT>
         --reason <TEXT> [OPTIONS]")]
struct ResetUser {
    #[command(flatten)]
    opened: Opened,

    #[command(flatten)]
    user: User,

    #[command(flatten)]
    why: Why,
}

/// Forget what was sent to a recipient, and failed
#[derive(Args)]
#[command(override_usage = "\
otp store reset recipient --keys <FILE> --tenant <TEXT>
         <--mobile <NUMBER>|--email <ADDRESS>> --reason <TEXT> [OPTIONS]")]
struct ResetRecipient {
    #[command(flatten)]
    opened: Opened,

    /// Tenant
    #[arg(long, value_name = "TEXT")]
    tenant: String,

    #[command(flatten)]
    to: To,

    #[command(flatten)]
    why: Why,
}

/// Lift a record field's lockout, cooldown and used-up attempts
#[derive(Args)]
#[command(override_usage = "\
otp store reset slot --keys <FILE> --tenant <TEXT> --user <TEXT>
         --model <TEXT> --field <TEXT> --id <TEXT> --purpose <TEXT>
         --reason <TEXT> [OPTIONS]")]
struct ResetSlot {
    #[command(flatten)]
    opened: Opened,

    #[command(flatten)]
    slot: Slot,

    #[command(flatten)]
    why: Why,
}

/// Erase personal details of a record, which verifies as before
#[derive(Args)]
#[command(
    after_help = "\
A detail that the record does not have erases nothing.
Copies that were handed out, and backups, are yours to erase.",
    override_usage = "\
otp store erase --keys <FILE> --tenant <TEXT> --model <TEXT>
         --field <TEXT> --id <TEXT> --sequence <N> [OPTIONS] <DETAILS>..."
)]
struct Erase {
    #[command(flatten)]
    opened: Opened,

    /// Tenant
    #[arg(long, value_name = "TEXT")]
    tenant: String,

    #[command(flatten)]
    target: TargetArgs,

    /// Which record of the field, from 1
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    sequence: u64,

    /// What: name, typed, number, email, ip, agent or dig
    #[arg(required = true, value_parser = detail)]
    details: Vec<RecordDetail>,
}

#[derive(Args)]
struct User {
    /// Tenant
    #[arg(long, value_name = "TEXT")]
    tenant: String,

    /// User, by the host's own id
    #[arg(long, value_name = "TEXT")]
    user: String,
}

#[derive(Args)]
struct TargetArgs {
    /// Model of the record field
    #[arg(long, value_name = "TEXT")]
    model: String,

    /// Field of the record field
    #[arg(long, value_name = "TEXT")]
    field: String,

    /// Id of the host's record
    #[arg(long, value_name = "TEXT")]
    id: String,
}

/// What names a slot.
#[derive(Args)]
struct Slot {
    #[command(flatten)]
    user: User,

    #[command(flatten)]
    target: TargetArgs,

    /// What the code is good for
    #[arg(long, value_name = "TEXT")]
    purpose: String,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct To {
    /// Mobile number, with its country code
    #[arg(long, value_name = "NUMBER", value_parser = |text: &str| Mobile::parse(text))]
    mobile: Option<Mobile>,

    /// E-mail address
    #[arg(long, value_name = "ADDRESS", value_parser = |text: &str| Email::parse(text))]
    email: Option<Email>,
}

#[derive(Args)]
struct Why {
    /// Why, for the log: 1 to 256 bytes
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl StoreCommand {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        match &self.act {
            Act::Migrate(migrate) => migrate.run(),
            Act::Check(check) => check.run(),
            Act::Purge(purge) => purge.run(),
            Act::Status(status) => status.run(),
            Act::Unlock(unlock) => unlock.run(),
            Act::Reset(reset) => match &reset.what {
                What::User(reset) => reset.run(),
                What::Recipient(reset) => reset.run(),
                What::Slot(reset) => reset.run(),
            },
            Act::Erase(erase) => erase.run(),
        }
    }
}

impl Place {
    /// Returns how to connect to PostgreSQL.
    fn database(&self) -> Result<(Config, Tls), Failure> {
        let (name, address) = match &self.database_file {
            Some(path) => (path.display().to_string(), input::secret(path, "address")?),
            None => {
                let address = std::env::var("OTP_DATABASE").map_err(|_| {
                    Failure::new(
                        "no store is named: give --sqlite FILE, --database-file FILE or the environment \
                         variable OTP_DATABASE",
                    )
                })?;
                ("OTP_DATABASE".into(), address.into())
            }
        };
        Tls::parse(&address).map_err(|error| {
            if !error.is_of_parameters() {
                return Failure::chain(&name, &error);
            }
            // Neither error nor address is told: a password could stand in it.
            Failure::new(format!(
                "{name} must be postgres://user@host/db, or key=value pairs as libpq takes them"
            ))
        })
    }

    /// Opens a store that is there: a wrong path must not make a new one.
    fn open(&self) -> Result<Box<dyn Store>, Failure> {
        let Some(path) = &self.sqlite else {
            let (config, tls) = self.database()?;
            let store = PostgresOptions::new().connections(1).open_with(config, tls);
            return Ok(Box::new(
                store.map_err(|error| Failure::chain("PostgreSQL", &error))?,
            ));
        };
        if !path.exists() {
            let what = "is not there; check the path, or make the store by otp store migrate";
            return Err(Failure::of_file(path, what));
        }
        let store = SqliteStore::open(path).map_err(|error| Failure::chain("--sqlite", &error))?;
        Ok(Box::new(store))
    }
}

impl Opened {
    /// Opens the store that these keys began, and the engine to work on it.
    fn open(&self) -> Result<(Engine, Box<dyn Store>), Failure> {
        let (engine, store) = self.unchecked()?;
        // Else the check would begin it, and with whichever keys these are.
        if store.has_cells().map_err(|error| failed(error.into()))? == Some(false) {
            return Err(Failure::new(
                "the store is empty; otp store check begins it with these keys",
            ));
        }
        engine.check_store(&*store).map_err(failed)?;
        Ok((engine, store))
    }

    fn unchecked(&self) -> Result<(Engine, Box<dyn Store>), Failure> {
        let ring = KeyFile::read(&self.keys)?.ring(&self.keys)?;
        Ok((Engine::new(ring), self.place.open()?))
    }
}

impl Migrate {
    fn run(&self) -> Result<Answer, Failure> {
        if let Some(path) = &self.place.sqlite {
            SqliteStore::open(path).map_err(|error| Failure::chain("--sqlite", &error))?;
        } else {
            let (config, tls) = self.place.database()?;
            let migrated = PostgresOptions::new().migrate_with(config, tls);
            migrated.map_err(|error| Failure::chain("PostgreSQL", &error))?;
        }
        Ok(Answer::yes("the store has the newest layout\n"))
    }
}

impl Check {
    fn run(&self) -> Result<Answer, Failure> {
        let (engine, store) = self.opened.unchecked()?;
        let known = match (self.adopt, self.begin) {
            (true, _) => engine.adopt_store(&*store),
            (_, true) => engine.begin_store(&*store),
            _ => engine.check_store(&*store),
        };
        match known {
            Ok(StoreCheck::Proven) => Ok(Answer::yes("the store belongs to these keys\n")),
            Ok(StoreCheck::Begun) => {
                Ok(Answer::yes("the store belongs to these keys from now on\n"))
            }
            Ok(StoreCheck::NotProven) => Ok(Answer::yes(
                "the store may lose cells: nothing proves that it belongs to these keys\n",
            )),
            Err(error @ (Error::ForeignStore | Error::NoCanary | Error::Tampered)) => {
                let next = match error {
                    Error::ForeignStore => "--begin",
                    _ => "--adopt or --begin",
                };
                let told = format!("NOT SO: {error}; here that is {next}\n");
                Ok(Answer::of(told, false))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

impl Purge {
    fn run(&self) -> Result<Answer, Failure> {
        let (engine, store) = self.opened.open()?;
        let mut confirmed = self.confirm_clock;
        let mut dropped = 0;
        loop {
            let purged = if confirmed {
                engine.purge_confirmed(&*store, AT_ONCE)
            } else {
                engine.purge(&*store, AT_ONCE)
            };
            confirmed = false; // the first one left its mark
            let purged = purged.map_err(|error| match error {
                Error::ClockAhead => Failure::new(format!("{error}: --confirm-clock")),
                error => failed(error),
            })?;
            dropped += purged;
            if purged < AT_ONCE {
                return Ok(Answer::yes(format!("{dropped} cells dropped\n")));
            }
        }
    }
}

/// So many cells are dropped by a statement: services that write are not held up.
const AT_ONCE: usize = 1000;

impl ReadStatus {
    fn run(&self) -> Result<Answer, Failure> {
        let (mut engine, store) = self.opened.open()?;
        if let Some(path) = &self.policy {
            let (policy, rate_limits) = policy::read(path)?;
            let ring = KeyFile::read(&self.opened.keys)?.ring(&self.opened.keys)?;
            engine = Engine::builder(ring)
                .policy(policy)
                .rate_limits(rate_limits)
                .build();
        }
        let content = self.document.as_ref().map(|path| {
            let document = fs::read(path);
            let document = document
                .map_err(|error| Failure::of_file(path, format_args!("cannot be read: {error}")));
            document.map(|document| ContentDigest::of(&document))
        });
        let binding = self
            .slot
            .binding(self.to.recipient(), content.transpose()?)?;
        let status = engine.status(&*store, &binding).map_err(failed)?;
        Ok(match status {
            None if self.json => Answer::of("null\n", false),
            None => Answer::no("no code is known: none was issued, or it is over and purged\n"),
            Some(status) => Answer::yes(told(&status, self.json)),
        })
    }
}

fn told(status: &Status, as_json: bool) -> String {
    let (state, delivery) = (
        format!("{:?}", status.state),
        format!("{:?}", status.delivery),
    );
    if as_json {
        let lock = match status.lock {
            Lock::Free => json!(false),
            Lock::Until(at) => json!(at.unix()),
            Lock::UntilUnlocked => json!(true),
        };
        let told = json!({
            "id": status.id.to_string(), "state": state.to_lowercase(), "issued_at": status.issued_at.unix(),
            "expires_at": status.expires_at.unix(), "attempts_left": status.attempts_left,
            "sends": status.sends, "delivery": delivery.to_lowercase(),
            "next_send_at": status.next_send_at.unix(), "locked": lock,
        });
        return format!("{told}\n");
    }
    let lock = match status.lock {
        Lock::Free => "no".into(),
        Lock::Until(at) => format!("until {at} UTC"),
        Lock::UntilUnlocked => "until otp store unlock".into(),
    };
    format!(
        "challenge      {}\nstate          {}\nissued         {} UTC\nexpires        {} UTC\n\
         attempts left  {}\nsends          {}, next from {} UTC on\ndelivery       {}\nuser locked    {lock}\n",
        status.id,
        state.to_lowercase(),
        status.issued_at,
        status.expires_at,
        status.attempts_left,
        status.sends,
        status.next_send_at,
        delivery.to_lowercase(),
    )
}

impl Unlock {
    fn run(&self) -> Result<Answer, Failure> {
        let (engine, store) = self.opened.open()?;
        let unlocked = engine.unlock(&*store, &self.user.tenant, &self.user.user);
        Ok(match unlocked.map_err(failed)? {
            UnlockOutcome::Unlocked => Answer::yes("unlocked\n"),
            UnlockOutcome::NothingToUnlock => Answer::of("nothing to unlock\n", false),
        })
    }
}

impl ResetUser {
    fn run(&self) -> Result<Answer, Failure> {
        let (engine, store) = self.opened.open()?;
        let (tenant, user) = (&self.user.tenant, &self.user.user);
        reset(engine.reset_user(&*store, tenant, user, &self.why.reason))
    }
}

impl ResetRecipient {
    fn run(&self) -> Result<Answer, Failure> {
        let (engine, store) = self.opened.open()?;
        let recipient = self
            .to
            .recipient()
            .ok_or_else(|| Failure::new("give --mobile or --email"))?;
        reset(engine.reset_recipient(&*store, &self.tenant, &recipient, &self.why.reason))
    }
}

impl ResetSlot {
    fn run(&self) -> Result<Answer, Failure> {
        let (engine, store) = self.opened.open()?;
        // A binding has a recipient; which one does not matter to a slot.
        let any =
            Email::parse("any@example.org").map_err(|error| Failure::new(error.to_string()))?;
        let binding = self.slot.binding(Some(any.into()), None)?;
        reset(engine.reset_slot(&*store, &binding, &self.why.reason))
    }
}

fn reset(outcome: Result<ResetOutcome, Error>) -> Result<Answer, Failure> {
    Ok(match outcome.map_err(failed)? {
        ResetOutcome::Reset => Answer::yes("reset\n"),
        ResetOutcome::NothingToReset => Answer::of("nothing to reset\n", false),
    })
}

impl Erase {
    fn run(&self) -> Result<Answer, Failure> {
        let (engine, store) = self.opened.open()?;
        let request = EraseRequest {
            tenant: &self.tenant,
            target: self.target.target(),
            sequence: self.sequence,
            details: &self.details,
        };
        Ok(match engine.erase(&*store, &request).map_err(failed)? {
            EraseOutcome::Record(record) => {
                let left = record.disclosures().len();
                Answer::yes(format!(
                    "erased; record {} has {left} details left\n",
                    record.id()
                ))
            }
            EraseOutcome::NoRecord => Answer::of("there is no such record\n", false),
        })
    }
}

impl To {
    fn recipient(&self) -> Option<Recipient> {
        let email = || self.email.clone().map(Into::into);
        self.mobile.map(Into::into).or_else(email)
    }
}

impl TargetArgs {
    fn target(&self) -> Target<'_> {
        Target {
            model: &self.model,
            field: &self.field,
            id: &self.id,
        }
    }
}

impl Slot {
    fn binding(
        &self,
        to: Option<Recipient>,
        content: Option<ContentDigest>,
    ) -> Result<Binding, Failure> {
        let mut binding = Binding::builder()
            .tenant(&self.user.tenant)
            .purpose(&self.purpose)
            .target(self.target.target())
            .user(&self.user.user);
        if let Some(recipient) = to {
            binding = binding.recipient(recipient);
        }
        if let Some(content) = content {
            binding = binding.content(content);
        }
        binding
            .build()
            .map_err(|error| Failure::new(error.to_string()))
    }
}

fn failed(error: Error) -> Failure {
    Failure::chain("store", &error)
}

fn detail(text: &str) -> Result<RecordDetail, String> {
    let known = "it must be name, typed, number, email, ip, agent or dig";
    RecordDetail::parse(text).ok_or_else(|| known.into())
}
