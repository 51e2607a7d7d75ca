//! Any short text as what stands in a single field: a quantity, a schedule, a version, a pattern.

#![no_main]

use bythos_cron::Schedule;
use bythos_helm::{Constraint, Version};
use bythos_quantity::Quantity;
use bythos_schema::Pattern;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(quantity) = text.parse::<Quantity>() {
        let written = quantity.to_string();
        assert_eq!(written.parse::<Quantity>().ok(), Some(quantity), "{text} is written as {written}");
        let _sum = (quantity + quantity - quantity, quantity.units(), quantity.thousandths());
    }
    if let Ok(schedule) = text.parse::<Schedule>() {
        let (zone, now) = (TimeZone::UTC, Timestamp::UNIX_EPOCH);
        let next = schedule.next_after(now, &zone);
        assert!(next.is_none_or(|next| next > now), "{text}: {next:?} is no later time");
        let until = Timestamp::from_second(10_000_000).unwrap_or(now);
        let last = schedule.last_within(now, until, &zone);
        assert!(last.is_none_or(|last| last > now && last <= until), "{text}: {last:?} lies outside");
    }
    let (first, second) = text.split_once('\n').unwrap_or((text, "1.2.3"));
    if let (Ok(constraint), Ok(version)) = (Constraint::parse(first), Version::parse(second)) {
        constraint.allows(&version);
    }
    if let Ok(pattern) = Pattern::new(first) {
        pattern.is_match(second);
    }
});
