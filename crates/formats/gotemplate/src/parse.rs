//! From tokens to templates.

mod literal;
mod pipeline;

use std::sync::Arc;

pub(crate) use literal::Literal;
pub use literal::unquote;

use crate::error::Error;
use crate::lex::lex;
use crate::node::{Branch, Pipe, Source, Statement, Tree};
use crate::token::{Keyword, Kind, Token};

/// How deep actions and parentheses may stand inside of each other.
const DEPTH_MAX: usize = 200;

/// The templates of a text: itself, and those that it defines.
///
/// # Errors
/// What is wrong, in Go's words.
pub(crate) fn parse(
    source: &Arc<Source>,
    is_function: &dyn Fn(&str) -> bool,
) -> Result<Vec<Arc<Tree>>, Error> {
    let (tokens, fault) = lex(source.whole());
    let mut parser = Parser {
        tokens,
        fault: fault.unwrap_or_default(),
        next: 0,
        furthest: 0,
        source,
        is_function,
        variables: vec!["$".to_owned()],
        action_line: None,
        range_depth: 0,
        depth: 0,
        trees: Vec::new(),
    };
    parser.file(&source.name).map_err(|message| Error::Parse {
        template: source.name.to_string(),
        line: parser.line(),
        message,
    })?;
    Ok(parser.trees)
}

struct Parser<'p> {
    /// The last is an end or an error, and is never passed.
    tokens: Vec<Token<'p>>,
    /// What the last token says, if it is an error.
    fault: String,
    next: usize,
    /// The last token that was looked at: errors name its line.
    furthest: usize,
    source: &'p Arc<Source>,
    is_function: &'p dyn Fn(&str) -> bool,
    variables: Vec<String>,
    action_line: Option<usize>,
    range_depth: usize,
    depth: usize,
    trees: Vec<Arc<Tree>>,
}

/// What a list of statements stopped at.
enum Stop {
    End,
    /// `{{else}}`, or what follows it on the same line.
    Else(Option<Keyword>),
}

impl Stop {
    fn shown(&self) -> &'static str {
        match self {
            Stop::End => "{{end}}",
            Stop::Else(_) => "{{else}}",
        }
    }
}

enum Item {
    Statement(Statement),
    Stop(Stop),
}

impl<'p> Parser<'p> {
    fn line(&self) -> usize {
        self.tokens.get(self.furthest).map_or(1, |token| token.line)
    }

