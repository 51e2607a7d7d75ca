//! The schema itself: a tree whose branches are shared.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::Pattern;

/// How the items of a list belong together: `x-kubernetes-list-type`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ListType {
    /// The list is one value.
    #[default]
    Atomic,
    /// Its items are a set of scalars.
    Set,
    /// Its items are maps that these keys tell apart: `x-kubernetes-list-map-keys`.
    Map(Vec<Arc<str>>),
}

/// How strategic merge patch treats a list: separate facts from the list type (Service ports differ).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PatchStrategy {
    /// The patch replaces it.
    #[default]
    Replace,
    /// Scalars are added.
    MergeScalars,
    /// Items are merged by this key: `x-kubernetes-patch-merge-key`.
    MergeBy(Arc<str>),
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A JSON object: with declared properties, or a map, or free-form.
    Object,
    /// A JSON array.
    Array,
    /// A JSON string.
    String,
    /// A JSON number without fraction.
    Integer,
    /// A JSON number.
    Number,
    /// A JSON boolean.
    Boolean,
    /// `x-kubernetes-int-or-string`
    IntOrString,
    /// Not declared: anything.
    Any,
}

/// A structural schema. Children are shared, so that recursive and repeated types are stored once.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Type of the value.
    pub type_: Type,
    /// Declared fields.
    pub properties: BTreeMap<Arc<str>, Arc<Schema>>,
    /// Schema of a map's values (`additionalProperties`).
    pub values: Option<Arc<Schema>>,
    /// Schema of a list's items.
    pub items: Option<Arc<Schema>>,
    /// Fields that must be there.
    pub required: Vec<Arc<str>>,
    /// Whether `null` is a value.
    pub nullable: bool,
    /// What a `null` stands for where it is no value; the field is dropped where there is nothing. Upstream reads a
    /// `null` of a built-in kind as the Go zero value, which shows in required lists and in maps of strings.
    pub null_as: Option<Value>,
    /// `x-kubernetes-preserve-unknown-fields`
    pub preserve_unknown: bool,
    /// `x-kubernetes-embedded-resource`
    pub embedded_resource: bool,
    /// `x-kubernetes-map-type: atomic`
    pub atomic_map: bool,
    /// List type and its keys.
    pub list_type: ListType,
    /// Whether validation lets items with equal keys pass, as upstream does in built-in kinds (environment variables).
    pub tolerates_duplicates: bool,
    /// Patch strategy of a list and its key.
    pub patch_strategy: PatchStrategy,
    /// Patch strategy `retainKeys`: an object of this schema, or an item of this list, loses the fields that the
    /// patch's `$retainKeys` does not name. Clients that compute patches must send that directive.
    pub retain_keys: bool,
    /// Whether strategic merge patch replaces an object of this schema where it would merge others.
    pub patch_replaces_object: bool,
    /// Value where none is given.
    pub default: Option<Value>,
    /// Permitted values; empty for all.
    pub enumeration: Vec<Value>,
    /// Bounds and patterns.
    pub bounds: Bounds,
    /// `allOf`, `anyOf`, `oneOf` and `not`, which only validate.
    pub combinations: Option<Box<Combinations>>,
    /// `x-kubernetes-validations` as written. They are not evaluated here.
    pub rules: Vec<Value>,
}

/// What a value is held against beyond its type. Absent bounds do not bind.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the names are those of JSON Schema")]
pub struct Bounds {
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub exclusive_minimum: bool,
    pub exclusive_maximum: bool,
    pub multiple_of: Option<f64>,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub pattern: Option<Arc<Pattern>>,
    pub min_items: Option<usize>,
    pub max_items: Option<usize>,
    pub min_properties: Option<usize>,
    pub max_properties: Option<usize>,
    pub format: Option<Arc<str>>,
}

/// Schemas that a value must match together. They never declare fields.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the names are those of JSON Schema")]
pub struct Combinations {
    pub all_of: Vec<Schema>,
    pub any_of: Vec<Schema>,
    pub one_of: Vec<Schema>,
    pub not: Option<Schema>,
}

static ANYTHING: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::any()));

impl Schema {
    /// A schema of this type that says nothing more.
    pub fn of(type_: Type) -> Self {
        Schema {
            type_,
            properties: BTreeMap::new(),
            values: None,
            items: None,
            required: Vec::new(),
            nullable: false,
            null_as: None,
            preserve_unknown: false,
            embedded_resource: false,
            atomic_map: false,
            list_type: ListType::Atomic,
            tolerates_duplicates: false,
            patch_strategy: PatchStrategy::Replace,
            retain_keys: false,
            patch_replaces_object: false,
            default: None,
            enumeration: Vec::new(),
            bounds: Bounds::default(),
            combinations: None,
            rules: Vec::new(),
        }
    }

    /// The schema of what nobody described: everything is kept, maps merge key by key, lists are replaced.
    pub fn any() -> Self {
        Schema { preserve_unknown: true, nullable: true, ..Schema::of(Type::Any) }
    }

    /// [`Schema::any`], shared.
    pub fn anything() -> &'static Arc<Schema> {
        &ANYTHING
    }

    /// The schema of this field: declared, or that of a map's values; `None` where it is neither.
    pub fn field(&self, name: &str) -> Option<&Arc<Schema>> {
        self.properties.get(name).or(self.values.as_ref())
    }

    /// Whether nothing is known of the fields of an object of this schema, so that all of them are kept.
    pub(crate) fn is_free_form(&self) -> bool {
        self.properties.is_empty() && self.values.is_none() && self.preserve_unknown
    }
}
