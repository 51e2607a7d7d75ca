//! Numbers as a template writes them: one literal may stand for an integer, an unsigned integer and a float.

use crate::print::quote;

/// What a literal can stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Number {
    pub(crate) signed: Option<i64>,
    pub(crate) unsigned: Option<u64>,
    pub(crate) float: Option<f64>,
    /// As it was written.
    pub(crate) text: Box<str>,
}

impl Number {
    pub(crate) fn of_character(character: char, text: &str) -> Number {
        let code = u32::from(character);
        Number {
            signed: Some(i64::from(code)),
            unsigned: Some(u64::from(code)),
            float: Some(f64::from(code)),
            text: text.into(),
        }
    }

    /// # Errors
    /// What is wrong with it.
    #[allow(clippy::cast_precision_loss, reason = "a float is what was asked for")]
    pub(crate) fn parse(text: &str) -> Result<Number, String> {
        let mut number = Number { text: text.into(), ..Number::default() };
        number.unsigned = parse_unsigned(text);
        number.signed = parse_signed(text);
        if number.signed == Some(0) {
            number.unsigned = Some(0);
        }
        let whole = number.signed.map(|signed| signed as f64);
        number.float = whole.or(number.unsigned.map(|unsigned| unsigned as f64));
        if number.float.is_none() {
            number.take_float(parse_float(text))?;
        }
        Ok(number)
    }

    fn take_float(&mut self, float: Option<f64>) -> Result<(), String> {
        let shown = || quote::double(self.text.as_bytes());
        if self.text.ends_with('i') {
            return Err(format!("complex numbers are not supported: {}", shown()));
        }
        let float = float.ok_or_else(|| format!("illegal number syntax: {}", shown()))?;
        if !self.text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", shown()));
        }
        self.float = Some(float);
        self.signed = whole(float);
        self.unsigned = self.signed.and_then(|signed| u64::try_from(signed).ok());
        Ok(())
    }

    /// Whether it is a `float64` where any type will do.
    pub(crate) fn is_float(&self) -> bool {
        let is_hexadecimal = self.text.starts_with("0x") || self.text.starts_with("0X");
        let looks_like_float = self.text.contains(['.', 'e', 'E', 'p', 'P']);
        let is_whole = is_hexadecimal && !self.text.contains(['p', 'P']);
        self.float.is_some() && looks_like_float && !is_whole && !self.text.starts_with('\'')
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "it is checked by going back"
)]
fn whole(float: f64) -> Option<i64> {
    let limit = 9_223_372_036_854_775_808.0;
    ((-limit..limit).contains(&float) && (float as i64) as f64 == float).then_some(float as i64)
}

/// As Go's `strconv.ParseInt` with base 0.
pub fn parse_signed(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = i128::from(parse_unsigned(digits)?);
    i64::try_from(if is_negative { -magnitude } else { magnitude }).ok()
}

/// As Go's `strconv.ParseUint` with base 0.
fn parse_unsigned(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    let is_prefixed = digits.len() < lower.len();
    let clean = without_underscores(digits, is_prefixed, base)?;
    let starts_with_digit = clean.starts_with(|first: char| first.is_digit(base));
    starts_with_digit.then(|| u64::from_str_radix(&clean, base).ok()).flatten()
}

/// Underscores may stand between digits, and after a prefix.
fn without_underscores(digits: &str, is_prefixed: bool, base: u32) -> Option<String> {
    if !digits.contains('_') {
        return Some(digits.to_owned());
    }
    let is_digit = |character: Option<char>| character.is_some_and(|found| found.is_digit(base));
    let characters: Vec<char> = digits.chars().collect();
    let is_separator = |index: usize| {
        let before = index.checked_sub(1).and_then(|before| characters.get(before).copied());
        let after = characters.get(index + 1).copied();
        is_digit(after) && (is_digit(before) || (index == 0 && is_prefixed))
    };
    let is_valid = characters.iter().enumerate().all(|(index, found)| *found != '_' || is_separator(index));
    is_valid.then(|| digits.replace('_', ""))
}

/// As Go's `strconv.ParseFloat`, hexadecimal floats included.
pub fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if let Some(hexadecimal) = lower.strip_prefix("0x") {
        let magnitude = parse_hexadecimal_float(hexadecimal)?;
        return Some(if text.starts_with('-') { -magnitude } else { magnitude });
    }
    let parsed: f64 = text.parse().ok()?;
    let is_word = ["inf", "infinity", "nan"].contains(&lower.as_str());
    (parsed.is_finite() || is_word).then_some(parsed)
}

#[allow(clippy::cast_precision_loss, reason = "a float is what was asked for")]
fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let mantissa = u64::from_str_radix(&digits, 16).ok()? as f64;
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(mantissa * 2f64.powi(exponent.checked_sub(shift)?)).filter(|value| value.is_finite())
}
