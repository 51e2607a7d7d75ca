//! Which texts Go takes for a point in time. It reads them as text all the same, but quotes them when it writes.

/// Whether the text has one of the forms that `go.yaml.in/yaml/v2` knows.
pub(crate) fn is_timestamp(text: &str) -> bool {
    parse(text).is_some()
}

/// The point in time as Go prints it in JSON.
pub(crate) fn rfc3339(text: &str) -> Option<String> {
    parse(text)?;
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "0:0:0"));
    let two = |part: &str| format!("{part:0>2}");
    let date = date.split('-').map(two).collect::<Vec<_>>().join("-");
    let end = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at_checked(end)?;
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    let clock = clock.split(':').map(two).collect::<Vec<_>>().join(":");
    let fraction = fraction.get(..9).unwrap_or(fraction).trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let zone = if matches!(zone, "" | "+00:00" | "-00:00") { "Z" } else { zone };
    Some(format!("{date}T{clock}{point}{fraction}{zone}"))
}

fn parse(text: &str) -> Option<()> {
    let (year, rest) = text.split_once('-')?;
    if year.len() != 4 {
        return None;
    }
    let year = number(year, 4, 9999)?;
    let (month, rest) = rest.split_once('-')?;
    let month = number(month, 2, 12).filter(|month| *month > 0)?;
    let (day, time) = split_digits(rest);
    number(day, 2, days(year, month)).filter(|day| *day > 0)?;
    if time.is_empty() {
        return Some(());
    }
    match time.strip_prefix(['T', 't']) {
        Some(time) => zone(time_of_day(time)?),
        None => time_of_day(time.strip_prefix(' ')?)?.is_empty().then_some(()),
    }
}

/// Takes `15:04:05.999` off the front.
fn time_of_day(text: &str) -> Option<&str> {
    let (hours, rest) = text.split_once(':')?;
    number(hours, 2, 23)?;
    let (minutes, rest) = rest.split_once(':')?;
    number(minutes, 2, 59)?;
    let (seconds, rest) = split_digits(rest);
    number(seconds, 2, 59)?;
    let Some(fraction) = rest.strip_prefix(['.', ',']) else { return Some(rest) };
    let (digits, rest) = split_digits(fraction);
    (!digits.is_empty()).then_some(rest)
}

fn zone(text: &str) -> Option<()> {
    if text == "Z" {
        return Some(());
    }
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    number(hours, 2, 24)?;
    number(minutes, 2, 60)?;
    Some(())
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn number(digits: &str, digits_max: usize, largest: u32) -> Option<u32> {
    let is_number =
        (1..=digits_max).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().filter(|number| *number <= largest)
}

fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
