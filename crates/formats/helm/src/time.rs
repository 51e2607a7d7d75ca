//! Times as the user wants them.

use bythos_gotemplate::time::Time;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time as Go's layouts write it: `2006-01-02 15:04:05Z0700`.
pub fn format_time(moment: Timestamp, layout: &str) -> String {
    Time(moment.to_zoned(TimeZone::UTC)).format(layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_says_how_a_time_is_written() {
        let moment: Timestamp = "2026-01-02T03:04:05.12Z".parse().unwrap();
        assert_eq!(format_time(moment, "2006-01-02 15:04:05Z0700"), "2026-01-02 03:04:05Z");
        assert_eq!(format_time(moment, "Jan _2 06"), "Jan  2 26");
    }
}
