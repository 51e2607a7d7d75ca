//! From tokens to a tree. Names, operators and macros are understood here; types and functions are not.

use crate::ExpressionError;
use crate::ast::{Access, Entry, Expr, Item, Kind, Literal};
use crate::token::{self, RESERVED, Token, tokens};

mod macros;

/// How deep an expression may be nested. Checking and evaluating go as deep, on the stack of the caller.
pub(crate) const DEPTH_MAX: u16 = 100;

/// Reads an expression.
pub(crate) fn parse(source: &str) -> Result<Expr, ExpressionError> {
    let mut parser = Parser { source, tokens: tokens(source)?, next: 0, depth: 0 };
    let expression = parser.expression()?;
    match parser.peek() {
        token::Kind::End => Ok(expression),
        other => Err(parser.unexpected(&other.describe(), "an operator or the end")),
    }
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    next: usize,
    depth: u16,
}

/// A binary operator: its mark, its function, and how strongly it binds.
struct Operator {
    mark: &'static str,
    function: &'static str,
    strength: u8,
}

const fn operator(mark: &'static str, function: &'static str, strength: u8) -> Operator {
    Operator { mark, function, strength }
}

const OR: u8 = 1;
const AND: u8 = 2;
const RELATION: u8 = 3;

const OPERATORS: [Operator; 14] = [
    operator("||", "_||_", OR),
    operator("&&", "_&&_", AND),
    operator("==", "_==_", RELATION),
    operator("!=", "_!=_", RELATION),
    operator("<", "_<_", RELATION),
    operator("<=", "_<=_", RELATION),
    operator(">", "_>_", RELATION),
    operator(">=", "_>=_", RELATION),
    operator("in", "@in", RELATION),
    operator("+", "_+_", 4),
    operator("-", "_-_", 4),
    operator("*", "_*_", 5),
    operator("/", "_/_", 5),
    operator("%", "_%_", 5),
];

