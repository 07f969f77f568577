//! `otp hotp`

use clap::Args;

use crate::answer::{Answer, Failure};
use crate::device::Device;

/// Make or check the codes of a counter (HOTP, RFC 4226)
#[derive(Args)]
#[command(after_help = "\
Without CODE the codes are printed. With CODE, what is printed is how far the
counter that matched is ahead of --counter: store the one after it.
Exit code: 0 valid, 2 not valid, 1 bad usage or an error, as of oathtool.")]
pub(crate) struct Hotp {
    #[command(flatten)]
    device: Device,

    /// Counter of the first code
    #[arg(long, short, value_name = "N", default_value_t = 0)]
    counter: u64,
}

impl Hotp {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        let device = &self.device;
        let hotp = otp_oath::Hotp::new(&device.secret()?, device.algorithm(), device.digits);
        let hotp = hotp.map_err(|error| Failure::new(error.to_string()))?;
        Ok(match device.entered()? {
            Some(entered) => {
                let matched = hotp.verify(&**entered, self.counter, device.window);
                device.judge("counter", self.counter, matched)
            }
            None => {
                let counters =
                    (0..=u64::from(device.window)).map_while(|n| self.counter.checked_add(n));
                let codes: Vec<_> = counters.map(|counter| hotp.at(counter)).collect();
                device.tell("counter", self.counter, &codes)
            }
        })
    }
}
