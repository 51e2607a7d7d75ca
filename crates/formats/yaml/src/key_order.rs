//! The order in which Go prints the keys of a map: numbers inside of names by their value, letters last.

use std::cmp::Ordering;

/// Go's comparison is not an order for all keys (`12` < `1x` < `2` < `12`), at which the standard library's sort may
/// panic; this one only needs some answer.
pub(crate) fn sort<T>(mut items: Vec<(&str, T)>) -> Vec<(&str, T)> {
    if items.len() < 2 {
        return items;
    }
    let right = sort(items.split_off(items.len() / 2));
    let left = sort(items);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some((left_key, _)), Some((right_key, _))) = (left.peek(), right.peek()) {
        let smaller = if compare(right_key, left_key).is_lt() { &mut right } else { &mut left };
        merged.extend(smaller.next());
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

fn compare(left: &str, right: &str) -> Ordering {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let differs = left.iter().zip(&right).position(|(left, right)| left != right);
    let Some(at) = differs else { return left.len().cmp(&right.len()) };
    let (common, left) = left.split_at(at);
    let right = right.get(at..).unwrap_or_default();
    let is_letter = |text: &[char]| text.first().is_some_and(|first| first.is_alphabetic());
    match (is_letter(left), is_letter(right)) {
        (true, true) => left.first().cmp(&right.first()),
        (false, false) => compare_numbers(common, left, right),
        (left_is_letter, right_is_letter) => left_is_letter.cmp(&right_is_letter),
    }
}

/// Both differ at their first character, and neither is a letter there.
fn compare_numbers(common: &[char], left: &[char], right: &[char]) -> Ordering {
    let starts_with_zero = left.first() == Some(&'0') || right.first() == Some(&'0');
    // A zero inside of a number is a digit like any other; at its front it counts for nothing.
    let continues = starts_with_zero
        && common.iter().rev().take_while(|character| character.is_ascii_digit()).any(|digit| *digit != '0');
    let (left_number, left_digits) = leading_number(left, continues);
    let (right_number, right_digits) = leading_number(right, continues);
    left_number
        .cmp(&right_number)
        .then(left_digits.cmp(&right_digits))
        .then_with(|| left.first().cmp(&right.first()))
}

fn leading_number(text: &[char], continues: bool) -> (u64, usize) {
    let digits = text.iter().map_while(|character| character.to_digit(10));
    digits.fold((u64::from(continues), 0), |(number, count), digit| {
        (number.saturating_mul(10).saturating_add(u64::from(digit)), count + 1)
    })
}
