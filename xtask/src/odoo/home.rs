//! The folder in which a real Odoo is kept between runs.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use crate::job::Job;
use crate::odoo::FOLDER;
use crate::python;
use crate::world::World;

/// Names another folder than the one below Cargo's target directory.
pub(super) const CACHE: &str = "OTP_ODOO_CACHE";
/// Where Debian puts Python packages.
const PACKAGES: &str = "root/usr/lib/python3/dist-packages";

/// The folder, which nobody else uses as long as this is held.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    _lock: File,
}

impl Home {
    /// Takes the folder, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// That another run uses it, or what the file system answers.
    pub(super) fn open(world: &World) -> Result<Self, String> {
        let folder = env::var_os(CACHE).map_or_else(|| world.own("odoo"), PathBuf::from);
        let lock = fs::create_dir_all(&folder).and_then(|()| File::create(folder.join("lock")));
        let lock = lock.map_err(|error| format!("{}: {error}", folder.display()))?;
        lock.try_lock().map_err(|error| {
            format!(
                "{} is in use ({error}); {CACHE} names another",
                folder.display()
            )
        })?;
        let folder = folder.canonicalize().map_err(|error| error.to_string())?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Odoo's own addons.
    pub(super) fn addons(&self) -> PathBuf {
        self.path(PACKAGES).join("odoo/addons")
    }

    /// Odoo's data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The program that starts Odoo; with workers, `python -m odoo` cannot start all of it.
    pub(super) fn script(&self) -> PathBuf {
        self.path("root/usr/bin/odoo")
    }

    pub(super) fn python(&self) -> PathBuf {
        self.path("venv/bin/python")
    }

    /// Gives `command` what Odoo and the addon take from the environment.
    pub(super) fn surround(&self, mut command: Command) -> Command {
        command
            .env("PYTHONPATH", self.path(PACKAGES))
            .env("PYTHONPYCACHEPREFIX", self.path("pycache"))
            .env("ESMS_OTP_KEYS_FILE", self.path("keys/keys.json"))
            .env("ESMS_OTP_SIGNING_KEY_FILE", self.path("keys/signing.pem"))
            .env_remove("OTP_ENGINE_LIBRARY");
        command
    }

    /// Installs what Odoo imports and what drives it, afresh where the lists changed.
    pub(super) fn install_packages(&self, job: &mut Job<'_>) -> Result<(), String> {
        let lists = job.world.root.join(FOLDER);
        let wanted = ["requirements.txt", "requirements-test.txt"]
            .map(|name| fs::read_to_string(lists.join(name)).unwrap_or_default())
            .concat();
        let stamp = self.path("venv/installed.txt"); // inside, so that it goes when the packages go
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        let mut make = job.world.command("python3");
        make.args(["-m", "venv", "--clear"]).arg(self.path("venv"));
        job.run(&mut make)?.succeeded()?;
        let mut install = self.pip(job.world);
        install.args(["install", "--quiet", "--requirement"]);
        install.arg(lists.join("requirements-test.txt"));
        job.run(&mut install)?
            .succeeded()
            .map_err(|error| format!("pip install: {error}"))?;
        fs::write(stamp, wanted).map_err(|error| error.to_string())
    }

    /// Builds the engine's package and installs it.
    pub(super) fn install_engine(&self, job: &mut Job<'_>) -> Result<(), String> {
        let wheels = self.path("wheels");
        python::build(job, &wheels)?;
        let mut install = self.pip(job.world);
        install.args(["install", "--quiet", "--no-deps", "--no-index"]);
        install.arg("--force-reinstall");
        install.arg("--find-links").arg(wheels).arg("otp-engine");
        job.run(&mut install)?.succeeded()
    }

    /// Makes the secrets of the servers here, once: the databases are kept too.
    pub(super) fn make_keys(&self, job: &mut Job<'_>) -> Result<(), String> {
        if self.path("keys").exists() {
            return Ok(());
        }
        let mut make = job.world.command(&self.python().to_string_lossy());
        make.arg(format!("{FOLDER}/esms_otp/make_keys.py"))
            .arg(self.path("keys"));
        job.run(&mut make)?.succeeded()
    }

    fn pip(&self, world: &World) -> Command {
        let mut pip = world.command(&self.python().to_string_lossy());
        pip.args(["-m", "pip"]);
        pip
    }
}
