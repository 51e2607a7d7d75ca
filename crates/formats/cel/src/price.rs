//! What functions cost: beforehand as a range over the sizes that their arguments can have, and in the event by the
//! sizes that they have. The reckoning is upstream's (`checker/cost.go`, `pkg/cel/library/cost.go`), since it decides
//! which rules a definition may have.

use crate::cost::{CHARACTER, PATTERN_CHARACTER, Range, scaled};
use crate::value::{List, Value};

/// How the cost of a function grows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Price {
    /// It does not.
    Fixed(u64),
    /// The argument of this place is read this many times; the result is as large.
    Text(usize, u8),
    /// Two values are compared, up to the end of the smaller one.
    Smaller,
    /// Two texts become one.
    Texts,
    /// Two lists become one.
    Lists,
    /// The items of the second argument are compared to the first.
    Member,
    /// A text (first) is held against a regular expression (second).
    Matches,
    /// As `Matches` in the event; beforehand upstream reckons one for this way to call it.
    CalledMatches,
    /// As `Matches`; the result is as large as the text.
    Find,
    /// A text is looked for in another.
    Contains,
    /// Every item of the list that is the first argument is looked at.
    Items,
    /// As `Items`; the result is as large as the list.
    Rearranged,
    /// Items of one list are looked for in another.
    Product,
    Join,
    Split,
    Replace,
    /// A text (second) is held against the pattern of a format of this length.
    Validate(u64),
    /// An address (first) is held against another, which is a text or not.
    Within {
        is_network: bool,
        is_text: bool,
    },
}

/// An argument, as far as its size is known beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand {
    pub(crate) size: Range,
    /// The size of the items, if they are texts or bytes.
    pub(crate) text_items: Option<Range>,
}

const NOTHING: Operand = Operand { size: Range::UNKNOWN, text_items: None };

impl Price {
    /// The cost beforehand, and the size of the result where one can be said.
    pub(crate) fn estimate(self, operands: &[Operand]) -> (Range, Option<Range>) {
        let operand = |index: usize| operands.get(index).copied().unwrap_or(NOTHING);
        let size = |index: usize| operand(index).size;
        match self {
            Price::Fixed(cost) => (Range::exactly(cost), None),
            Price::Text(index, times) => {
                (size(index).scaled(CHARACTER * f64::from(times)), Some(size(index)))
            }
            Price::Smaller => (smaller(size(0), size(1)), None),
            Price::Texts => {
                let sum = size(0).plus(size(1));
                (sum.scaled(CHARACTER), Some(sum))
            }
            Price::Lists => (Range::exactly(1), Some(size(0).plus(size(1)))),
            Price::Member => (size(1), None),
            Price::Matches => (matching(size(0), size(1)), None),
            Price::CalledMatches => (Range::exactly(1), None),
            Price::Find => (matching(size(0), size(1)), Some(Range::up_to(size(0).max))),
            Price::Contains => (size(0).scaled(CHARACTER).times(size(1).scaled(CHARACTER)), None),
            Price::Items => (of_items(operand(0)), None),
            Price::Rearranged => (of_items(operand(0)), Some(Range::up_to(size(0).max))),
            Price::Product => (size(0).times(size(1)), None),
            Price::Join => {
                let separators =
                    Range { min: size(0).min.saturating_sub(1), max: size(0).max.saturating_sub(1) };
                let separator = operands.get(1).map_or(Range::default(), |operand| operand.size);
                let items = operand(0).text_items.unwrap_or(Range::UNKNOWN);
                let result = size(0).times(items).plus(separator.times(separators));
                (result.scaled(CHARACTER), Some(result))
            }
            Price::Split => (size(0).scaled(2.0 * CHARACTER), Some(Range::up_to(size(0).max))),
            Price::Replace => (size(0).scaled(2.0 * CHARACTER), Some(replaced(size(0), size(1), size(2)))),
            Price::Validate(_) => {
                (size(1).scaled(CHARACTER).scaled(LONGEST_NAME_PATTERN * PATTERN_CHARACTER), None)
            }
            Price::Within { is_network, is_text } => {
                let text = if is_text { size(1).scaled(CHARACTER) } else { Range::default() };
                let more = if is_network { Range::exactly(3) } else { Range::default() };
                (Range { min: 1, max: 4 }.plus(text).plus(more), None)
            }
        }
    }

    /// The cost in the event.
    pub(crate) fn actual(self, arguments: &[Value<'_>]) -> u64 {
        let size = |index: usize| arguments.get(index).map_or(1, Value::size);
        match self {
            Price::Fixed(cost) => cost,
            Price::Text(index, times) => scaled(size(index), CHARACTER * f64::from(times)),
            Price::Smaller => scaled(size(0).min(size(1)), CHARACTER),
            Price::Texts => scaled(size(0).saturating_add(size(1)), CHARACTER),
            Price::Lists => 1,
            Price::Member => size(1),
            Price::Matches | Price::CalledMatches | Price::Find => {
                matching(Range::exactly(size(0)), Range::exactly(size(1))).max
            }
            Price::Contains => scaled(size(0), CHARACTER).saturating_mul(scaled(size(1), CHARACTER)),
            Price::Items | Price::Rearranged | Price::Join => {
                size(0).saturating_add(text_size(arguments.first()))
            }
            Price::Product => size(0).saturating_mul(size(1)),
            Price::Split | Price::Replace => scaled(size(0), 2.0 * CHARACTER),
            Price::Validate(pattern) => matching(Range::exactly(size(1)), Range::exactly(pattern)).max,
            Price::Within { is_text, .. } => 4 + if is_text { scaled(size(1), CHARACTER) } else { 0 },
        }
    }
}

/// The length of the longest pattern of a format for names, as upstream reckons.
const LONGEST_NAME_PATTERN: f64 = 128.0;

fn smaller(one: Range, two: Range) -> Range {
    let most = one.max.min(two.max);
    Range { min: u64::from(most > 0), max: most }.scaled(CHARACTER)
}

/// One is added to the text: an empty one does not make a costly pattern free.
fn matching(text: Range, pattern: Range) -> Range {
    text.plus(Range::exactly(1)).scaled(CHARACTER).times(pattern.scaled(PATTERN_CHARACTER))
}

fn of_items(list: Operand) -> Range {
    let text = list.text_items.map_or(Range::default(), |size| size.scaled(CHARACTER));
    list.size.times(Range::exactly(1).plus(text))
}

/// How long a text can be in which one piece is replaced by another.
fn replaced(text: Range, piece: Range, by: Range) -> Range {
    let longest = if piece.min == 0 {
        text.max.saturating_add(1).saturating_mul(by.max).saturating_add(text.max)
    } else if by.max <= piece.min {
        text.max
    } else {
        text.max.div_ceil(piece.min).saturating_mul(by.max)
    };
    Range::up_to(longest)
}

/// What reading the texts of a list costs.
fn text_size(list: Option<&Value<'_>>) -> u64 {
    match list {
        Some(Value::List(List::Made { items, .. })) => {
            items
                .iter()
                .map(|item| if let Value::String(text) = item { text.len() } else { 0 })
                .sum::<usize>() as u64
                / 10
        }
        Some(Value::List(List::Json { items, .. })) => {
            items.iter().filter_map(|item| item.as_str()).map(str::len).sum::<usize>() as u64 / 10
        }
        _ => 0,
    }
}