impl Parser<'_> {
    fn peek(&self) -> &token::Kind {
        self.tokens.get(self.next).map_or(&token::Kind::End, |token| &token.kind)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.next).map_or(self.source.len(), |token| token.at)
    }

    fn advance(&mut self) -> token::Kind {
        let kind = self.peek().clone();
        self.next += 1;
        kind
    }

    fn error(&self, at: usize, message: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.source, at, message)
    }

    fn unexpected(&self, found: &str, expected: &str) -> ExpressionError {
        self.error(self.place(), format!("Syntax error: found {found}, expected {expected}"))
    }

    fn is_at(&self, mark: &str) -> bool {
        matches!(self.peek(), token::Kind::Mark(found) if *found == mark)
    }

    fn take(&mut self, mark: &str) -> bool {
        let found = self.is_at(mark);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), ExpressionError> {
        if self.take(mark) {
            return Ok(());
        }
        Err(self.unexpected(&self.peek().describe(), &format!("'{mark}'")))
    }

    /// A piece, with its depth counted.
    fn make(&self, at: usize, kind: Kind) -> Result<Expr, ExpressionError> {
        let depth = kind.depth_below().saturating_add(1);
        if depth > DEPTH_MAX {
            return Err(self.too_deep(at));
        }
        Ok(Expr { kind, at, depth })
    }

    fn too_deep(&self, at: usize) -> ExpressionError {
        self.error(at, format!("found an expression nested more than {DEPTH_MAX} deep, which is the limit"))
    }

    fn expression(&mut self) -> Result<Expr, ExpressionError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.too_deep(self.place()));
        }
        let condition = self.binary(OR)?;
        let at = self.place();
        let expression = if self.take("?") {
            let then = Box::new(self.binary(OR)?);
            self.expect(":")?;
            let otherwise = Box::new(self.expression()?);
            self.make(at, Kind::Conditional { condition: Box::new(condition), then, otherwise })?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expression)
    }

    /// Operators that bind at least this strongly.
    fn binary(&mut self, strength: u8) -> Result<Expr, ExpressionError> {
        let mut left = self.unary()?;
        while let Some(operator) = self.operator().filter(|operator| operator.strength >= strength) {
            let at = self.place();
            self.next += 1;
            let right = self.binary(operator.strength + 1)?;
            left = self.joined(operator, left, right, at)?;
        }
        Ok(left)
    }

    fn operator(&self) -> Option<&'static Operator> {
        let mark = match self.peek() {
            token::Kind::Mark(mark) => mark,
            token::Kind::Name(name) if name == "in" => "in",
            _ => return None,
        };
        OPERATORS.iter().find(|operator| operator.mark == mark)
    }

    /// Chains of `&&` and of `||` become one piece, however long they are.
    fn joined(
        &self,
        operator: &Operator,
        left: Expr,
        right: Expr,
        at: usize,
    ) -> Result<Expr, ExpressionError> {
        let kind = match (operator.strength, left.kind) {
            (AND, Kind::And(mut terms)) => {
                terms.push(right);
                Kind::And(terms)
            }
            (OR, Kind::Or(mut terms)) => {
                terms.push(right);
                Kind::Or(terms)
            }
            (strength, kind) => {
                let left = Expr { kind, ..left };
                match strength {
                    AND => Kind::And(vec![left, right]),
                    OR => Kind::Or(vec![left, right]),
                    _ => Kind::Call {
                        function: operator.function.to_owned(),
                        target: None,
                        arguments: vec![left, right],
                    },
                }
            }
        };
        self.make(at, kind)
    }

    fn unary(&mut self) -> Result<Expr, ExpressionError> {
        let at = self.place();
        for (mark, function) in [("!", "!_"), ("-", "-_")] {
            let mut times = 0;
            while self.is_at(mark) && !(mark == "-" && self.is_negative_number()) {
                self.next += 1;
                times += 1;
            }
            if times == 0 {
                continue;
            }
            let operand = self.member()?;
            // Twice the same is nothing, as upstream reads it.
            if times % 2 == 0 {
                return Ok(operand);
            }
            let call = Kind::Call { function: function.to_owned(), target: None, arguments: vec![operand] };
            return self.make(at, call);
        }
        self.member()
    }

    /// Whether a minus sign and a number come, which are a literal together.
    fn is_negative_number(&self) -> bool {
        let next = self.tokens.get(self.next + 1).map(|token| &token.kind);
        matches!(next, Some(token::Kind::Int(_) | token::Kind::Double(_)))
    }

    fn member(&mut self) -> Result<Expr, ExpressionError> {
        let mut operand = self.primary()?;
        loop {
            let at = self.place();
            if self.take(".") {
                operand = self.select_or_call(operand, at)?;
            } else if self.take("[") {
                let access = if self.take("?") { Access::Optional } else { Access::Plain };
                let index = Box::new(self.expression()?);
                self.expect("]")?;
                operand = self.make(at, Kind::Index { operand: Box::new(operand), index, access })?;
            } else if self.is_at("{") {
                let Some(name) = qualified_name(&operand) else {
                    return Err(self.unexpected("'{'", "an operator or the end"));
                };
                self.skip_message()?;
                operand = self.make(at, Kind::Message(name))?;
            } else {
                return Ok(operand);
            }
        }
    }

    fn select_or_call(&mut self, operand: Expr, at: usize) -> Result<Expr, ExpressionError> {
        let access = if self.take("?") { Access::Optional } else { Access::Plain };
        let field = match self.advance() {
            token::Kind::Name(name) if !is_keyword(&name) => name,
            other => {
                self.next -= 1;
                return Err(self.unexpected(&other.describe(), "the name of a field or a function"));
            }
        };
        if access == Access::Plain && self.take("(") {
            let arguments = self.arguments()?;
            return self.method(operand, field, arguments, at);
        }
        self.make(at, Kind::Select { operand: Box::new(operand), field, access })
    }

    /// Arguments up to and with the closing bracket.
    fn arguments(&mut self) -> Result<Vec<Expr>, ExpressionError> {
        let mut arguments = Vec::new();
        while !self.take(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.expression()?);
        }
        Ok(arguments)
    }

    fn primary(&mut self) -> Result<Expr, ExpressionError> {
        let at = self.place();
        let literal = match self.advance() {
            token::Kind::Mark("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            token::Kind::Mark("[") => return self.list(at),
            token::Kind::Mark("{") => return self.map(at),
            token::Kind::Mark(".") if matches!(self.peek(), token::Kind::Name(_)) => return self.primary(),
            token::Kind::Mark("-") => self.negative(at)?,
            token::Kind::Name(name) => match name.as_str() {
                "true" => Literal::Bool(true),
                "false" => Literal::Bool(false),
                "null" => Literal::Null,
                _ => return self.name(name, at),
            },
            token::Kind::Int(number) => {
                Literal::Int(i64::try_from(number).map_err(|_| self.error(at, "invalid int literal"))?)
            }
            token::Kind::Uint(number) => Literal::Uint(number),
            token::Kind::Double(number) => Literal::Double(number),
            token::Kind::String(text) => Literal::String(text.into()),
            token::Kind::Bytes(bytes) => Literal::Bytes(bytes.into()),
            other => {
                self.next -= 1;
                return Err(self.unexpected(&other.describe(), "a value"));
            }
        };
        self.make(at, Kind::Literal(literal))
    }

    fn negative(&mut self, at: usize) -> Result<Literal, ExpressionError> {
        match self.advance() {
            token::Kind::Int(magnitude) => 0_i64
                .checked_sub_unsigned(magnitude)
                .map(Literal::Int)
                .ok_or_else(|| self.error(at, "invalid int literal")),
            token::Kind::Double(magnitude) => Ok(Literal::Double(-magnitude)),
            other => Err(self.unexpected(&other.describe(), "a number")),
        }
    }

    fn name(&mut self, name: String, at: usize) -> Result<Expr, ExpressionError> {
        if name == "in" || RESERVED.contains(&name.as_str()) {
            return Err(self.error(at, format!("reserved identifier: {name}")));
        }
        if !self.take("(") {
            return self.make(at, Kind::Name(name));
        }
        let arguments = self.arguments()?;
        if name == "has" {
            return self.has(arguments, at);
        }
        self.make(at, Kind::Call { function: name, target: None, arguments })
    }

    fn list(&mut self, at: usize) -> Result<Expr, ExpressionError> {
        let mut items = Vec::new();
        while !self.take("]") {
            let is_optional = self.take("?");
            items.push(Item { value: self.expression()?, is_optional });
            if !self.take(",") && !self.is_at("]") {
                return Err(self.unexpected(&self.peek().describe(), "',' or ']'"));
            }
        }
        self.make(at, Kind::List(items))
    }

    fn map(&mut self, at: usize) -> Result<Expr, ExpressionError> {
        let mut entries = Vec::new();
        while !self.take("}") {
            let is_optional = self.take("?");
            let key = self.expression()?;
            self.expect(":")?;
            entries.push(Entry { key, value: self.expression()?, is_optional });
            if !self.take(",") && !self.is_at("}") {
                return Err(self.unexpected(&self.peek().describe(), "',' or '}'"));
            }
        }
        self.make(at, Kind::Map(entries))
    }

    /// The fields of a message, which are read and forgotten.
    fn skip_message(&mut self) -> Result<(), ExpressionError> {
        self.expect("{")?;
        while !self.take("}") {
            self.take("?");
            self.advance();
            self.expect(":")?;
            self.expression()?;
            if !self.take(",") && !self.is_at("}") {
                return Err(self.unexpected(&self.peek().describe(), "',' or '}'"));
            }
        }
        Ok(())
    }
}

fn is_keyword(name: &str) -> bool {
    matches!(name, "true" | "false" | "null" | "in")
}

/// `a.b.c`, if the expression is nothing but names.
pub(crate) fn qualified_name(expression: &Expr) -> Option<String> {
    match &expression.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Select { operand, field, access: Access::Plain } => {
            Some(format!("{}.{field}", qualified_name(operand)?))
        }
        _ => None,
    }
}

impl Kind {
    fn depth_below(&self) -> u16 {
        fn deepest<'e>(parts: impl IntoIterator<Item = &'e Expr>) -> u16 {
            parts.into_iter().map(|part| part.depth).max().unwrap_or_default()
        }
        match self {
            Kind::Literal(_) | Kind::Name(_) | Kind::Message(_) => 0,
            Kind::Select { operand, .. } => operand.depth,
            Kind::Index { operand, index, .. } => operand.depth.max(index.depth),
            Kind::Call { target, arguments, .. } => deepest(arguments.iter().chain(target.as_deref())),
            Kind::List(items) => deepest(items.iter().map(|item| &item.value)),
            Kind::Map(entries) => deepest(entries.iter().flat_map(|entry| [&entry.key, &entry.value])),
            Kind::And(terms) | Kind::Or(terms) => deepest(terms),
            Kind::Conditional { condition, then, otherwise } => {
                deepest([condition.as_ref(), then.as_ref(), otherwise.as_ref()])
            }
            Kind::Fold(fold) => deepest(fold.filter.iter().chain([&fold.range, &fold.body])),
            Kind::OptionalMap { operand, body, .. } => operand.depth.max(body.depth),
        }
    }
}

#[cfg(test)]
mod tests;
