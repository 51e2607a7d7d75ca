//! `range`.

use super::walk::{Flow, Run};
use super::{Found, Stopped};
use crate::node::{Branch, Pipe, Statement};
use crate::print;
use crate::value::Value;

/// What one round has: its place or key, and its item.
struct Round {
    index: Found,
    item: Found,
}

impl<'t> Run<'_, '_, 't> {
    pub(super) fn range(&mut self, dot: &Found, branch: &'t Branch) -> Result<Flow, Stopped> {
        let variables = self.variables.len();
        let over = self.pipe(dot, &branch.pipe)?.unboxed();
        let ran = self.rounds(&over, branch)?;
        let flow = match (ran, &branch.otherwise) {
            (false, Some(otherwise)) => self.body(dot, otherwise)?,
            _ => Flow::Normal,
        };
        self.variables.truncate(variables);
        Ok(flow)
    }

    /// Whether there was a round at all.
    fn rounds(&mut self, over: &Found, branch: &'t Branch) -> Result<bool, Stopped> {
        let Found::Plain(over) = over else { return Ok(false) };
        match over {
            Value::List(list) => {
                let items = list.items().iter().enumerate();
                self.each(
                    items.map(|(index, item)| indexed(index, Found::item(list.shape(), item.clone()))),
                    branch,
                )
            }
            Value::Bytes(bytes) => {
                let items = bytes.as_bytes().iter().enumerate();
                self.each(items.map(|(index, byte)| indexed(index, Found::Plain(Value::Byte(*byte)))), branch)
            }
            Value::Map(map) => {
                let fields = map.to_fields().into_iter();
                let round = |(name, field)| Round {
                    index: Found::Plain(Value::String(name)),
                    item: Found::item(map.shape(), field),
                };
                self.each(fields.map(round), branch)
            }
            other => self.count(other, branch),
        }
    }

    fn count(&mut self, over: &Value, branch: &'t Branch) -> Result<bool, Stopped> {
        let shown = || print::sprint(std::slice::from_ref(over), self.scope.budget());
        let end = over.signed().or(over.unsigned().and_then(|end| i64::try_from(end).ok()));
        let Some(end) = end else {
            return Err(Stopped::new(format!("range can't iterate over {}", shown()?)));
        };
        if branch.pipe.variables.len() > 1 {
            let message = format!("can't use {} to iterate over more than one variable", shown()?);
            return Err(Stopped::new(message));
        }
        let typed = |number| match over {
            Value::Int(_) => Value::Int(number),
            _ => Value::Int64(number),
        };
        let rounds =
            (0..end).map(|number| Round { index: Found::Nothing, item: Found::Plain(typed(number)) });
        self.each(rounds, branch)
    }

    fn each(&mut self, rounds: impl Iterator<Item = Round>, branch: &'t Branch) -> Result<bool, Stopped> {
        let mut ran = false;
        for round in rounds {
            ran = true;
            if self.round(round, &branch.pipe, &branch.body)? == Flow::Break {
                break;
            }
        }
        Ok(ran)
    }

    fn round(&mut self, round: Round, pipe: &'t Pipe, body: &'t [Statement]) -> Result<Flow, Stopped> {
        self.scope.budget().spend_steps(1)?;
        let variables = self.variables.len();
        let item = round.item.clone();
        let mut values = vec![round.item];
        if pipe.variables.len() > 1 {
            values.insert(0, round.index);
        }
        if pipe.is_assignment {
            for (name, value) in pipe.variables.iter().zip(values) {
                self.assign(name, value)?;
            }
        } else {
            // The pipeline has declared them; each round only gives them other values.
            let declared = self.variables.iter_mut().rev().take(pipe.variables.len());
            for ((_, variable), value) in declared.zip(values.into_iter().rev()) {
                *variable = value;
            }
        }
        let flow = self.body(&item, body)?;
        self.variables.truncate(variables);
        Ok(flow)
    }
}

fn indexed(index: usize, item: Found) -> Round {
    Round { index: Found::Plain(Value::Int(i64::try_from(index).unwrap_or(i64::MAX))), item }
}
