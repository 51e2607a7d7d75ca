//! Functions that templates call: plain Rust functions, with the signature that Go would give them.

use crate::budget::Spent;
use crate::error::Error;
use crate::execute::Scope;
use crate::text::Text;
use crate::value::{Element, List, Map, Object, Value};

/// Where templates find their functions. They come before those that Go builds in.
pub trait Library {
    /// The function of the name.
    fn find(&self, name: &str) -> Option<&Function>;
}

/// Go's own functions and no others.
#[derive(Debug, Clone, Copy)]
pub struct NoLibrary;

impl Library for NoLibrary {
    fn find(&self, _name: &str) -> Option<&Function> {
        None
    }
}

/// Why a function failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// In the function's own words.
    #[error("{0}")]
    Message(String),
    /// In the words of the template's author, who called a function for that.
    #[error("{message}")]
    Raised {
        /// What is printed.
        message: String,
        /// The author's words alone.
        words: String,
    },
    /// A template that it carried out failed.
    #[error("{0}")]
    Template(Box<Error>),
    /// As [`Failure::Template`], with words of the function's own before it.
    #[error("{message}: {error}")]
    Within {
        /// What was being done.
        message: String,
        /// What failed.
        error: Box<Error>,
    },
    /// A limit is reached.
    #[error(transparent)]
    Spent(#[from] Spent),
}

impl Failure {
    /// In the function's own words.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure::Message(message.into())
    }

    /// In the words of the template's author.
    pub fn raised(words: impl Into<String>) -> Failure {
        let words = words.into();
        Failure::Raised { message: words.clone(), words }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Template(Box::new(error))
    }
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`.
    Any,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `uint32`.
    Uint32,
    /// `float64`.
    Float,
    /// `string`.
    String,
    /// `[]interface {}`.
    List,
    /// `map[string]interface {}`.
    Map,
    /// An [`Object`] whose type has this name.
    Object(&'static str),
}

impl Type {
    /// As Go prints it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Any => "interface {}",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint32 => "uint32",
            Type::Float => "float64",
            Type::String => "string",
            Type::List => "[]interface {}",
            Type::Map => "map[string]interface {}",
            Type::Object(name) => name,
        }
    }

    /// What `nil` becomes, if the type has it.
    pub(crate) fn nil(self) -> Option<Value> {
        match self {
            Type::Any => Some(Value::Nil),
            Type::List => Some(Value::List(List::nil(crate::value::Shape::ANY))),
            Type::Map => Some(Value::Map(Map::nil(crate::value::Shape::ANY))),
            _ => None,
        }
    }

    /// Whether a value that is not `nil` can be given where this is expected.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        match (self, value) {
            (Type::Any, _)
            | (Type::Bool, Value::Bool(_))
            | (Type::Int, Value::Int(_))
            | (Type::Float, Value::Float(_))
            | (Type::String, Value::String(_)) => true,
            (Type::List, Value::List(list)) => list.shape().element == Element::Any,
            (Type::Map, Value::Map(map)) => map.shape().element == Element::Any,
            (Type::Object(name), Value::Object(object)) => object.type_name() == name,
            _ => false,
        }
    }
}

/// What a function takes.
#[derive(Debug)]
pub struct Signature {
    /// The parameters that must be given, in order.
    pub fixed: Vec<Type>,
    /// Any number of these may follow.
    pub rest: Option<Type>,
}

type Body = dyn Fn(&mut Scope<'_>, Arguments) -> Result<Value, Failure> + Send + Sync;

/// A function and its name.
pub struct Function {
    name: &'static str,
    signature: Signature,
    body: Box<Body>,
}

impl Function {
    /// From a Rust function: `Function::new("upper", |text: Text| ...)`. Its parameters are [`Parameter`]s, the last
    /// may be a [`Rest`], and the first a `&mut Scope<'_>`; it returns an [`Outcome`].
    pub fn new<P>(name: &'static str, body: impl Callable<P>) -> Function {
        Function { name, signature: body.signature(), body: body.into_body() }
    }

    /// As templates call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it takes.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Calls it with arguments that fit its signature.
    ///
    /// # Errors
    /// The function's own.
    pub fn call(&self, scope: &mut Scope<'_>, arguments: Vec<Value>) -> Result<Value, Failure> {
        (self.body)(scope, Arguments(arguments.into_iter()))
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{:?}", self.name, self.signature)
    }
}

/// The arguments that no parameter has taken yet.
pub struct Arguments(std::vec::IntoIter<Value>);

/// A type that can be a parameter.
pub trait Parameter: Sized {
    /// What Go calls it.
    const TYPE: Type;
    /// Whether it takes all arguments that are left.
    const IS_REST: bool = false;

    /// The value as this type, if it is one.
    fn from_value(value: Value) -> Option<Self>;

