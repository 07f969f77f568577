//! The folder in which a real Odoo is kept between runs.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::{Cmd, cmd};

use crate::job::Job;
use crate::python;
use crate::world::World;

/// Where the addons are.
pub(super) const FOLDER: &str = "bindings/odoo";
/// Names another folder than the one below Cargo's target directory.
const CACHE: &str = "OTP_ODOO_CACHE";
/// Where Debian puts Python packages, and among them Odoo's own addons.
const PACKAGES: &str = "root/usr/lib/python3/dist-packages";
pub(super) const ADDONS: &str = "root/usr/lib/python3/dist-packages/odoo/addons";
/// The program that starts Odoo; with workers, `python -m odoo` cannot start all of it.
pub(super) const SCRIPT: &str = "root/usr/bin/odoo";

/// The folder, which nobody else uses as long as this is held.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    _lock: File,
}

impl Home {
    /// Says where it is.
    pub(super) fn folder(world: &World) -> PathBuf {
        env::var_os(CACHE).map_or_else(|| world.own("odoo"), PathBuf::from)
    }

    /// Takes the folder, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// That another run uses it, or what the file system answers.
    pub(super) fn open(world: &World) -> Result<Self> {
        let folder = world.sh.create_dir(Self::folder(world))?;
        let lock = File::create(folder.join("lock"))?;
        let in_use = || format!("{} is in use; {CACHE} names another", folder.display());
        lock.try_lock().with_context(in_use)?;
        Ok(Self {
            folder: folder.canonicalize()?,
            _lock: lock,
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Gives `command` what Odoo and the addon take from the environment.
    pub(super) fn surround<'a>(&self, command: Cmd<'a>) -> Cmd<'a> {
        command
            .env("PYTHONPATH", self.path(PACKAGES))
            .env("PYTHONPYCACHEPREFIX", self.path("pycache"))
            .env("ESMS_OTP_KEYS_FILE", self.path("keys/keys.json"))
            .env("ESMS_OTP_SIGNING_KEY_FILE", self.path("keys/signing.pem"))
            .env_remove("OTP_ENGINE_LIBRARY")
    }

    /// Installs what Odoo imports and what drives it, afresh where the lists changed; then the engine's package,
    /// built anew.
    pub(super) fn install(&self, job: &mut Job<'_>) -> Result<()> {
        let (sh, venv, wheels) = (job.sh(), self.path("venv"), self.path("wheels"));
        let python = venv.join("bin/python");
        let lists = ["requirements.txt", "requirements-test.txt"];
        let wanted = lists.map(|name| sh.read_file(format!("{FOLDER}/{name}")).unwrap_or_default());
        let wanted = wanted.concat();
        let stamp = venv.join("installed.txt"); // inside, so that it goes when the packages go
        if fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
            job.pass(cmd!(sh, "python3 -m venv --clear {venv}"))?;
            let list = format!("{FOLDER}/requirements-test.txt");
            job.pass(cmd!(
                sh,
                "{python} -m pip install --quiet --requirement {list}"
            ))?;
            fs::write(stamp, wanted)?;
        }
        python::build(job, &wheels)?;
        let how = [
            "--quiet",
            "--no-deps",
            "--no-index",
            "--force-reinstall",
            "--find-links",
        ];
        job.pass(cmd!(
            sh,
            "{python} -m pip install {how...} {wheels} otp-engine[esms]"
        ))
        .map(drop)
    }

    /// Makes the secrets of the servers here, once: the databases are kept too.
    pub(super) fn make_keys(&self, job: &mut Job<'_>) -> Result<()> {
        let (python, keys) = (self.path("venv/bin/python"), self.path("keys"));
        if !keys.exists() {
            job.pass(cmd!(
                job.sh(),
                "{python} {FOLDER}/esms_otp/make_keys.py {keys}"
            ))?;
        }
        Ok(())
    }
}
