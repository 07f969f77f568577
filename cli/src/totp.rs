//! `otp totp`

use clap::{Args, value_parser};
use otp_engine::Timestamp;

use crate::answer::{Answer, Failure};
use crate::device::Device;
use crate::instant;

/// Make or check the codes of a clock (TOTP, RFC 6238)
#[derive(Args)]
#[command(after_help = "\
Without CODE the codes are printed. With CODE, what is printed is by how many
steps the device is ahead (behind: below 0), of --window before and after now.
Exit code: 0 valid, 2 not valid, 1 bad usage or an error, as of oathtool.")]
pub(crate) struct Totp {
    #[command(flatten)]
    device: Device,

    /// Length of a step in seconds, 1 to 86400
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = value_parser!(u32).range(1..=86_400))]
    step: u32,

    /// Time, such as 2026-11-30T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant::parse, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

impl Totp {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        let device = &self.device;
        let totp = otp_oath::Totp::new(
            &device.secret()?,
            device.algorithm(),
            device.digits,
            self.step,
        );
        let totp = totp.map_err(|error| Failure::new(error.to_string()))?;
        let now = self.now.map_or_else(instant::now, Ok)?;
        let step = u64::try_from(totp.step(now));
        let step =
            step.map_err(|_| Failure::new("--now lies before 1970; steps are counted from there"))?;
        Ok(match device.entered()? {
            Some(entered) => {
                device.judge("step", step, totp.verify(&**entered, now, device.window))
            }
            None => {
                let seconds = |n| core::time::Duration::from_secs(u64::from(self.step) * n);
                let times = (0..=u64::from(device.window)).map(|n| now.saturating_add(seconds(n)));
                let codes: Vec<_> = times.filter_map(|time| totp.at(time)).collect();
                device.tell("step", step, &codes)
            }
        })
    }
}
