//! `otp uri`

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, value_parser};
use otp_oath::{Moving, Secret, Uri};
use qrcode::{Color, EcLevel, QrCode};
use serde_json::json;
use zeroize::Zeroizing;

use crate::answer::{Answer, Failure};
use crate::device::{Algorithm, SecretSource};
use crate::input;

/// Make or read otpauth URIs, which apps take by a QR code
#[derive(Args)]
pub(crate) struct UriCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    Make(Make),
    Read(Read),
}

/// Make the URI of a device
#[derive(Args)]
#[command(after_help = "Apps take a URI without --algorithm, --digits and --step most surely.")]
struct Make {
    /// User or account that the app shows
    #[arg(long, value_name = "TEXT")]
    account: String,

    /// Who issues the codes, as the app shows it
    #[arg(long, value_name = "TEXT")]
    issuer: Option<String>,

    #[command(flatten)]
    secret: SecretSource,

    /// Draw a new secret of 160 bits at random, and read none
    #[arg(long, conflicts_with_all = ["secret", "hex"])]
    new: bool,

    /// Hash function: sha1, sha256 or sha512
    #[arg(
        long,
        short,
        value_name = "NAME",
        value_enum,
        default_value = "sha1",
        hide_possible_values = true
    )]
    algorithm: Algorithm,

    /// Digits of a code, 6 to 10
    #[arg(long, short, value_name = "N", default_value_t = 6, value_parser = value_parser!(u8).range(6..=10))]
    digits: u8,

    /// Length of a step in seconds, 1 to 86400
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = value_parser!(u32).range(1..=86_400))]
    step: u32,

    /// Make one of HOTP, whose first code has this counter
    #[arg(long, short, value_name = "N", conflicts_with = "step")]
    counter: Option<u64>,

    /// Draw the QR code in place of the text
    #[arg(long)]
    qr: bool,
}

/// Read a URI: what the device makes its codes of
#[derive(Args)]
struct Read {
    /// File with the URI [default: standard input]
    #[arg(
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    uri: PathBuf,

    /// Show the secret too
    #[arg(long)]
    show_secret: bool,

    /// Draw the QR code in place of the text
    #[arg(long, conflicts_with_all = ["json", "show_secret"])]
    qr: bool,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl UriCommand {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        match &self.act {
            Act::Make(make) => make.run(),
            Act::Read(read) => read.run(),
        }
    }
}

impl Make {
    fn run(&self) -> Result<Answer, Failure> {
        let moving = match self.counter {
            Some(first) => Moving::Counter { first },
            None => Moving::Time { period: self.step },
        };
        let secret = if self.new {
            drawn()?
        } else {
            self.secret.read()?
        };
        let uri = Uri::new(moving, self.issuer.as_deref(), &self.account, secret);
        let uri = uri.map(|uri| uri.algorithm(self.algorithm.into()));
        let uri = uri.and_then(|uri| uri.digits(self.digits));
        let uri = uri.map_err(|error| Failure::new(format!("--issuer, --account: {error}")))?;
        told(&uri, self.qr)
    }
}

impl Read {
    fn run(&self) -> Result<Answer, Failure> {
        let text = input::secret(&self.uri, "otpauth URI")?;
        let uri = Uri::parse_legacy(&text).map_err(|error| Failure::new(error.to_string()))?;
        if self.qr {
            return told(&uri, true);
        }
        let (kind, moving, number) = match uri.moving() {
            Moving::Counter { first } => ("hotp", "counter", first),
            Moving::Time { period } => ("totp", "step", period.into()),
        };
        let secret = self.show_secret.then(|| uri.secret().to_base32());
        let secret = secret.as_deref().map(String::as_str);
        if self.json {
            let told = json!({
                "type": kind, "issuer": uri.issuer(), "account": uri.account(),
                "algorithm": uri.hash().name(), "digits": uri.code_digits(), moving: number,
                "secret": secret,
            });
            return Ok(Answer::yes(format!("{told}\n")));
        }
        // Quoted: whoever made the URI chose these texts, and nothing in them may reach the terminal as a command.
        let issuer = uri
            .issuer()
            .map(|issuer| format!("issuer     {issuer:?}\n"));
        Ok(Answer::yes(format!(
            "type       {kind}\n{}account    {:?}\nalgorithm  {}\ndigits     {}\n{moving:<11}{number}\nsecret     {}\n",
            issuer.unwrap_or_default(),
            uri.account(),
            uri.hash().name(),
            uri.code_digits(),
            secret.map_or_else(
                || format!(
                    "{} bits; --show-secret shows it",
                    uri.secret().as_bytes().len() * 8
                ),
                Into::into
            ),
        )))
    }
}

fn drawn() -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new([0; 20]);
    getrandom::fill(&mut *bytes).map_err(|error| Failure::new(format!("randomness: {error}")))?;
    Secret::new(&*bytes).map_err(|error| Failure::new(error.to_string()))
}

fn told(uri: &Uri, as_qr: bool) -> Result<Answer, Failure> {
    let text = uri.to_text();
    Ok(Answer::yes(if as_qr {
        drawing(&text, io::stdout().is_terminal())?
    } else {
        format!("{}\n", *text)
    }))
}

/// Draws a QR code, two modules to a character, with the quiet zone of four modules around it.
///
/// Light modules are the full blocks, as most terminals are dark; one that is known to be a terminal is told to
/// write white on black, whatever its colours.
fn drawing(text: &str, is_terminal: bool) -> Result<String, Failure> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| {
        let why = format!(
            "--qr: the URI has {} bytes, too many for a QR code; shorten its names",
            text.len()
        );
        Failure::new(why)
    })?;
    let (width, colors) = (code.width(), code.to_colors());
    let is_light = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
        let color = inside(x).zip(inside(y)).map(|(x, y)| colors[y * width + x]);
        color.is_none_or(|color| color == Color::Light)
    };
    let whole = width + 2 * QUIET;
    let (begin, end) = if is_terminal {
        ("\x1b[97;40m", "\x1b[0m\n")
    } else {
        ("", "\n")
    };
    let row = |y: usize| {
        let half = |x| match (is_light(x, y), y + 1 < whole && is_light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        format!("{begin}{}{end}", (0..whole).map(half).collect::<String>())
    };
    Ok((0..whole).step_by(2).map(row).collect())
}

/// What must stay light around a QR code, in modules.
const QUIET: usize = 4;
