//! Shell patterns against the ends of a text: `*`, `?`, `[...]` and `\`. All places are followed at once, so that the
//! work is the product of both lengths and no more.

/// The product of the lengths of a pattern and a text that are held against each other.
const STEPS_MAX: usize = 1 << 27;

/// A pattern, ready to be held against texts.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Debug)]
enum Token {
    /// Anything, also nothing.
    Star,
    /// One character.
    Any,
    Literal(char),
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Token {
    fn takes(&self, character: char) -> bool {
        match self {
            Token::Star | Token::Any => true,
            Token::Literal(literal) => *literal == character,
            Token::Class { is_negated, ranges } => {
                let inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                inside != *is_negated
            }
        }
    }
}

impl Pattern {
    /// A bracket that is not closed stands for itself.
    pub(super) fn parse(text: &str) -> Pattern {
        let mut tokens = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            tokens.push(match character {
                '*' => Token::Star,
                '?' => Token::Any,
                '\\' => Token::Literal(rest.next().unwrap_or('\\')),
                '[' => match class(rest.as_str()) {
                    Some((class, after)) => {
                        rest = after.chars();
                        class
                    }
                    None => Token::Literal('['),
                },
                literal => Token::Literal(literal),
            });
        }
        Pattern(tokens)
    }

    /// Bytes at the start of `text` that match: the fewest, or the most.
    pub(super) fn prefix(&self, text: &str, longest: bool) -> Result<Option<usize>, String> {
        let tokens: Vec<&Token> = self.0.iter().collect();
        follow(&tokens, text.chars(), text.len(), longest)
    }

    /// Bytes at the end of `text` that match: the fewest, or the most.
    pub(super) fn suffix(&self, text: &str, longest: bool) -> Result<Option<usize>, String> {
        let tokens: Vec<&Token> = self.0.iter().rev().collect();
        follow(&tokens, text.chars().rev(), text.len(), longest)
    }
}

/// What stands after `[`, and what comes after its `]`.
fn class(text: &str) -> Option<(Token, &str)> {
    let (is_negated, text) = match text.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let end = text.char_indices().skip(1).find(|(_, it)| *it == ']').map(|(at, _)| at)?;
    let (inside, after) = text.split_at(end);
    let mut ranges = Vec::new();
    let mut rest = inside.chars();
    while let Some(low) = rest.next() {
        let mut ahead = rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) => {
                ranges.push((low, high));
                rest = ahead;
            }
            _ => ranges.push((low, low)),
        }
    }
    Some((Token::Class { is_negated, ranges }, after.strip_prefix(']')?))
}

/// Goes through the characters with the set of all places of the pattern that they may have reached.
fn follow(
    tokens: &[&Token],
    text: impl Iterator<Item = char>,
    text_bytes: usize,
    longest: bool,
) -> Result<Option<usize>, String> {
    if tokens.len().saturating_mul(text_bytes) > STEPS_MAX {
        return Err(format!("a pattern is too long for a value of {text_bytes} bytes"));
    }
    let mut places = vec![false; tokens.len() + 1];
    reach(tokens, &mut places, 0);
    let (mut bytes, mut found) = (0, None);
    for character in text {
        let mut next = vec![false; tokens.len() + 1];
        for (place, token) in tokens.iter().enumerate().filter(|(place, _)| places.get(*place) == Some(&true))
        {
            if token.takes(character) {
                let stays = matches!(token, Token::Star);
                reach(tokens, &mut next, if stays { place } else { place + 1 });
            }
        }
        places = next;
        bytes += character.len_utf8();
        if places.last() == Some(&true) {
            found = Some(bytes);
            if !longest {
                break;
            }
        }
    }
    Ok(found)
}

/// Marks a place, and those after it that need no character.
fn reach(tokens: &[&Token], places: &mut [bool], mut place: usize) {
    while let Some(mark) = places.get_mut(place).filter(|mark| !**mark) {
        *mark = true;
        if !matches!(tokens.get(place), Some(Token::Star)) {
            return;
        }
        place += 1;
    }
}
