//! `otp policy`, and the file that it reads

use core::time::Duration;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use otp_engine::evidence::EvidenceKind;
use otp_engine::policy::{ContentRule, OutOfBounds, PolicyBuilder, Resend};
use otp_engine::rate_limits::RateLimitsBuilder;
use otp_engine::{Policy, RateLimits, findings};
use serde::Deserialize;
use serde_json::json;

use crate::answer::{Answer, Failure};
use crate::input;

/// Check limits: odds of guessing, deviations from standards
#[derive(Args)]
pub(crate) struct PolicyCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    Check(Check),
}

/// Check a file of limits
#[derive(Args)]
#[command(after_help = "\
The file is TOML with the tables [policy] and [rate_limits]; its members have
the names and bounds of docs/policies.md, times are in seconds, and what is not
there has its default. Exit code: 0 sound, 1 findings with --strict, 2 an error.")]
struct Check {
    /// File of the limits; - is standard input
    file: PathBuf,

    /// Codes go out by SMS: add what standards say of that
    #[arg(long)]
    sms: bool,

    /// Codes go out by e-mail: add what standards say of that
    #[arg(long)]
    email: bool,

    /// End with exit code 1 where there are findings
    #[arg(long)]
    strict: bool,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl PolicyCommand {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        let Act::Check(check) = &self.act;
        check.run()
    }
}

impl Check {
    fn run(&self) -> Result<Answer, Failure> {
        let (policy, rate_limits) = read(&self.file)?;
        let odds = policy.odds(&rate_limits);
        let found = policy.findings(&rate_limits);
        let found = found.chain(findings::of_mobiles().filter(|_| self.sms));
        let found: Vec<_> = found
            .chain(findings::of_emails().filter(|_| self.email))
            .collect();
        let holds = found.is_empty() || !self.strict;
        if self.json {
            let found = found.iter().map(
                |one| json!({"standard": one.standard, "clause": one.clause, "text": one.text}),
            );
            let odds = json!({"per_code": odds.per_code, "per_day": odds.per_day, "per_year": odds.per_year});
            let told = json!({"odds": odds, "findings": found.collect::<Vec<_>>()});
            return Ok(Answer::of(format!("{told}\n"), holds));
        }
        let mut told = format!("chance of guessing: {odds}\n");
        for one in &found {
            told += &format!("finding: {one}\n");
        }
        told += &format!("{} findings\n", found.len());
        Ok(Answer::of(told, holds))
    }
}

/// The file: what is not there keeps its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    policy: PolicyTable,
    rate_limits: RateLimitsTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PolicyTable {
    digits: Option<u8>,
    letters: Option<u8>,
    token: bool,
    validity: Option<u64>,
    max_attempts: Option<u8>,
    lockout: Option<u64>,
    cooldown: Option<u64>,
    resend: Option<ResendName>,
    max_sends: Option<u8>,
    content: Option<ContentName>,
    require: Vec<EvidenceName>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RateLimitsTable {
    user_failures_per_day: Option<u8>,
    consecutive_failures: Option<u8>,
    lock_ends_after: Option<u64>,
    recipient_failures_per_day: Option<u8>,
    device_failures_per_day: Option<u8>,
    recipient_sends_per_ten_minutes: Option<u8>,
    recipient_sends_per_day: Option<u8>,
    user_sends_per_hour: Option<u8>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResendName {
    Same,
    Rotate,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ContentName {
    Optional,
    Required,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EvidenceName {
    Consent,
    Document,
    Image,
    SignerName,
}

/// Reads a file of limits.
pub(crate) fn read(path: &Path) -> Result<(Policy, RateLimits), Failure> {
    let (name, text) = input::text(path)?;
    let fails = |why: String| Failure::new(format!("{name}: {why}"));
    let limits: Limits = toml::from_str(&text).map_err(|error| fails(error.to_string()))?;
    let kinds = [
        limits.policy.digits.is_some(),
        limits.policy.letters.is_some(),
        limits.policy.token,
    ];
    if kinds.into_iter().filter(|is_named| *is_named).count() > 1 {
        return Err(fails(
            "policy must have one of digits, letters and token; remove the others".into(),
        ));
    }
    let policy = limits
        .policy
        .build()
        .map_err(|error| fails(format!("policy: {error}")))?;
    let rate_limits = limits.rate_limits.build();
    let rate_limits = rate_limits.map_err(|error| fails(format!("rate_limits: {error}")))?;
    Ok((policy, rate_limits))
}

/// Sets what was given.
fn set<B, T>(builder: B, given: Option<T>, with: impl FnOnce(B, T) -> B) -> B {
    match given {
        Some(value) => with(builder, value),
        None => builder,
    }
}

/// Takes a time in seconds.
fn seconds<B>(with: impl FnOnce(B, Duration) -> B) -> impl FnOnce(B, u64) -> B {
    |builder, seconds| with(builder, Duration::from_secs(seconds))
}

impl PolicyTable {
    fn build(self) -> Result<Policy, OutOfBounds> {
        let mut it = Policy::builder();
        it = set(it, self.digits, PolicyBuilder::digits);
        it = set(it, self.letters, PolicyBuilder::letters);
        it = set(it, self.token.then_some(()), |it, ()| it.token());
        it = set(it, self.validity, seconds(PolicyBuilder::validity));
        it = set(it, self.max_attempts, PolicyBuilder::max_attempts);
        it = set(it, self.lockout, seconds(PolicyBuilder::lockout));
        it = set(it, self.cooldown, seconds(PolicyBuilder::cooldown));
        it = set(it, self.max_sends, PolicyBuilder::max_sends);
        it = set(it, self.resend, |it, name| {
            it.resend(match name {
                ResendName::Same => Resend::Same,
                ResendName::Rotate => Resend::Rotate,
            })
        });
        it = set(it, self.content, |it, name| {
            it.content(match name {
                ContentName::Optional => ContentRule::Optional,
                ContentName::Required => ContentRule::Required,
            })
        });
        for name in self.require {
            it = it.require(match name {
                EvidenceName::Consent => EvidenceKind::Consent,
                EvidenceName::Document => EvidenceKind::Document,
                EvidenceName::Image => EvidenceKind::Image,
                EvidenceName::SignerName => EvidenceKind::SignerName,
            });
        }
        it.build()
    }
}

impl RateLimitsTable {
    fn build(self) -> Result<RateLimits, OutOfBounds> {
        let mut it = RateLimits::builder();
        it = set(
            it,
            self.lock_ends_after,
            seconds(RateLimitsBuilder::lock_ends_after),
        );
        for (count, with) in [
            (
                self.user_failures_per_day,
                RateLimitsBuilder::user_failures_per_day as fn(_, _) -> _,
            ),
            (
                self.consecutive_failures,
                RateLimitsBuilder::consecutive_failures,
            ),
            (
                self.recipient_failures_per_day,
                RateLimitsBuilder::recipient_failures_per_day,
            ),
            (
                self.device_failures_per_day,
                RateLimitsBuilder::device_failures_per_day,
            ),
            (
                self.recipient_sends_per_ten_minutes,
                RateLimitsBuilder::recipient_sends_per_ten_minutes,
            ),
            (
                self.recipient_sends_per_day,
                RateLimitsBuilder::recipient_sends_per_day,
            ),
            (
                self.user_sends_per_hour,
                RateLimitsBuilder::user_sends_per_hour,
            ),
        ] {
            it = set(it, count, with);
        }
        it.build()
    }
}
