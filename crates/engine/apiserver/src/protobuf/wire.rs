//! Protobuf's wire format: numbered fields one after the other.

/// Bytes that are no protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf message")]
pub(crate) struct Malformed;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Content<'a> {
    /// Of a number or boolean.
    Number(i64),
    /// Of a string, bytes or message.
    Bytes(&'a [u8]),
    /// A type that no message here uses.
    Other,
}

/// The fields of a message, by number, in the order in which they stand.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Result<(u32, Content<'_>), Malformed>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field.ok_or(Malformed))
    })
}

fn next<'a>(rest: &mut &'a [u8]) -> Option<(u32, Content<'a>)> {
    let key = varint(rest)?;
    let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
    let content = match key & 7 {
        // Negative numbers are written in two's complement.
        0 => Content::Number(varint(rest)?.cast_signed()),
        1 => take(rest, 8).map(|_| Content::Other)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Content::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Content::Other)?,
        _ => return None,
    };
    Some((number, content))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}
