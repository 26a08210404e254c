//! The fields of an expression: which there are, and the values that one of them allows.

use std::fmt;

/// A place in a cron expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CronField {
    /// 0 to 59; only in expressions of six fields.
    Second,
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12, or JAN to DEC.
    Month,
    /// 0 to 7, or SUN to SAT; 0 and 7 are both Sunday.
    DayOfWeek,
}

impl CronField {
    /// The least value.
    #[must_use]
    pub const fn low(self) -> u8 {
        match self {
            Self::Second | Self::Minute | Self::Hour | Self::DayOfWeek => 0,
            Self::DayOfMonth | Self::Month => 1,
        }
    }

    /// The greatest value that may be written.
    #[must_use]
    pub const fn high(self) -> u8 {
        match self {
            Self::DayOfWeek => 7,
            other => other.last(),
        }
    }

    /// The greatest value that is kept: Sunday is 0.
    pub(super) const fn last(self) -> u8 {
        match self {
            Self::Second | Self::Minute => 59,
            Self::Hour => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 6,
        }
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
        })
    }
}

/// The least value of `mask` from `from` on.
pub(super) fn next_in(mask: u64, from: u8) -> Option<u8> {
    let rest = mask & u64::MAX.checked_shl(from.into())?;
    (rest != 0).then(|| rest.trailing_zeros()).and_then(|bit| u8::try_from(bit).ok())
}

/// The greatest value of `mask` up to `until`.
pub(super) fn previous_in(mask: u64, until: u8) -> Option<u8> {
    let rest = if until >= 63 { mask } else { mask & ((1 << (until + 1)) - 1) };
    rest.checked_ilog2().and_then(|bit| u8::try_from(bit).ok())
}

/// The values of a mask, from the least one.
pub(super) fn bits(mask: u64) -> impl Iterator<Item = u8> {
    std::iter::successors(next_in(mask, 0), move |bit| next_in(mask, bit + 1))
}

/// The values that a field allows, and how they were asked for as far as that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Values {
    field: CronField,
    /// Bit n is set if n is allowed.
    mask: u64,
    /// Bit n is set if `*/n` was written; bit 1 stands for `*`. No step is a multiple of another one here.
    stars: u64,
}

impl Values {
    pub(super) const fn none(field: CronField) -> Self {
        Self { field, mask: 0, stars: 0 }
    }

    /// The one value that the seconds have in an expression of five fields.
    pub(super) const fn zero(field: CronField) -> Self {
        Self { field, mask: 1, stars: 0 }
    }

    pub(super) const fn mask(self) -> u64 {
        self.mask
    }

    pub(super) const fn is_empty(self) -> bool {
        self.mask == 0
    }

    /// Allows `from`, and every `step`-th value after it up to `to`. Sunday may be 7.
    pub(super) fn add(&mut self, from: u8, to: u8, step: u8) {
        for value in (from..=to).step_by(usize::from(step.max(1))) {
            let value = if value > self.field.last() { self.field.low() } else { value };
            self.mask |= 1 << value;
        }
    }

    /// Allows what `*/step` stands for.
    pub(super) fn add_star(&mut self, step: u8) {
        self.mask |= star(self.field, step);
        let others = bits(self.stars).filter(|other| !other.is_multiple_of(step));
        let kept = others.fold(0, |kept, other| kept | 1 << other);
        let said_already = bits(self.stars).any(|other| step.is_multiple_of(other));
        self.stars = if said_already { self.stars } else { kept | 1 << step };
    }

    /// Whether `*` was written, with a step or without.
    pub(super) const fn has_star(self) -> bool {
        self.stars != 0
    }

    /// Whether a plain `*` was written.
    pub(super) const fn is_star(self) -> bool {
        self.stars == 1 << 1
    }

    /// `n` if the field is `*/n` (n from 2) and nothing else.
    pub(super) fn only_step(self) -> Option<u8> {
        let step = next_in(self.stars, 2)?;
        (self.mask == star(self.field, step)).then_some(step)
    }

