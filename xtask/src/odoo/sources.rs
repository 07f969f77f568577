//! What is judged without an Odoo: the addons' files, and those of their parts that import none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::job::Job;
use crate::odoo::home::Home;
use crate::odoo::{FOLDER, files};
use crate::part::Check;
use crate::pytest;

/// The addons that are for users.
const ADDONS: [&str; 2] = ["esms_otp", "esms_otp_demo"];
/// Files of the addon that import no Odoo, so that another back end can take them.
const APART: [&str; 3] = ["contract.py", "gateway", "sending.py"];

/// Lets the tools of Odoo's community and our own judge the addons.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for args in [&["check"][..], &["format", "--check"]] {
        let mut ruff = tool(job, "ruff");
        ruff.args(args).arg(FOLDER);
        let claim = format!("ruff {} finds nothing in {FOLDER}", args.join(" "));
        checks.push(Check::new(claim, ended(job, &mut ruff)));
    }
    let mut mypy = tool(job, "mypy");
    mypy.args(["--strict", "--cache-dir"])
        .arg(job.world.own("mypy"));
    // The tools' environment holds neither Odoo nor what the addon imports with it.
    mypy.args(["--follow-imports=silent", "--ignore-missing-imports"]);
    mypy.args(["--disable-error-code", "import-untyped"]);
    mypy.env("MYPYPATH", "bindings/python/src");
    for name in APART {
        mypy.arg(format!("{FOLDER}/esms_otp/{name}"));
    }
    checks.push(Check::new(
        "mypy --strict finds nothing in what imports no Odoo",
        ended(job, &mut mypy),
    ));
    for addon in ADDONS {
        let folder = job.world.root.join(FOLDER).join(addon);
        for judge in JUDGES {
            checks.push(Check::new(
                format!("{} finds nothing in {addon}", judge.name),
                ended(job, &mut judge.command(job, &folder)),
            ));
        }
    }
    let planted = plant(job);
    for judge in JUDGES {
        let found = planted.clone().and_then(|folder| {
            let ran = job.run(&mut judge.command(job, &folder))?;
            match ran.status.success() || !ran.output.contains(judge.sees) {
                true => Err(format!("{}, without {}", ran.status, judge.sees)),
                false => Ok(()),
            }
        });
        checks.push(Check::new(
            format!("{} finds a planted {}", judge.name, judge.sees),
            found,
        ));
    }
    checks.extend(apart(job));
    checks
}

/// A tool that judges an addon, and a fault that it must see.
struct Judge {
    name: &'static str,
    args: &'static [&'static str],
    /// The files that it takes, by their extension; empty: the addon itself.
    takes: &'static str,
    sees: &'static str,
}

const JUDGES: &[Judge] = &[
    Judge {
        name: "pylint",
        args: &[
            "--load-plugins=pylint_odoo",
            "--disable=all",
            "--enable=odoolint",
            "--persistent=n",
            "--manifest-required-authors=The otp-engine authors",
        ],
        takes: "",
        sees: "invalid-commit",
    },
    Judge {
        name: "oca-checks-odoo-module",
        args: &[],
        takes: "",
        sees: "xml-duplicate-record-id",
    },
    Judge {
        name: "oca-checks-po",
        args: &[],
        takes: "po",
        sees: "po-duplicate-message-definition",
    },
    Judge {
        name: "xmllint",
        args: &["--noout"],
        takes: "xml",
        sees: "parser error",
    },
];

impl Judge {
    fn command(&self, job: &Job<'_>, folder: &Path) -> Command {
        let mut command = match self.name {
            "xmllint" => job.world.command(self.name), // Debian's
            name => tool(job, name),
        };
        command.args(self.args);
        match self.takes {
            "" => command.arg(folder),
            extension => command.args(files(folder, extension)),
        };
        command
    }
}

/// Makes an addon with one fault for each judge.
fn plant(job: &Job<'_>) -> Result<PathBuf, String> {
    let folder = job.world.own("planted").join("planted_addon");
    for (name, text) in PLANTED {
        let path = folder.join(name);
        let made = fs::create_dir_all(path.parent().unwrap_or(&folder));
        made.and_then(|()| fs::write(path, text))
            .map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

const PLANTED: [(&str, &str); 6] = [
    (
        "__manifest__.py",
        "{\"name\": \"Planted\", \"version\": \"19.0.1.0.0\", \"license\": \"LGPL-3\",\n\
         \"data\": [\"data/twice.xml\"]}\n",
    ),
    ("__init__.py", "from . import models\n"),
    (
        "models.py",
        "class Planted:\n    def save(self):\n        self.env.cr.commit()\n",
    ),
    (
        "data/twice.xml",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<odoo>\n\
         <record id=\"one\" model=\"res.partner\"><field name=\"name\">A</field></record>\n\
         <record id=\"one\" model=\"res.partner\"><field name=\"name\">B</field></record>\n\
         </odoo>\n",
    ),
    ("broken/open.xml", "<odoo><record></odoo>\n"),
    (
        "i18n/ms.po",
        "msgid \"\"\nmsgstr \"\"\n\"Content-Type: text/plain; charset=UTF-8\\n\"\n\n\
         #. module: planted_addon\n#: code:addons/planted_addon/models.py:0\n\
         msgid \"Code\"\nmsgstr \"Kod\"\n\n\
         #. module: planted_addon\n#: code:addons/planted_addon/models.py:0\n\
         msgid \"Code\"\nmsgstr \"Nombor\"\n",
    ),
];

/// Runs the tests of what imports no Odoo, where there is none.
fn apart(job: &mut Job<'_>) -> Vec<Check> {
    let ready = Home::open(job.world).and_then(|home| {
        home.install_packages(job)?;
        home.install_engine(job)?;
        Ok(home)
    });
    let home = match ready {
        Ok(home) => home,
        Err(error) => return vec![Check::new("the packages install", Err(error))],
    };
    let mut run = home.surround(job.world.command(&home.python().to_string_lossy()));
    run.env_remove("PYTHONPATH");
    run.args([
        "-m",
        "pytest",
        "-rA",
        "--tb=short",
        "-p",
        "no:cacheprovider",
    ]);
    run.arg(format!("{FOLDER}/tests_pure"));
    pytest::checks(job, &mut run)
}

/// A program of the environment that holds the tools.
fn tool(job: &Job<'_>, name: &str) -> Command {
    let path = job.world.own("venv").join("bin").join(name);
    job.world.command(&path.to_string_lossy())
}

fn ended(job: &mut Job<'_>, command: &mut Command) -> Result<(), String> {
    job.run(command)?.succeeded()
}
