//! Byte order marks (U+FEFF): one that a text begins with says how it is encoded, any other is a part of it. The parser
//! refuses the others, so they are hidden from it.

use std::borrow::Cow;

const MARK: char = '\u{feff}';
/// Refused in every text, so that none holds it; only an escape could bring it.
const STAND_IN: char = '\u{fffe}';

/// The text behind the mark that it begins with. Go's reader takes one and its scanner another.
pub(crate) fn without_first(text: &str) -> &str {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    text.strip_prefix(MARK).unwrap_or(text)
}

/// The text with a stand-in for every mark, as long as a mark is.
pub(crate) fn hide(text: &str) -> Cow<'_, str> {
    if text.contains(MARK) {
        text.replace(MARK, STAND_IN.encode_utf8(&mut [0; 4])).into()
    } else {
        text.into()
    }
}

/// Whether marks of the text are hidden.
pub(crate) fn is_hidden_in(text: &str) -> bool {
    text.contains(STAND_IN)
}

/// The marks of a scalar out of a text where they are hidden.
pub(crate) fn restore(scalar: &mut Cow<'_, str>) {
    if scalar.contains(STAND_IN) {
        *scalar = scalar.replace(STAND_IN, MARK.encode_utf8(&mut [0; 4])).into();
    }
}
