//! `otp keys`

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use otp_engine::SigningKey;
use otp_engine::record::VerifyingKeys;
use zeroize::Zeroizing;

use crate::answer::{Answer, Failure};
use crate::key_file::{self, KeyFile};
use crate::{input, instant};

/// Make, rotate and check the files of keys
#[derive(Args)]
#[command(after_help = "\
Files are made with mode 0600; none is ever overwritten: what changes a key file
writes a new one, which you move into its place. docs/keys.md says when.")]
pub(crate) struct Keys {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    New(New),
    Rotate(Rotate),
    Retire(Retire),
    Check(Check),
}

/// Make a key ring, a signing key and its public key in a folder
#[derive(Args)]
struct New {
    /// Folder, made if it is not there
    folder: PathBuf,

    /// Name of the code secret [default: today, as 20261130]
    #[arg(long, value_name = "KID")]
    kid: Option<String>,
}

/// Add a new code secret and make it current, or make a new signing key
#[derive(Args)]
#[command(after_help = "\
Of a key ring (keys.json), the secret that was current is retired: it verifies
what it issued. Of a signing key (PEM), a JWK set is written beside NEW with the
public keys of both, and those of the set beside FILE: publish it.")]
struct Rotate {
    /// Key ring or signing key
    file: PathBuf,

    /// File to write, which is not there
    new: PathBuf,

    /// Name of the new code secret [default: today, as 20261130]
    #[arg(long, value_name = "KID")]
    kid: Option<String>,

    /// Raise the epoch too: no code that is out verifies any more
    #[arg(long)]
    raise_epoch: bool,
}

/// Retire a code secret, or remove one that is retired
#[derive(Args)]
#[command(after_help = "\
Remove a secret when the last code that it made is over, 7 days at most; at once
where it leaked, and raise the epoch (otp keys rotate --raise-epoch).")]
struct Retire {
    /// Key ring
    file: PathBuf,

    /// File to write, which is not there
    new: PathBuf,

    /// Name of the code secret
    #[arg(long, value_name = "KID")]
    kid: String,

    /// Remove it; it must be retired
    #[arg(long)]
    remove: bool,
}

/// Check key rings, signing keys and JWK sets, and name what is in them
#[derive(Args)]
#[command(after_help = "Exit code: 0 all are sound, 1 one is not, 2 bad usage.")]
struct Check {
    /// Files of keys
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Keys {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        match &self.act {
            Act::New(new) => new.run(),
            Act::Rotate(rotate) => rotate.run(),
            Act::Retire(retire) => retire.run(),
            Act::Check(check) => Ok(check.run()),
        }
    }
}

impl New {
    fn run(&self) -> Result<Answer, Failure> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.folder);
        made.map_err(|error| {
            Failure::of_file(&self.folder, format_args!("cannot be made: {error}"))
        })?;
        let [ring, pem, set] =
            ["keys.json", "signing.pem", "signing.jwks"].map(|name| self.folder.join(name));
        for path in [&ring, &pem, &set] {
            absent(path)?;
        }
        let keys = KeyFile::new(&kid(self.kid.as_deref())?)?;
        keys.ring(&ring)?;
        let (signer, text) = key_file::signing_key()?;
        let public: VerifyingKeys = [signer.verifying_key()].into_iter().collect();
        key_file::make(&ring, &keys.to_text()?)?;
        key_file::make(&pem, &text)?;
        key_file::make(&set, &(public.to_jwk_set() + "\n"))?;
        Ok(named(&[&ring, &pem, &set]))
    }
}

impl Rotate {
    fn run(&self) -> Result<Answer, Failure> {
        absent(&self.new)?;
        let text = input::secret(&self.file, "keys")?;
        if text.starts_with("-----BEGIN") {
            return self.rotate_signing_key(&text);
        }
        let mut keys = KeyFile::parse(&self.file, &text)?;
        keys.ring(&self.file)?;
        let kid = kid(self.kid.as_deref())?;
        if keys.codes.contains_key(&kid) {
            let what = format_args!("has a kid {kid} already; name the new one by --kid");
            return Err(Failure::of_file(&self.file, what));
        }
        let before = match keys.current.take() {
            None => keys.codes.keys().next().cloned(), // the only one
            named => named,
        };
        let now = instant::now()?.unix();
        keys.retired.extend(before.map(|kid| (kid, now)));
        keys.codes.insert(kid.clone(), key_file::secret()?);
        keys.current = Some(kid);
        if self.raise_epoch {
            let raised = keys.epoch.checked_add(1);
            keys.epoch = raised
                .ok_or_else(|| Failure::of_file(&self.file, "has the last epoch there is"))?;
        }
        write(&keys, &self.new)
    }

