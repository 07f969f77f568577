//! What is judged without an Odoo: the addons' files, and those of their parts that import none.

use std::path::{Path, PathBuf};

use xshell::{Cmd, Shell, cmd};

use crate::job::Job;
use crate::need::{self, Need};
use crate::odoo::home::{FOLDER, Home};
use crate::python::{lint, pytest};

/// The addons that are for users.
const ADDONS: [&str; 2] = ["esms_otp", "esms_otp_demo"];
/// Files of the addon that import no Odoo.
const APART: [&str; 3] = ["backup.py", "engine.py", "make_keys.py"];
/// What the addon shares with any back end.
const SHARED: &str = "bindings/python/src/otp_engine/esms";
/// The oldest Python that either runs on.
const PYTHON: &str = "--python-version=3.10";

/// Whatever pylint-odoo has, and what the community's template enables of pylint itself.
const OCA: &str = "--enable=odoolint,anomalous-backslash-in-string,assignment-from-none,dangerous-default-value,\
                   deprecated-module,duplicate-key,eval-used,pointless-statement,pointless-string-statement,\
                   redefined-builtin,redundant-keyword-arg,reimported,return-in-init,too-complex,\
                   too-few-format-args,unreachable";

/// Tools that judge an addon: their options, the files that they take, by their extension (none: the addon
/// itself), and a fault that each must see.
const JUDGES: &[(&str, &[&str], &str, &str)] = &[
    (
        "pylint",
        &[
            "--load-plugins=pylint_odoo,pylint.extensions.mccabe",
            "--disable=all",
            OCA,
            "--persistent=n",
            "--manifest-required-authors=The otp-engine authors",
        ],
        "",
        "invalid-commit",
    ),
    ("oca-checks-odoo-module", &[], "", "xml-duplicate-record-id"),
    (
        "oca-checks-po",
        &[],
        "po",
        "po-duplicate-message-definition",
    ),
    ("xmllint", &["--noout"], "xml", "parser error"),
    (
        "prettier",
        &["--check", "--ignore-path=bindings/odoo/.prettierignore"],
        "",
        "twice.xml",
    ),
    (
        "eslint",
        &["--max-warnings=0", "--no-error-on-unmatched-pattern"],
        "",
        "no-eq-null",
    ),
];

/// What of the judges npm installs, with their settings.
const NPM: &str = "bindings/odoo/oca";

/// An addon with one fault for each judge.
const PLANTED: &str = "xtask/planted/planted_addon";

/// Lets the tools of Odoo's community and our own judge the addons.
pub(crate) fn checks(job: &mut Job<'_>) {
    let (sh, world) = (job.sh(), job.world);
    lint(job, FOLDER, &[]);
    job.check("mypy finds nothing in what imports no Odoo", |job| {
        let (mypy, cache) = (world.venv("mypy"), world.own("mypy"));
        // The tools' environment holds neither Odoo nor what the addon imports with it.
        let lenient = ["--follow-imports=silent", "--ignore-missing-imports"];
        let untyped = ["--disable-error-code", "import-untyped"];
        let files = APART.map(|name| format!("{FOLDER}/esms_otp/{name}"));
        let mypy = cmd!(
            sh,
            "{mypy} --strict --cache-dir {cache} {PYTHON} {lenient...} {untyped...} {files...} {SHARED}"
        );
        job.pass(mypy.env("MYPYPATH", "bindings/python/src"))
            .map(drop)
    });
    job.check("prettier and ESLint install", |job| {
        need::install(job, &[Need::Npm(NPM)])
    });
    for &(name, options, extension, sees) in JUDGES {
        let npm = world.own("oca");
        let (program, settings) = match name {
            "xmllint" => (PathBuf::from(name), vec![]), // Debian's
            "prettier" | "eslint" => {
                let settings = npm.join(name).with_extension("config.cjs");
                let settings = format!("--config={}", settings.display());
                (npm.join("node_modules/.bin").join(name), vec![settings])
            }
            name => (world.venv(name), vec![]),
        };
        let settings = &settings;
        let judge = |folder: &Path| -> Cmd<'_> {
            let files = match extension {
                "" => vec![folder.to_owned()],
                extension => files(sh, folder, extension),
            };
            cmd!(sh, "{program} {settings...} {options...} {files...}")
        };
        for addon in ADDONS {
            job.passes(
                format!("{name} finds nothing in {addon}"),
                judge(&world.root.join(FOLDER).join(addon)),
            );
        }
        job.check(format!("{name} finds a planted {sees}"), |job| {
            job.run(judge(&world.root.join(PLANTED)))?.caught(sees)
        });
    }
    // The tests of what imports no Odoo, where there is none.
    let mut python = None;
    job.check("the packages install", |job| {
        let home = Home::open(world)?;
        home.install(job)?;
        python = Some(home);
        Ok(())
    });
    if let Some(home) = python {
        let python = home.path("venv/bin/python");
        let run = home
            .surround(pytest(cmd!(sh, "{python}")))
            .env_remove("PYTHONPATH");
        job.tests(run.arg(format!("{FOLDER}/tests_pure")));
    }
}

/// Returns the files below `folder` whose names end with `.` and `extension`, sorted.
pub(super) fn files(sh: &Shell, folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in sh.read_dir(folder).unwrap_or_default() {
        if path.is_dir() {
            found.extend(files(sh, &path, extension));
        } else if path.extension().is_some_and(|its| its == extension) {
            found.push(path);
        }
    }
    found
}