    /// Takes what it needs.
    ///
    /// # Errors
    /// The arguments do not fit the signature.
    fn take(arguments: &mut Arguments) -> Result<Self, Failure> {
        let found = arguments.0.next().and_then(Self::from_value);
        found.ok_or_else(|| Failure::new(format!("expected {}", Self::TYPE.name())))
    }
}

/// All arguments that are left.
pub struct Rest<T>(pub Vec<T>);

impl<T: Parameter> Parameter for Rest<T> {
    const TYPE: Type = T::TYPE;
    const IS_REST: bool = true;

    fn from_value(value: Value) -> Option<Self> {
        T::from_value(value).map(|value| Rest(vec![value]))
    }

    fn take(arguments: &mut Arguments) -> Result<Self, Failure> {
        let mut taken = Vec::with_capacity(arguments.0.len());
        while arguments.0.len() > 0 {
            taken.push(T::take(arguments)?);
        }
        Ok(Rest(taken))
    }
}

macro_rules! parameter {
    ($type:ty, $name:expr, $pattern:pat => $value:expr) => {
        impl Parameter for $type {
            const TYPE: Type = $name;

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    $pattern => Some($value),
                    #[allow(unreachable_patterns, reason = "a value is always a value")]
                    _ => None,
                }
            }
        }
    };
}

parameter!(Value, Type::Any, value => value);
parameter!(bool, Type::Bool, Value::Bool(value) => value);
parameter!(i64, Type::Int, Value::Int(number) => number);
parameter!(u32, Type::Uint32, Value::Int(number) => u32::try_from(number).ok()?);
parameter!(f64, Type::Float, Value::Float(number) => number);
parameter!(Text, Type::String, Value::String(text) => text);
parameter!(List, Type::List, Value::List(list) => list);
// The function sees a plain map, whatever the type was called before.
parameter!(Map, Type::Map, Value::Map(map) => map.as_shape(crate::value::Shape::ANY));

/// What a function can return.
pub trait Outcome {
    /// The value that the template sees.
    ///
    /// # Errors
    /// The function failed.
    fn into_result(self) -> Result<Value, Failure>;
}

impl<T: Into<Value>> Outcome for T {
    fn into_result(self) -> Result<Value, Failure> {
        Ok(self.into())
    }
}

impl<T: Into<Value>> Outcome for Result<T, Failure> {
    fn into_result(self) -> Result<Value, Failure> {
        self.map(Into::into)
    }
}

/// A Rust function that can become a [`Function`]. `P` are its parameters.
pub trait Callable<P> {
    /// What it takes.
    fn signature(&self) -> Signature;
    /// The function, behind one type for all.
    fn into_body(self) -> Box<Body>;
}

/// Marks a function that takes the scope first.
pub struct InScope;

macro_rules! callable {
    ($($parameter:ident)*) => {
        impl<F, R, $($parameter,)*> Callable<(R, $($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
            R: Outcome,
            $($parameter: Parameter,)*
        {
            fn signature(&self) -> Signature {
                signature(&[$(($parameter::TYPE, $parameter::IS_REST)),*])
            }

            #[allow(unused_mut, unused_variables, non_snake_case, reason = "a function may take nothing")]
            fn into_body(self) -> Box<Body> {
                Box::new(move |_, mut arguments| {
                    $(let $parameter = $parameter::take(&mut arguments)?;)*
                    self($($parameter),*).into_result()
                })
            }
        }

        impl<F, R, $($parameter,)*> Callable<(InScope, R, $($parameter,)*)> for F
        where
            F: Fn(&mut Scope<'_>, $($parameter),*) -> R + Send + Sync + 'static,
            R: Outcome,
            $($parameter: Parameter,)*
        {
            fn signature(&self) -> Signature {
                signature(&[$(($parameter::TYPE, $parameter::IS_REST)),*])
            }

            #[allow(unused_mut, unused_variables, non_snake_case, reason = "a function may take nothing")]
            fn into_body(self) -> Box<Body> {
                Box::new(move |scope, mut arguments| {
                    $(let $parameter = $parameter::take(&mut arguments)?;)*
                    self(scope, $($parameter),*).into_result()
                })
            }
        }
    };
}

callable!();
callable!(A);
callable!(A B);
callable!(A B C);
callable!(A B C D);
callable!(A B C D E);
callable!(A B C D E G);

fn signature(parameters: &[(Type, bool)]) -> Signature {
    let fixed = parameters.iter().filter(|(_, is_rest)| !is_rest).map(|(found, _)| *found).collect();
    let rest = parameters.iter().find(|(_, is_rest)| *is_rest).map(|(found, _)| *found);
    Signature { fixed, rest }
}

impl From<i64> for Value {
    /// `int64`, as arithmetic gives. `int` is [`Value::Int`].
    fn from(number: i64) -> Value {
        Value::Int64(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Float(number)
    }
}

impl<T: Object> From<std::rc::Rc<T>> for Value {
    fn from(object: std::rc::Rc<T>) -> Value {
        Value::Object(object)
    }
}
