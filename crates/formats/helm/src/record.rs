//! What templates see as a struct: `.Capabilities` and what is in it.

use bythos_gotemplate::{Function, InJson, Kind, Object, Value};

/// A struct with fields that do not change.
pub(crate) struct Record {
    pub(crate) type_name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) fields: Vec<(&'static str, Value)>,
    /// What its `String` method gives.
    pub(crate) text: Option<String>,
    /// Its fields in JSON, if their names are others there.
    pub(crate) json: Option<Vec<(&'static str, Value)>>,
    pub(crate) method: fn(&str) -> Option<&'static Function>,
}

impl Object for Record {
    fn type_name(&self) -> String {
        self.type_name.to_owned()
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.fields.clone()
    }

    fn text(&self) -> Option<String> {
        self.text.clone()
    }

    fn json(&self) -> InJson {
        InJson::Fields(self.json.as_ref().unwrap_or(&self.fields).clone())
    }

    fn method(&self, name: &str) -> Option<&'static Function> {
        (self.method)(name)
    }
}

pub(crate) fn no_method(_: &str) -> Option<&'static Function> {
    None
}