    /// The only value, if there is one.
    pub(super) fn single(self) -> Option<u8> {
        self.mask.is_power_of_two().then(|| next_in(self.mask, 0)).flatten()
    }

    /// Whether every value is allowed, however that was written.
    pub(super) fn is_full(self) -> bool {
        self.mask == star(self.field, 1)
    }

    /// The entries of the canonical text.
    pub(super) fn entries(self) -> Vec<String> {
        let mut entries = Vec::new();
        let mut rest = self.mask;
        for step in bits(self.stars) {
            rest &= !star(self.field, step);
            entries.push(if step == 1 { "*".to_owned() } else { format!("*/{step}") });
        }
        if let Some((from, to, step)) = progression(rest) {
            entries.push(format!("{from}-{to}/{step}"));
            return entries;
        }
        for (from, to) in runs(rest) {
            if from == to {
                entries.push(from.to_string());
            } else {
                entries.push(format!("{from}-{to}"));
            }
        }
        entries
    }
}

/// What `*/step` stands for.
fn star(field: CronField, step: u8) -> u64 {
    (field.low()..=field.last()).step_by(usize::from(step.max(1))).fold(0, |mask, value| mask | 1 << value)
}

/// At least four values at equal distances of two or more: the first, the last, the distance.
fn progression(mask: u64) -> Option<(u8, u8, u8)> {
    let first = next_in(mask, 0)?;
    let step = next_in(mask, first + 1)? - first;
    let last = previous_in(mask, 63)?;
    let expected = (first..=last).step_by(usize::from(step)).fold(0, |mask, value| mask | 1 << value);
    (step > 1 && mask.count_ones() >= 4 && mask == expected).then_some((first, last, step))
}

/// Values next to each other as (first, last), from three on; others as pairs of themselves.
pub(super) fn runs(mask: u64) -> Vec<(u8, u8)> {
    let mut runs = Vec::new();
    let mut at = next_in(mask, 0);
    while let Some(from) = at {
        let mut to = from;
        while to < 63 && mask & (1 << (to + 1)) != 0 {
            to += 1;
        }
        if to - from >= 2 {
            runs.push((from, to));
        } else {
            runs.extend((from..=to).map(|value| (value, value)));
        }
        at = next_in(mask, to + 1);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(fill: impl FnOnce(&mut Values)) -> String {
        let mut values = Values::none(CronField::Minute);
        fill(&mut values);
        values.entries().join(",")
    }

    #[test]
    fn the_canonical_text_is_the_shortest_that_says_the_same() {
        assert_eq!(minutes(|v| v.add(0, 59, 1)), "0-59");
        assert_eq!(minutes(|v| v.add(0, 59, 15)), "0-45/15");
        assert_eq!(minutes(|v| v.add(0, 59, 25)), "0,25,50");
        assert_eq!(minutes(|v| v.add(7, 8, 1)), "7,8");
        assert_eq!(
            minutes(|v| {
                v.add(7, 9, 1);
                v.add(1, 1, 1);
            }),
            "1,7-9"
        );
    }

    #[test]
    fn a_star_is_kept_and_swallows_its_multiples() {
        let text = minutes(|v| {
            v.add_star(10);
            v.add_star(5);
            v.add_star(20);
            v.add(5, 7, 1);
        });
        assert_eq!(text, "*/5,6,7");
        assert_eq!(
            minutes(|v| {
                v.add_star(7);
                v.add_star(1);
            }),
            "*"
        );
    }

    #[test]
    fn the_bits_of_a_mask_are_found_from_both_ends() {
        let mask = 1 | 1 << 5 | 1 << 63;
        assert_eq!(bits(mask).collect::<Vec<_>>(), [0, 5, 63]);
        assert_eq!((next_in(mask, 1), next_in(mask, 64), next_in(0, 0)), (Some(5), None, None));
        assert_eq!(
            (previous_in(mask, 4), previous_in(mask, 62), previous_in(mask, 63)),
            (Some(0), Some(5), Some(63))
        );
        assert_eq!(previous_in(mask & !1, 4), None);
    }
}