    fn peek(&mut self) -> Token<'p> {
        let last = self.tokens.len().saturating_sub(1);
        let index = self.next.min(last);
        self.furthest = self.furthest.max(index);
        let end = Token { kind: Kind::End, position: 0, line: 1, text: "" };
        self.tokens.get(index).copied().unwrap_or(end)
    }

    fn advance(&mut self) -> Token<'p> {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn back(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    fn advance_past_space(&mut self) -> Token<'p> {
        loop {
            let token = self.advance();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_past_space(&mut self) -> Token<'p> {
        let token = self.advance_past_space();
        self.back();
        token
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token<'p>, String> {
        let token = self.advance_past_space();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(&token, context)) }
    }

    fn unexpected(&self, token: &Token<'_>, context: &str) -> String {
        if token.kind != Kind::Error {
            return format!("unexpected {token} in {context}");
        }
        let fault = &self.fault;
        let place = self.action_line.filter(|line| *line != token.line);
        let place = place.map(|line| format!("started at {}:{line}", self.source.name));
        match place {
            None => fault.clone(),
            Some(place) if fault.ends_with(" action") => format!("{fault} {place}"),
            Some(place) => format!("{fault} in action {place}"),
        }
    }

    fn enter(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err("max expression depth exceeded".to_owned()) } else { Ok(()) }
    }

    fn file(&mut self, name: &str) -> Result<(), String> {
        let mut body = Vec::new();
        while self.peek().kind != Kind::End {
            if self.is_at_define() {
                self.definition()?;
                continue;
            }
            match self.text_or_action()? {
                Item::Statement(statement) => body.push(statement),
                Item::Stop(stop) => return Err(format!("unexpected {}", stop.shown())),
            }
        }
        self.add(name, body)
    }

    /// Passes `{{define`, if that is what comes.
    fn is_at_define(&mut self) -> bool {
        let start = self.next;
        if self.peek().kind == Kind::LeftDelimiter {
            self.advance();
            if self.advance_past_space().kind == Kind::Keyword(Keyword::Define) {
                return true;
            }
        }
        self.next = start;
        false
    }

    fn definition(&mut self) -> Result<(), String> {
        const CONTEXT: &str = "define clause";
        let token = self.advance_past_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelimiter, CONTEXT)?;
        let body = self.separate_body(CONTEXT)?;
        self.add(&name, body)
    }

    /// The body of a template inside of a text. It sees no variables from outside.
    fn separate_body(&mut self, context: &str) -> Result<Vec<Statement>, String> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (body, stop) = self.statements()?;
        self.variables = variables;
        self.range_depth = range_depth;
        match stop {
            Stop::End => Ok(body),
            Stop::Else(_) => Err(format!("unexpected {} in {context}", stop.shown())),
        }
    }

    /// A template may be defined twice in one text only if one of both is empty.
    fn add(&mut self, name: &str, body: Vec<Statement>) -> Result<(), String> {
        let tree = Arc::new(Tree { name: name.into(), source: Arc::clone(self.source), body: body.into() });
        let known = self.trees.iter_mut().find(|known| known.name == tree.name);
        match known {
            None => self.trees.push(tree),
            Some(known) if known.is_empty() => *known = tree,
            Some(_) if tree.is_empty() => {}
            Some(_) => {
                let name = crate::print::quote::double(name.as_bytes());
                return Err(format!("template: multiple definition of template {name}"));
            }
        }
        Ok(())
    }

    fn statements(&mut self) -> Result<(Vec<Statement>, Stop), String> {
        self.enter()?;
        let mut body = Vec::new();
        while self.peek_past_space().kind != Kind::End {
            match self.text_or_action()? {
                Item::Statement(statement) => body.push(statement),
                Item::Stop(stop) => {
                    self.depth -= 1;
                    return Ok((body, stop));
                }
            }
        }
        Err("unexpected EOF".to_owned())
    }

    fn text_or_action(&mut self) -> Result<Item, String> {
        let token = self.advance_past_space();
        match token.kind {
            Kind::Text => {
                let range = token.position..token.position + token.text.len();
                Ok(Item::Statement(Statement::Text(range)))
            }
            Kind::LeftDelimiter => {
                self.action_line = Some(token.line);
                let item = self.action()?;
                self.action_line = None;
                Ok(item)
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Result<Item, String> {
        let token = self.advance_past_space();
        let Kind::Keyword(keyword) = token.kind else { return self.simple_action() };
        let statement = match keyword {
            Keyword::Block => self.block()?,
            Keyword::Break => self.jump("{{break}}", Statement::Break)?,
            Keyword::Continue => self.jump("{{continue}}", Statement::Continue)?,
            Keyword::Else => return self.otherwise(),
            Keyword::End => {
                self.expect(Kind::RightDelimiter, "end")?;
                return Ok(Item::Stop(Stop::End));
            }
            Keyword::If => Statement::If(self.branch("if")?),
            Keyword::Range => Statement::Range(self.branch("range")?),
            Keyword::With => Statement::With(self.branch("with")?),
            Keyword::Template => self.template()?,
            Keyword::Dot | Keyword::Nil | Keyword::Define => return self.simple_action(),
        };
        Ok(Item::Statement(statement))
    }

    fn simple_action(&mut self) -> Result<Item, String> {
        self.back();
        let position = self.peek().position;
        let pipe = self.pipeline("command", Kind::RightDelimiter)?;
        Ok(Item::Statement(Statement::Action { position, pipe }))
    }

    fn jump(&mut self, shown: &str, statement: Statement) -> Result<Statement, String> {
        let token = self.advance_past_space();
        if token.kind != Kind::RightDelimiter {
            return Err(self.unexpected(&token, shown));
        }
        if self.range_depth == 0 {
            return Err(format!("{shown} outside {{{{range}}}}"));
        }
        Ok(statement)
    }

    fn otherwise(&mut self) -> Result<Item, String> {
        if let Kind::Keyword(keyword @ (Keyword::If | Keyword::With)) = self.peek_past_space().kind {
            return Ok(Item::Stop(Stop::Else(Some(keyword))));
        }
        self.expect(Kind::RightDelimiter, "else")?;
        Ok(Item::Stop(Stop::Else(None)))
    }

    /// `if`, `range` and `with`, up to their end.
    fn branch(&mut self, context: &'static str) -> Result<Box<Branch>, String> {
        let variables = self.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelimiter)?;
        let in_range = usize::from(context == "range");
        self.range_depth += in_range;
        let (body, stop) = self.statements()?;
        self.range_depth -= in_range;
        let otherwise = match stop {
            Stop::End => None,
            Stop::Else(next) => Some(self.otherwise_body(context, next)?),
        };
        self.variables.truncate(variables);
        Ok(Box::new(Branch { pipe, body: body.into(), otherwise }))
    }

    /// `{{else if}}` and `{{else with}}` share their end with what they belong to.
    fn otherwise_body(&mut self, context: &str, next: Option<Keyword>) -> Result<Box<[Statement]>, String> {
        let chained = match (context, next) {
            ("if", Some(Keyword::If)) => Some("if"),
            ("with", Some(Keyword::With)) => Some("with"),
            _ => None,
        };
        let Some(chained) = chained else {
            let (body, stop) = self.statements()?;
            return match stop {
                Stop::End => Ok(body.into()),
                Stop::Else(_) => Err(format!("expected end; found {}", stop.shown())),
            };
        };
        self.advance_past_space();
        self.enter()?;
        let branch = self.branch(chained)?;
        self.depth -= 1;
        Ok([if chained == "if" { Statement::If(branch) } else { Statement::With(branch) }].into())
    }

    fn block(&mut self) -> Result<Statement, String> {
        const CONTEXT: &str = "block clause";
        let token = self.advance_past_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelimiter)?;
        let body = self.separate_body(CONTEXT)?;
        self.add(&name, body)?;
        Ok(Statement::Template { position: token.position, name: name.into(), pipe: Some(pipe) })
    }

    fn template(&mut self) -> Result<Statement, String> {
        const CONTEXT: &str = "template clause";
        let token = self.advance_past_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe: Option<Pipe> = if self.advance_past_space().kind == Kind::RightDelimiter {
            None
        } else {
            self.back();
            Some(self.pipeline(CONTEXT, Kind::RightDelimiter)?)
        };
        Ok(Statement::Template { position: token.position, name: name.into(), pipe })
    }

    fn template_name(&self, token: &Token<'_>, context: &str) -> Result<String, String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(token, context));
        }
        Ok(String::from_utf8_lossy(&unquote(token.text)?).into_owned())
    }
}
