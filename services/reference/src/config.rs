//! What the service is told: flags, each also an environment variable.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Parser, ValueEnum, value_parser};
use ipnet::IpNet;

/// The program's help, before the flags.
const ABOUT: &str =
    "Serves send_esms_otp, verify_esms_otp and get_esms_otp_signature over otp-engine.";

/// The program's help, after the flags.
const SECRETS: &str = "\
Secrets come from files that their owner alone may read (mode 0600):
  --keys                JSON: codes {name: base64}, current, index (base64), epoch, retired {name: unix seconds}
  --signing-key         PEM: what `openssl genpkey -algorithm ed25519` writes
  --gateway-credentials JSON: user, password
  --database-password   the password alone
  --purge-password      the password alone
  --admin-token         the token alone, such as `openssl rand -hex 32` writes
  sslkey                PEM, in --database beside sslcert, which any may read, as sslrootcert
  callback.token_file, in the file that --users names: the token alone

SIGHUP reads all of these files anew; what cannot be read is told, and the service goes on as before.

Exit code: 0 stopped, 1 stopped with requests cut off, 2 could not start.";

/// The settings of a service.
#[derive(Clone, Debug, Parser)]
#[command(name = "otp-engine-reference", about = ABOUT, after_help = SECRETS, version)]
#[non_exhaustive]
pub struct Options {
    /// Try it out: users by the header X-Demo-User, keys made in the data folder, loopback alone
    #[arg(long, env = "OTP_REFERENCE_DEMO", value_parser = FalseyValueParser::new())]
    pub demo: bool,

