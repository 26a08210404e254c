//! Stretches of time in which a zone keeps one offset, so that its wall clock runs like any clock.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// No clock is ever turned by more: offsets lie within 26 hours of UTC.
pub(super) const LONGEST_TURN: SignedDuration = SignedDuration::from_hours(53);
const TICK: SignedDuration = SignedDuration::from_nanos(1);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The time between two changes of a zone's offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// The first moment; `None` if there never was another offset.
    pub(super) start: Option<Timestamp>,
    /// The first moment of the next span; `None` if none follows.
    pub(super) end: Option<Timestamp>,
    offset: Offset,
}

impl Span {
    /// The span that a moment lies in.
    pub(super) fn at(zone: &TimeZone, at: Timestamp) -> Self {
        Self {
            start: last_change(zone, at),
            end: zone.following(at).next().map(|change| change.timestamp()),
            offset: zone.to_offset(at),
        }
    }

    /// What the wall clock shows at a moment of this span, or would show.
    pub(super) fn local(&self, at: Timestamp) -> DateTime {
        self.offset.to_datetime(at)
    }

    /// The moment at which the wall clock of this span shows this, or would show it.
    pub(super) fn moment(&self, local: DateTime) -> Option<Timestamp> {
        self.offset.to_timestamp(local).ok()
    }

    /// What the wall clock shows at the start.
    pub(super) fn local_start(&self) -> DateTime {
        self.start.map_or(DateTime::MIN, |start| self.local(start))
    }

    /// What the wall clock would show at the end.
    pub(super) fn local_end(&self) -> DateTime {
        self.end.map_or(DateTime::MAX, |end| self.local(end))
    }

    /// What the wall clock had run up to before this span, exclusive, however often it was turned back since.
    ///
    /// Later than [`Self::local_start`]: times up to here come a second time. Earlier: those between never come.
    pub(super) fn reached_before(&self, zone: &TimeZone) -> DateTime {
        let Some(start) = self.start else { return DateTime::MIN };
        let horizon = start.checked_sub(LONGEST_TURN).unwrap_or(Timestamp::MIN);
        let ended = |change: Timestamp| before(zone, change).to_datetime(change);
        zone.following(horizon)
            .map(|change| change.timestamp())
            .take_while(|change| *change < start)
            .map(ended)
            .fold(ended(start), DateTime::max)
    }
}

/// The last change up to a moment.
///
/// Where a zone's table of changes ends and its rule begins, `preceding` (jiff 1.0.1) may name the moment that the rule
/// would have had (America/Indiana/Winamac in March 2007), so the changes around it are looked at in the other direction,
/// which has no such fault. A change too many does no harm: the offset is the same on both sides of it.
fn last_change(zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    let just_after = at.checked_add(TICK).unwrap_or(at);
    let near = zone.preceding(just_after).next()?.timestamp();
    let before = near.checked_sub(LONGEST_TURN).unwrap_or(Timestamp::MIN);
    let changes = zone.following(before).map(|change| change.timestamp());
    changes.take_while(|change| *change <= at).last().or(Some(near))
}

/// The offset before a change.
fn before(zone: &TimeZone, change: Timestamp) -> Offset {
    zone.to_offset(change.checked_sub(TICK).unwrap_or(change))
}

/// The second before a moment.
pub(super) fn second_before(at: Timestamp) -> Option<Timestamp> {
    at.checked_sub(SECOND).ok()
}
