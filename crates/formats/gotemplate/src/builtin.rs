//! The functions that Go builds in.

mod compare;
mod escape;
mod index;

use crate::budget::Budget;
use crate::execute::Found;
use crate::function::Failure;
use crate::print;
use crate::value::Value;

/// A function that Go builds in. `and`, `or` and `call` are carried out where arguments are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Call,
    Eq,
    Ge,
    Gt,
    Html,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
    Slice,
    Urlquery,
}

impl Builtin {
    pub(crate) fn named(name: &str) -> Option<Builtin> {
        Some(match name {
            "and" => Builtin::And,
            "call" => Builtin::Call,
            "eq" => Builtin::Eq,
            "ge" => Builtin::Ge,
            "gt" => Builtin::Gt,
            "html" => Builtin::Html,
            "index" => Builtin::Index,
            "js" => Builtin::Js,
            "le" => Builtin::Le,
            "len" => Builtin::Len,
            "lt" => Builtin::Lt,
            "ne" => Builtin::Ne,
            "not" => Builtin::Not,
            "or" => Builtin::Or,
            "print" => Builtin::Print,
            "printf" => Builtin::Printf,
            "println" => Builtin::Println,
            "slice" => Builtin::Slice,
            "urlquery" => Builtin::Urlquery,
            _ => return None,
        })
    }

    /// How many arguments must be given, and whether more may follow.
    pub(crate) fn arity(self) -> (usize, bool) {
        match self {
            Builtin::Not | Builtin::Len => (1, false),
            Builtin::Ge | Builtin::Gt | Builtin::Le | Builtin::Lt | Builtin::Ne => (2, false),
            Builtin::Html | Builtin::Js | Builtin::Print | Builtin::Println | Builtin::Urlquery => (0, true),
            Builtin::And
            | Builtin::Call
            | Builtin::Eq
            | Builtin::Index
            | Builtin::Or
            | Builtin::Printf
            | Builtin::Slice => (1, true),
        }
    }

    /// Whether an argument must be a string.
    pub(crate) fn wants_text(self, index: usize) -> bool {
        self == Builtin::Printf && index == 0
    }

    /// # Errors
    /// In Go's words.
    pub(crate) fn call(self, arguments: &[Found], budget: &Budget) -> Result<Found, Failure> {
        let (first, rest) = match arguments.split_first() {
            Some((first, rest)) => (first.clone(), rest),
            None => (Found::Nothing, arguments),
        };
        let value = match self {
            Builtin::Not => Value::Bool(!first.is_true()),
            Builtin::Len => index::length(first)?,
            Builtin::Index => return index::index(first, rest),
            Builtin::Slice => index::slice(first, rest)?,
            Builtin::Printf => {
                let format = print::sprint(&values(&[first]), budget)?;
                print::sprintf(format.as_bytes(), &values(rest), budget)?.into()
            }
            Builtin::Print => print::sprint(&values(arguments), budget)?.into(),
            Builtin::Println => print::sprintln(&values(arguments), budget)?.into(),
            Builtin::Html => escape::html(&joined(arguments, budget)?).into(),
            Builtin::Js => escape::js(&joined(arguments, budget)?).into(),
            Builtin::Urlquery => escape::query(&joined(arguments, budget)?).into(),
            Builtin::Eq | Builtin::Ne | Builtin::Lt | Builtin::Le | Builtin::Gt | Builtin::Ge => {
                Value::Bool(compare::compare(self, &first, rest, budget)?)
            }
            // Their arguments decide whether they are evaluated at all.
            Builtin::And | Builtin::Or | Builtin::Call => return Ok(first),
        };
        if let Value::String(text) = &value {
            budget.spend_bytes(text.len())?;
        }
        Ok(Found::of(value))
    }
}

fn values(arguments: &[Found]) -> Vec<Value> {
    arguments.iter().cloned().map(Found::into_value).collect()
}

/// As one text, the way the template itself would print them.
fn joined(arguments: &[Found], budget: &Budget) -> Result<Vec<u8>, Failure> {
    let shown = |found: &Found| match found.value() {
        None => Value::from("<no value>"),
        Some(value) => value.clone(),
    };
    Ok(print::sprint(&arguments.iter().map(shown).collect::<Vec<_>>(), budget)?.as_bytes().to_vec())
}