    /// The file that says who the users are and whom to ask what they may sign: docs/services.md
    #[arg(
        long,
        env = "OTP_REFERENCE_USERS",
        value_name = "FILE",
        conflicts_with = "demo"
    )]
    pub users: Option<PathBuf>,

    /// Where to listen; port 0 takes any free one
    #[arg(
        long,
        env = "OTP_REFERENCE_LISTEN",
        default_value = "127.0.0.1:8069",
        value_name = "ADDRESS:PORT"
    )]
    pub listen: SocketAddr,

    /// Where the administration listens, with health and counts, which the public address then has no more
    #[arg(
        long,
        env = "OTP_REFERENCE_ADMIN_LISTEN",
        value_name = "ADDRESS:PORT",
        requires = "admin_token"
    )]
    pub admin_listen: Option<SocketAddr>,

    /// The file of the token that the administration asks for: 32 to 512 visible characters
    #[arg(
        long,
        env = "OTP_REFERENCE_ADMIN_TOKEN",
        value_name = "FILE",
        requires = "admin_listen"
    )]
    pub admin_token: Option<PathBuf>,

    /// Let the administration listen beyond loopback; nothing encrypts it
    #[arg(long, env = "OTP_REFERENCE_ADMIN_EXPOSED", value_parser = FalseyValueParser::new(), requires = "admin_listen")]
    pub admin_exposed: bool,

    /// The folder of the SQLite file and, unless named, of the key files
    #[arg(
        long,
        env = "OTP_REFERENCE_DATA",
        default_value = "otp-contract-data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,

    /// A PostgreSQL database in place of the SQLite file: postgres://user@host/name, or key=value pairs;
    /// TLS by sslmode=verify-full and sslrootcert=FILE
    #[arg(long, env = "OTP_REFERENCE_DATABASE", value_name = "URL")]
    pub database: Option<String>,

    /// The file of the database user's password
    #[arg(
        long,
        env = "OTP_REFERENCE_DATABASE_PASSWORD",
        value_name = "FILE",
        requires = "database"
    )]
    pub database_password: Option<PathBuf>,

    /// The database user that purges, where --database names one that may not delete
    #[arg(
        long,
        env = "OTP_REFERENCE_PURGE_USER",
        value_name = "NAME",
        requires = "database"
    )]
    pub purge_user: Option<String>,

    /// The file of that user's password
    #[arg(
        long,
        env = "OTP_REFERENCE_PURGE_PASSWORD",
        value_name = "FILE",
        requires = "purge_user"
    )]
    pub purge_password: Option<PathBuf>,

    /// Make or upgrade the database's tables before the start
    #[arg(long, env = "OTP_REFERENCE_MIGRATE", value_parser = FalseyValueParser::new())]
    pub migrate: bool,

    /// Take the store over as one of these keys, and stop: once, for cells from before canaries
    #[arg(long, conflicts_with = "begin_store")]
    pub adopt_store: bool,

    /// Begin the store anew with these keys, giving up all that it holds, and stop
    #[arg(long)]
    pub begin_store: bool,

    /// The file of the secrets that codes are made from [default: keys.json in the data folder]
    #[arg(long, env = "OTP_REFERENCE_KEYS", value_name = "FILE")]
    pub keys: Option<PathBuf>,

    /// The file of the key that signs records [default: signing.pem in the data folder]
    #[arg(long, env = "OTP_REFERENCE_SIGNING_KEY", value_name = "FILE")]
    pub signing_key: Option<PathBuf>,

    /// A JWK set of the public keys that records were signed with before
    #[arg(long, env = "OTP_REFERENCE_RETIRED_SIGNING_KEYS", value_name = "FILE")]
    pub retired_signing_keys: Option<PathBuf>,

    /// How messages go out
    #[arg(long, env = "OTP_REFERENCE_GATEWAY", value_enum, default_value = "log")]
    pub gateway: GatewayKind,

    /// Where the esms gateway listens
    #[arg(long, env = "OTP_REFERENCE_GATEWAY_URL", default_value = crate::gateway::esms::URL, value_name = "URL")]
    pub gateway_url: String,

    /// The file of the esms gateway's user and password
    #[arg(long, env = "OTP_REFERENCE_GATEWAY_CREDENTIALS", value_name = "FILE")]
    pub gateway_credentials: Option<PathBuf>,

    /// How long the gateway may take
    #[arg(long, env = "OTP_REFERENCE_GATEWAY_TIMEOUT", default_value_t = 10, value_name = "SECONDS",
          value_parser = value_parser!(u64).range(1..=60))]
    pub gateway_timeout: u64,

    /// The file that the log gateway appends messages to; without it they are printed
    #[arg(long, env = "OTP_REFERENCE_OUTBOX", value_name = "FILE")]
    pub outbox: Option<PathBuf>,

    /// Show the recipient's number masked in answers
    #[arg(long, env = "OTP_REFERENCE_MASK_RECIPIENT", value_parser = FalseyValueParser::new())]
    pub mask_recipient: bool,

    /// Requests at one time; more of them get 503
    #[arg(long, env = "OTP_REFERENCE_MAX_REQUESTS", default_value_t = 256, value_name = "N",
          value_parser = value_parser!(u32).range(1..=4096))]
    pub max_requests: u32,

    /// Connections at one time; more of them wait
    #[arg(long, env = "OTP_REFERENCE_MAX_CONNECTIONS", default_value_t = 1024, value_name = "N",
          value_parser = value_parser!(u32).range(1..=65536))]
    pub max_connections: u32,

    /// Operations on the store at one time; more of them wait
    #[arg(long, env = "OTP_REFERENCE_MAX_OPERATIONS", default_value_t = 8, value_name = "N",
          value_parser = value_parser!(u32).range(1..=64))]
    pub max_operations: u32,

    /// Messages on their way to the gateway at one time; more of them wait
    #[arg(long, env = "OTP_REFERENCE_MAX_MESSAGES", default_value_t = 32, value_name = "N",
          value_parser = value_parser!(u32).range(1..=256))]
    pub max_messages: u32,

    /// How long a request may take, its body included
    #[arg(long, env = "OTP_REFERENCE_REQUEST_TIMEOUT", default_value_t = 30, value_name = "SECONDS",
          value_parser = value_parser!(u64).range(1..=600))]
    pub request_timeout: u64,

    /// When rejections of a code leave after their request came, so that no time tells them apart; 0 at once
    #[arg(long, env = "OTP_REFERENCE_REJECTION_HOLD", default_value_t = 100, value_name = "MILLISECONDS",
          value_parser = value_parser!(u64).range(0..=1000))]
    pub rejection_hold: u64,

    /// How long the head of a request may take, and how long a connection may idle
    #[arg(long, env = "OTP_REFERENCE_HEAD_TIMEOUT", default_value_t = 15, value_name = "SECONDS",
          value_parser = value_parser!(u64).range(1..=600))]
    pub head_timeout: u64,

    /// The networks of proxies in front, whose X-Forwarded-For and X-Request-Id count
    #[arg(long, env = "OTP_REFERENCE_TRUSTED_PROXIES", value_name = "CIDR,..", value_delimiter = ',',
          value_parser = crate::proxies::network)]
    pub trusted_proxies: Vec<IpNet>,

    /// How long the store may take to answer /health/ready, which says 503 after that
    #[arg(long, env = "OTP_REFERENCE_READY_TIMEOUT", default_value_t = 5, value_name = "SECONDS",
          value_parser = value_parser!(u64).range(1..=60))]
    pub ready_timeout: u64,

    /// How long requests are taken on after SIGTERM or SIGINT, while /health/ready says 503
    #[arg(long, env = "OTP_REFERENCE_DRAIN_DELAY", default_value_t = 5, value_name = "SECONDS",
          value_parser = value_parser!(u64).range(0..=600))]
    pub drain_delay: u64,

    /// How long requests at work may go on after that
    #[arg(long, env = "OTP_REFERENCE_SHUTDOWN_TIMEOUT", default_value_t = 30, value_name = "SECONDS",
          value_parser = value_parser!(u64).range(1..=600))]
    pub shutdown_timeout: u64,

    /// How often to drop what is over; 0 leaves that to another service on the same database
    #[arg(long, env = "OTP_REFERENCE_PURGE_INTERVAL", default_value_t = 600, value_name = "SECONDS",
          value_parser = value_parser!(u64).range(0..=86400))]
    pub purge_interval: u64,

    /// The clock is right though it lies far ahead of what the store knows, after a long rest say:
    /// the first purge believes it
    #[arg(long, env = "OTP_REFERENCE_CONFIRM_CLOCK", value_parser = FalseyValueParser::new())]
    pub confirm_clock: bool,

    /// Erase the personal details and the captured image of the N-th signature of a field, and end
    #[arg(
        long,
        env = "OTP_REFERENCE_ERASE",
        num_args = 5,
        value_delimiter = ' ',
        value_names = ["TENANT", "MODEL", "FIELD", "RECORD", "N"]
    )]
    pub erase: Option<Vec<String>>,

    /// Lift what holds the codes of a demonstration's user for a field up, say why, and end
    #[arg(long, num_args = 5, value_names = ["USER", "MODEL", "FIELD", "RECORD", "REASON"])]
    pub reset_slot: Option<Vec<String>>,

    /// Forget what was sent to a number and failed against it, say why, and end
    #[arg(long, num_args = 3, value_names = ["TENANT", "NUMBER", "REASON"])]
    pub reset_recipient: Option<Vec<String>>,

    /// Lift a user's locks and the limit of their sends, say why, and end
    #[arg(long, num_args = 3, value_names = ["TENANT", "USER", "REASON"])]
    pub reset_user: Option<Vec<String>>,

    /// The least that is logged: JSON lines on standard error
    #[arg(long, env = "OTP_REFERENCE_LOG", value_enum, default_value = "info")]
    pub log: LogLevel,
}

