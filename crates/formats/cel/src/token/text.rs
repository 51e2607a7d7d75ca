//! Strings and bytes with their prefixes, quotes and escapes.

use super::Kind;

/// How a text begins.
pub(super) struct Opening {
    is_raw: bool,
    is_bytes: bool,
    quote: &'static str,
    /// Bytes up to and with the opening quote.
    length: usize,
}

/// The beginning of a text, if one begins here.
pub(super) fn opening(rest: &str) -> Option<Opening> {
    let prefixes =
        [("", false, false), ("r", true, false), ("b", false, true), ("br", true, true), ("rb", true, true)];
    prefixes.into_iter().find_map(|(prefix, is_raw, is_bytes)| {
        let start = rest.get(..prefix.len())?;
        let quotes = rest.get(prefix.len()..).filter(|_| start.eq_ignore_ascii_case(prefix))?;
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| quotes.starts_with(quote))?;
        Some(Opening { is_raw, is_bytes, quote, length: prefix.len() + quote.len() })
    })
}

impl Opening {
    /// Reads the text that begins `rest`, and says how many bytes it takes.
    pub(super) fn read(&self, rest: &str) -> Result<(Kind, usize), String> {
        let body = rest.get(self.length..).unwrap_or_default();
        let mut bytes = Vec::new();
        let mut at = 0;
        loop {
            let left = body.get(at..).unwrap_or_default();
            if left.starts_with(self.quote) {
                break;
            }
            let next = left.chars().next().ok_or_else(|| self.unclosed())?;
            if self.quote.len() == 1 && matches!(next, '\n' | '\r') {
                return Err(self.unclosed());
            }
            at += match next {
                '\\' if !self.is_raw => self.escape(left, &mut bytes)?,
                other => {
                    push(other, &mut bytes);
                    other.len_utf8()
                }
            };
        }
        let length = self.length + at + self.quote.len();
        if self.is_bytes {
            return Ok((Kind::Bytes(bytes), length));
        }
        let text = String::from_utf8(bytes).map_err(|_| "found a string that is not UTF-8".to_owned())?;
        Ok((Kind::String(text), length))
    }

    fn unclosed(&self) -> String {
        format!("Syntax error: found no {} that ends the string", self.quote)
    }

    /// Reads the escape that begins `left`, and says how many bytes it takes.
    fn escape(&self, left: &str, bytes: &mut Vec<u8>) -> Result<usize, String> {
        let letter = left.chars().nth(1).ok_or_else(|| self.unclosed())?;
        let simple = match letter {
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            '\\' | '?' | '"' | '\'' | '`' => Some(letter),
            _ => None,
        };
        if let Some(simple) = simple {
            push(simple, bytes);
            return Ok(2);
        }
        let (start, digits, radix) = match letter {
            'x' | 'X' => (2, 2, 16),
            'u' if !self.is_bytes => (2, 4, 16),
            'U' if !self.is_bytes => (2, 8, 16),
            '0'..='3' => (1, 3, 8),
            _ => {
                return Err(format!(
                    "found the escape \\{letter}, expected one of \\n, \\t, \\x41, \\u0041 and the like"
                ));
            }
        };
        let wrong = || format!("found the escape \\{letter} without {digits} digits that name a character");
        let code = left.get(start..start + digits).ok_or_else(wrong)?;
        let code = u32::from_str_radix(code, radix).map_err(|_| wrong())?;
        if self.is_bytes {
            bytes.push(u8::try_from(code).map_err(|_| wrong())?);
        } else {
            push(char::from_u32(code).ok_or_else(wrong)?, bytes);
        }
        Ok(start + digits)
    }
}

fn push(character: char, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
