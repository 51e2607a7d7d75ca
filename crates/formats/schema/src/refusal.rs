//! What is wrong with a field, in upstream's words: the texts of `k8s.io/apimachinery/pkg/util/validation/field`.

use std::fmt;

use serde_json::Value;

use crate::FieldPath;

/// Why a field is refused: the types of upstream's `field.Error`, which appear as `reason` in a Status' causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `FieldValueRequired`
    Required,
    /// `FieldValueInvalid`
    Invalid,
    /// `FieldValueNotSupported`
    NotSupported,
    /// `FieldValueDuplicate`
    Duplicate,
    /// `FieldValueForbidden`
    Forbidden,
    /// `FieldValueTooLong`
    TooLong,
    /// `FieldValueTooMany`
    TooMany,
    /// `FieldValueTypeInvalid`
    TypeInvalid,
}

impl Refusal {
    /// As in `Status.details.causes[].reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::Required => "FieldValueRequired",
            Refusal::Invalid => "FieldValueInvalid",
            Refusal::NotSupported => "FieldValueNotSupported",
            Refusal::Duplicate => "FieldValueDuplicate",
            Refusal::Forbidden => "FieldValueForbidden",
            Refusal::TooLong => "FieldValueTooLong",
            Refusal::TooMany => "FieldValueTooMany",
            Refusal::TypeInvalid => "FieldValueTypeInvalid",
        }
    }
}

/// One refused field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Which field.
    pub path: FieldPath,
    /// Why, as a type.
    pub refusal: Refusal,
    /// What was found; `None` where upstream prints no value (required, forbidden).
    pub value: Option<Value>,
    /// Why, in words.
    pub detail: String,
}

impl FieldError {
    /// An error of a value that is there.
    pub fn of(path: FieldPath, refusal: Refusal, value: &Value, detail: impl Into<String>) -> Self {
        FieldError { path, refusal, value: Some(value.clone()), detail: detail.into() }
    }
    /// A missing value.
    pub fn required(path: FieldPath, detail: impl Into<String>) -> Self {
        FieldError { path, refusal: Refusal::Required, value: None, detail: detail.into() }
    }
    /// A value that must not be there.
    pub fn forbidden(path: FieldPath, detail: impl Into<String>) -> Self {
        FieldError { path, refusal: Refusal::Forbidden, value: None, detail: detail.into() }
    }
}

impl FieldError {
    /// The error without its path, as it appears in `Status.details.causes[].message`.
    pub fn message(&self) -> String {
        let what = match self.refusal {
            Refusal::Required => "Required value",
            Refusal::Invalid | Refusal::TypeInvalid => "Invalid value",
            Refusal::NotSupported => "Unsupported value",
            Refusal::Duplicate => "Duplicate value",
            Refusal::Forbidden => "Forbidden",
            Refusal::TooLong => "Too long",
            Refusal::TooMany => "Too many",
        };
        match (&self.value, self.detail.is_empty()) {
            (Some(value), false) => format!("{what}: {value}: {}", self.detail),
            (Some(value), true) => format!("{what}: {value}"),
            (None, false) => format!("{what}: {}", self.detail),
            (None, true) => what.to_owned(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message())
    }
}