impl Options {
    pub(crate) fn keys(&self) -> PathBuf {
        self.keys
            .clone()
            .unwrap_or_else(|| self.data.join("keys.json"))
    }

    pub(crate) fn signing_key(&self) -> PathBuf {
        let default = || self.data.join("signing.pem");
        self.signing_key.clone().unwrap_or_else(default)
    }

    pub(crate) const fn limits(&self) -> Limits {
        Limits {
            request: Duration::from_secs(self.request_timeout),
            head: Duration::from_secs(self.head_timeout),
            drain: Duration::from_secs(self.drain_delay),
            shutdown: Duration::from_secs(self.shutdown_timeout),
            purge: Duration::from_secs(self.purge_interval),
        }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) request: Duration,
    pub(crate) head: Duration,
    pub(crate) drain: Duration,
    pub(crate) shutdown: Duration,
    pub(crate) purge: Duration,
}

/// How messages go out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[non_exhaustive]
pub enum GatewayKind {
    /// Nowhere: to a file or the terminal, for development.
    Log,
    /// By eSMS Malaysia.
    Esms,
}

/// What is logged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "the levels that logs have")]
pub enum LogLevel {
    /// What needs a person.
    Error,
    /// What may need one.
    Warn,
    /// Each request and each event.
    Info,
    /// More than that.
    Debug,
}
