//! Instants on the command line.

use otp_engine::{Clock as _, SystemClock, Timestamp};
use time::{Date, Month, Time, UtcDateTime};

use crate::answer::Failure;

/// Returns the time of the system.
pub(crate) fn now() -> Result<Timestamp, Failure> {
    let now = SystemClock::new().now();
    now.ok_or_else(|| Failure::new("the system's clock cannot be read; set it"))
}

/// Reads an instant in UTC: `2026-11-30 00:00:00`, the same with a `T` and a `Z` as RFC 3339 has it or with
/// ` UTC` behind, or seconds since 1970, with or without the `@` of oathtool and date.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    let seconds = text.strip_prefix('@').unwrap_or(text).parse().ok();
    let seconds = seconds.map(Timestamp::from_unix);
    seconds.or_else(|| date_and_time(text)).ok_or_else(|| {
        "it must be UTC as 2026-11-30T12:00:00Z, or seconds since 1970 as @1796040000".into()
    })
}

fn date_and_time(text: &str) -> Option<Timestamp> {
    let text = text.trim_end_matches(" UTC").trim_end_matches('Z');
    let (date, time) = text.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?.map(u8::try_from);
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(year.into(), month, u8::try_from(day).ok()?).ok()?;
    let time = Time::from_hms(hour.ok()?, minute.ok()?, second.ok()?).ok()?;
    Some(UtcDateTime::new(date, time).into())
}

fn numbers(text: &str, between: char) -> Option<[u16; 3]> {
    let plain = |text: &str| text.parse().ok().filter(|_| !text.starts_with('+'));
    let numbers = text.split(between).map(plain).collect::<Option<Vec<_>>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_date_with_a_time_or_seconds() {
        for text in [
            "2026-11-30T12:00:00Z",
            "2026-11-30 12:00:00 UTC",
            "2026-11-30 12:00:00",
            "@1796040000",
            "1796040000",
        ] {
            assert_eq!(
                parse(text),
                Ok(Timestamp::from_unix(1_796_040_000)),
                "{text}"
            );
        }
        assert_eq!(parse("-5"), Ok(Timestamp::from_unix(-5)));
        for text in [
            "",
            "@",
            "now",
            "2026-11-30",
            "2026-13-30 12:00:00",
            "2026-11-31 12:00:00",
            "2026-11-30 24:00:00",
            "2026-11-30 12:00",
            "2026-+1-30 12:00:00",
        ] {
            assert!(
                parse(text).unwrap_err().contains("2026-11-30T12:00:00Z"),
                "{text}"
            );
        }
    }
}
