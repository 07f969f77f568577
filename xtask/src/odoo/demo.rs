//! `cargo xtask odoo`: a real Odoo with the demo, until it is interrupted.

use core::time::Duration;
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread;

use crate::job::Job;
use crate::need;
use crate::odoo::distribution::{self, Distribution};
use crate::odoo::home::Home;
use crate::odoo::{Odoo, TEMPLATE, free_port};
use crate::parts;
use crate::world::World;

/// Its database, made afresh each time.
const DATABASE: &str = "otp_demo";

/// Sets everything up, tells how to use it, and serves.
pub(crate) fn serve() -> ExitCode {
    let world = World::new(None);
    match Job::new(&world, "odoo-demo")
        .map_err(|error| error.to_string())
        .and_then(|mut job| run(&mut job).inspect_err(|_| eprint!("{}", job.text())))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(job: &mut Job<'_>) -> Result<(), String> {
    println!("setting up Odoo; the first time takes some minutes");
    for part in parts::ODOO {
        need::install(job, part.needs)?;
    }
    let home = Home::open(job.world)?;
    let version = match distribution::ready(job, &home)? {
        Distribution::Version(version) => version,
        Distribution::Gone(why) => return Err(format!("Odoo cannot be had: {why}")),
    };
    let odoo = Odoo::start(job, home, &version)?;
    odoo.database(job, DATABASE, TEMPLATE)?;
    let mut install = odoo.command(job)?;
    install.args(["-d", DATABASE, "-i", "esms_otp_demo", "--stop-after-init"]);
    job.run(&mut install)?.succeeded()?;
    let port = free_port()?;
    let mut server = odoo.command(job)?;
    // The last one counts.
    server.args(["--http-port", &port.to_string(), "-d", DATABASE]);
    server.args([
        "--db-filter",
        &format!("^{DATABASE}$"),
        "--max-cron-threads",
        "0",
    ]);
    server.args(["--log-level", "warn"]);
    server.args(["--log-handler", "odoo.addons.esms_otp:INFO"]);
    let mut server = server.spawn().map_err(|error| error.to_string())?;
    // Not before it answers: the lines are there to be copied at once.
    while server.try_wait().is_ok_and(|ended| ended.is_none())
        && TcpStream::connect(("127.0.0.1", port)).is_err()
    {
        thread::sleep(Duration::from_millis(100));
    }
    println!("{}", told(&format!("http://127.0.0.1:{port}"), &version));
    let ended = server.wait().map_err(|error| error.to_string())?;
    match ended.success() {
        true => Ok(()),
        false => Err(format!("Odoo ended, {ended}")),
    }
}

/// How to use the server at `url`.
fn told(url: &str, version: &str) -> String {
    format!(
        r#"
Odoo {version}: {url}
  log in as admin / admin, or as the borrower: borrower / borrower
  the gateway is the log below, which shows each message with its code; ctrl-C ends everything

the contract's example, as the borrower:

  curl --silent --output /dev/null --cookie-jar otp.cookies {url}/web/session/authenticate \
    --header 'Content-Type: application/json' \
    --data '{{"params": {{"db": "{DATABASE}", "login": "borrower", "password": "borrower"}}}}'

  curl --cookie otp.cookies \
    --location '{url}/api/esms_otp/send_esms_otp?model=loan.application&field=client_schedule_esms_otp_signature_ids&id=15&redirect_url=%2Fmy%2Fhome' \
    --header 'Content-Type: application/json' \
    --data '{{
    "params": {{
        "model": "loan.application",
        "field": "client_schedule_esms_otp_signature_ids",
        "id": 15,
        "redirect_url": "/my/home"
    }}
}}'
"#
    )
}