    fn rotate_signing_key(&self, pem: &str) -> Result<Answer, Failure> {
        let fails = |error| Failure::of_file(&self.file, error);
        let old = SigningKey::from_pkcs8_pem(pem).map_err(fails)?;
        if self.kid.is_some() || self.raise_epoch {
            let what = "is a signing key, which has no kid and no epoch; leave out --kid and --raise-epoch";
            return Err(Failure::of_file(&self.file, what));
        }
        let (before, set) = (
            self.file.with_extension("jwks"),
            self.new.with_extension("jwks"),
        );
        absent(&set)?;
        let mut public = match before.exists() {
            true => jwk_set(&before, &input::text(&before)?.1)?,
            false => VerifyingKeys::new(),
        };
        let (new, text) = key_file::signing_key()?;
        if public.iter().all(|key| key.id() != old.id()) {
            public.insert(old.verifying_key());
        }
        public.insert(new.verifying_key());
        key_file::make(&self.new, &text)?;
        key_file::make(&set, &(public.to_jwk_set() + "\n"))?;
        Ok(named(&[&self.new, &set]))
    }
}

impl Retire {
    fn run(&self) -> Result<Answer, Failure> {
        absent(&self.new)?;
        let mut keys = KeyFile::read(&self.file)?;
        keys.ring(&self.file)?;
        let fails = |what: String| Err(Failure::new(format!("--kid {}: {what}", self.kid)));
        let name = self.file.display();
        if !keys.codes.contains_key(&self.kid) {
            let known: Vec<_> = keys.codes.keys().map(String::as_str).collect();
            return fails(format!(
                "{name} has no such secret; it has {}",
                known.join(", ")
            ));
        }
        if keys
            .current
            .as_deref()
            .is_none_or(|current| current == self.kid)
        {
            return fails("it is current; make another one by otp keys rotate first".into());
        }
        match (self.remove, keys.retired.contains_key(&self.kid)) {
            (true, false) => {
                return fails("it is not retired; retire it first, without --remove".into());
            }
            (true, true) => {
                keys.codes.remove(&self.kid);
                keys.retired.remove(&self.kid);
            }
            (false, true) => return fails("it is retired already; --remove removes it".into()),
            (false, false) => {
                keys.retired
                    .insert(self.kid.clone(), instant::now()?.unix());
            }
        }
        write(&keys, &self.new)
    }
}

impl Check {
    fn run(&self) -> Answer {
        let (mut told, mut sound) = (String::new(), true);
        for path in &self.files {
            match look(path) {
                Ok(what) => told += &format!("{}: {what}\n", path.display()),
                Err(failure) => {
                    told += &format!("NOT SOUND: {failure}\n");
                    sound = false;
                }
            }
        }
        Answer::of(told, sound)
    }
}

/// Names what is in a file, if it is sound.
fn look(path: &Path) -> Result<String, Failure> {
    let (_, text) = input::text(path)?;
    let text = Zeroizing::new(text);
    if text.trim_start().starts_with("-----BEGIN PUBLIC") {
        let keys = VerifyingKeys::from_pem(&text);
        return Ok(public(
            &keys.map_err(|error| Failure::of_file(path, error))?,
        ));
    }
    if !text.starts_with("-----BEGIN") && text.contains("\"keys\"") {
        return Ok(public(&jwk_set(path, &text)?));
    }
    let text = input::secret(path, "keys")?; // now that it may be a secret: its mode counts
    if text.starts_with("-----BEGIN") {
        let key =
            SigningKey::from_pkcs8_pem(&text).map_err(|error| Failure::of_file(path, error))?;
        return Ok(format!("signing key {}", key.id()));
    }
    let keys = KeyFile::parse(path, &text)?;
    keys.ring(path)?;
    let mut told = format!("key ring of epoch {}", keys.epoch);
    for kid in keys.codes.keys() {
        let state = match (keys.retired.get(kid), &keys.current) {
            (Some(at), _) => format!("retired at {} UTC", otp_engine::Timestamp::from_unix(*at)),
            (None, Some(current)) if current != kid => "verifies".into(),
            (None, _) => "current".into(),
        };
        told += &format!("\n  {kid:<12} {state}");
    }
    Ok(told)
}

fn public(keys: &VerifyingKeys) -> String {
    let ids = keys.iter().map(|key| format!("\n  {}", key.id()));
    format!("public keys{}", ids.collect::<String>())
}

fn jwk_set(path: &Path, text: &str) -> Result<VerifyingKeys, Failure> {
    VerifyingKeys::from_jwk_set(text).map_err(|error| Failure::of_file(path, error))
}

/// Returns the name that was given, or today's date.
fn kid(given: Option<&str>) -> Result<String, Failure> {
    match given {
        Some(kid) => Ok(kid.into()),
        None => {
            let now = instant::now()?.to_utc();
            let date = now.map(|now| now.date().to_string().replace('-', ""));
            date.ok_or_else(|| {
                Failure::new("the system's clock has no date; name the secret by --kid")
            })
        }
    }
}

/// Fails before anything is written where a file is there already.
fn absent(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::of_file(
            path,
            "is there already, and is kept; name another file",
        ));
    }
    Ok(())
}

/// Writes a key ring that is checked.
fn write(keys: &KeyFile, path: &Path) -> Result<Answer, Failure> {
    keys.ring(path)?;
    key_file::make(path, &keys.to_text()?)?;
    Ok(named(&[path]))
}

/// Names what was made, a file a line.
fn named(paths: &[&Path]) -> Answer {
    Answer::yes(
        paths
            .iter()
            .map(|path| format!("{}\n", path.display()))
            .collect::<String>(),
    )
}
