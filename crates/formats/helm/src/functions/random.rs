//! What comes by chance: `randAlphaNum`, `shuffle`, `uuidv4`, ...

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_gotemplate::{Failure, Function, Scope, Text, Value};

use super::rendering;

const DIGITS: &str = "0123456789";
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("randAlphaNum", |scope: &mut Scope<'_>, count: i64| {
            text(scope, count, &format!("{LETTERS}{DIGITS}"))
        }),
        Function::new("randAlpha", |scope: &mut Scope<'_>, count: i64| text(scope, count, LETTERS)),
        Function::new("randNumeric", |scope: &mut Scope<'_>, count: i64| text(scope, count, DIGITS)),
        Function::new("randAscii", |scope: &mut Scope<'_>, count: i64| {
            text(scope, count, &(' '..='~').collect::<String>())
        }),
        Function::new("randInt", between),
        Function::new("randBytes", bytes),
        Function::new("shuffle", shuffle),
        Function::new("uuidv4", uuid),
    ]
}

/// A number below a limit, each as likely as any other.
fn below(scope: &Scope<'_>, limit: u64) -> Result<u64, Failure> {
    scope.budget().spend_steps(1)?;
    let world = &rendering(scope)?.world;
    // What lies in the last, incomplete round is drawn again.
    let fair = u64::MAX - u64::MAX % limit.max(1);
    for _ in 0..64 {
        let mut bytes = [0; 8];
        world.fill_random(&mut bytes);
        let number = u64::from_le_bytes(bytes);
        if number < fair {
            return Ok(number % limit.max(1));
        }
    }
    Err(Failure::new("chance gives no number"))
}

fn text(scope: &mut Scope<'_>, count: i64, alphabet: &str) -> Result<String, Failure> {
    let count = usize::try_from(count).unwrap_or(0);
    scope.budget().spend_bytes(count)?;
    let letter = |_| {
        let index = usize::try_from(below(scope, alphabet.len() as u64)?).unwrap_or(0);
        Ok(alphabet.as_bytes().get(index).copied().map_or(' ', char::from))
    };
    (0..count).map(letter).collect()
}

fn between(scope: &mut Scope<'_>, low: i64, high: i64) -> Result<Value, Failure> {
    let span = high.checked_sub(low).and_then(|span| u64::try_from(span).ok()).filter(|span| *span > 0);
    let span = span.ok_or_else(|| Failure::new("invalid argument to Intn"))?;
    let offset = i64::try_from(below(scope, span)?).unwrap_or(0);
    Ok(Value::Int(low.saturating_add(offset)))
}

fn bytes(scope: &mut Scope<'_>, count: i64) -> Result<String, Failure> {
    let count =
        usize::try_from(count).map_err(|_| Failure::new("runtime error: makeslice: len out of range"))?;
    scope.budget().spend_bytes(count.saturating_mul(2))?;
    let mut bytes = vec![0; count];
    rendering(scope)?.world.fill_random(&mut bytes);
    Ok(STANDARD.encode(bytes))
}

fn shuffle(scope: &mut Scope<'_>, text: Text) -> Result<String, Failure> {
    let mut characters: Vec<char> = text.to_str().chars().collect();
    for last in (1..characters.len()).rev() {
        let other = usize::try_from(below(scope, last as u64 + 1)?).unwrap_or(last);
        characters.swap(last, other);
    }
    Ok(characters.into_iter().collect())
}

fn uuid(scope: &mut Scope<'_>) -> Result<String, Failure> {
    let mut bytes = [0; 16];
    rendering(scope)?.world.fill_random(&mut bytes);
    let number = u128::from_be_bytes(bytes);
    // Version 4, variant 1.
    let number = number & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{number:032x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    Ok([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}
