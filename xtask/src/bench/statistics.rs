//! Medians, quartiles and ratios of rounds.

/// How samples lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    /// The value below which a quarter lies.
    pub(crate) lower: f64,
    pub(crate) median: f64,
    /// The value above which a quarter lies.
    pub(crate) upper: f64,
}

impl Spread {
    /// Returns `None` without a sample.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            least: *sorted.first()?,
            lower: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            upper: quantile(&sorted, 0.75),
        })
    }
}

/// Returns the median of the rounds' ratios: what slowed a round down slowed both rows of it down.
/// `None` where the rounds are not the same ones.
pub(crate) fn ratio(numerator: &[f64], denominator: &[f64]) -> Option<f64> {
    if numerator.len() != denominator.len() {
        return None;
    }
    let rounds = numerator.iter().zip(denominator);
    let ratios: Vec<_> = rounds.map(|(above, below)| above / below).collect();
    Spread::of(&ratios).map(|spread| spread.median)
}

/// Interpolates between the two samples around a quantile.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor(), place.ceil());
    let at = |place: f64| {
        let mut from_there = sorted.iter().enumerate();
        from_there.find_map(|(at, value)| (at as f64 >= place).then_some(*value))
    };
    let (low, high) = (at(below).unwrap_or(f64::NAN), at(above).unwrap_or(f64::NAN));
    low + (high - low) * (place - below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_do_not_depend_on_the_order_of_samples() {
        let expected = Spread {
            least: 1.0,
            lower: 2.0,
            median: 3.0,
            upper: 4.0,
        };
        assert_eq!(Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]), Some(expected));
        assert_eq!(Spread::of(&[1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of(&[7.0]).unwrap().upper, 7.0);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_row_that_is_twice_as_slow_as_its_floor_is_seen_through_a_machine_that_slows_down() {
        // The machine's pace changes tenfold from round to round, and for both rows alike.
        let floor: Vec<_> = (0..151).map(|round| f64::from(1 + round % 10)).collect();
        let slow: Vec<_> = floor.iter().map(|spent| 2.0 * spent).collect();
        assert_eq!(ratio(&slow, &floor), Some(2.0));
        assert_eq!(ratio(&floor, &floor), Some(1.0));
        // One round in three is disturbed, in one of the rows alone.
        let hit: Vec<_> = (0..151)
            .zip(&slow)
            .map(|(round, spent)| if round % 3 == 0 { 9.0 * spent } else { *spent })
            .collect();
        assert_eq!(ratio(&hit, &floor), Some(2.0));
    }

    #[test]
    fn rounds_of_different_runs_have_no_ratio() {
        assert_eq!(ratio(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(ratio(&[], &[]), None);
    }
}
