//! What a kind is: one row of the table, or one version of a CustomResourceDefinition.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bythos_schema::{FieldError, Schema};
use serde_json::Value;

/// A piece of text of the table, or of a CustomResourceDefinition.
pub type Text = Cow<'static, str>;

/// One served version of a kind.
#[derive(Clone)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: Text,
    /// For example `v1`.
    pub version: Text,
    /// For example `Deployment`.
    pub kind: Text,
    /// For example `deployments`.
    pub plural: Text,
    /// For example `deployment`.
    pub singular: Text,
    /// For example `deploy`.
    pub short_names: Vec<Text>,
    /// For example `all`.
    pub categories: Vec<Text>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether its objects are stored (most), or only answered (`SelfSubjectAccessReview`).
    pub stored: bool,
    /// What can be asked of an object besides itself.
    pub subresources: Vec<Subresource>,
    /// What `kubectl get` shows, without the name, which is always first.
    pub columns: Vec<Column>,
    /// Where its fields are described; read them with [`Kind::schema`].
    pub schema: SchemaSource,
    /// Where it differs from others.
    pub rules: Rules,
    /// What only a kind of a CustomResourceDefinition has.
    pub custom: Custom,
}

/// What only a kind of a CustomResourceDefinition has; nothing for built-in kinds.
#[derive(Clone, Default)]
pub struct Custom {
    /// `x-kubernetes-validations`
    pub rules: CustomRules,
    /// Fields by which its objects can be selected, without leading dot: `selectableFields`.
    pub selectable_fields: Vec<Text>,
    /// What to tell those who use this version.
    pub deprecation: Option<Text>,
    /// The schema of the version in which its objects are stored: its own one, where both are alike.
    pub stored_schema: Option<Arc<Schema>>,
    /// The kind of its lists, if the definition says one: `names.listKind`.
    pub list_kind: Option<Text>,
}

/// The rules of a custom kind. They are compiled when an object is first held against them: most kinds that a chart
/// brings are never written.
#[derive(Clone, Default)]
pub struct CustomRules {
    schema: Option<Arc<Schema>>,
    compiled: Arc<OnceLock<bythos_cel::Rules>>,
}

impl CustomRules {
    pub(crate) fn of(schema: &Arc<Schema>) -> Self {
        CustomRules { schema: Some(schema.clone()), compiled: Arc::default() }
    }

    /// Everything that the rules refuse in an object; `old` is what it was before an update.
    pub fn validate(&self, old: Option<&Value>, new: &Value) -> Vec<FieldError> {
        let Some(schema) = &self.schema else { return Vec::new() };
        // What is wrong with them was said when the definition was written.
        let rules = self
            .compiled
            .get_or_init(|| bythos_cel::Rules::compile(schema, bythos_cel::CostLimits::Accepted).0);
        rules.validate(new, old, bythos_cel::OBJECT_BUDGET)
    }
}

impl Kind {
    /// Its fields. `None` for a custom kind that keeps whatever it is given.
    pub fn schema(&self) -> Option<Arc<Schema>> {
        match &self.schema {
            SchemaSource::BuiltIn => bythos_schema::built_in(&self.group, &self.version, &self.kind),
            SchemaSource::Definition(schema) => schema.clone(),
        }
    }

    /// `v1`, or for example `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Whether tables begin with the object's name. An Event's says nothing; its own column of that name stands last.
    pub fn leads_with_name(&self) -> bool {
        !self.columns.iter().any(|column| column.name == "Name")
    }

    /// Whether its status is written apart from the rest.
    pub fn has_status(&self) -> bool {
        self.subresources.contains(&Subresource::Status)
    }
}

/// Where a kind's fields are described.
#[derive(Debug, Clone)]
pub enum SchemaSource {
    /// In the schema library, which expands a built-in kind when it is first asked for it.
    BuiltIn,
    /// In a CustomResourceDefinition; `None` if it describes nothing.
    Definition(Option<Arc<Schema>>),
}

/// What can be asked of an object besides itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subresource {
    /// Its status, written apart from its spec.
    Status,
    /// Its replicas, by these paths (without leading dot): spec, status, selector.
    Scale {
        /// For example `spec.replicas`.
        spec_replicas: Text,
        /// For example `status.replicas`.
        status_replicas: Text,
        /// For example `status.selector`; a string, or a label selector object that is printed as one.
        selector: Option<Text>,
    },
    /// A pod's node: `POST pods/x/binding`.
    Binding,
    /// A pod's end, if its disruption budget allows: `POST pods/x/eviction`.
    Eviction,
    /// A pod's output, read from the node.
    Log,
    /// A command in a container, over an upgraded connection.
    Exec,
    /// The streams of a running container, over an upgraded connection.
    Attach,
    /// Ports of a pod, over an upgraded connection.
    PortForward,
    /// HTTP requests to the object itself, passed on.
    Proxy {
        /// Kind of the options, for example `PodProxyOptions`.
        options: Text,
    },
    /// Whether a request for a certificate is approved or denied: `PUT certificatesigningrequests/x/approval`.
    Approval,
    /// A namespace's finalizers: `PUT namespaces/x/finalize`.
    Finalize,
    /// A service account's tokens: `POST serviceaccounts/x/token`.
    Token,
}

/// One column of a table.
#[derive(Clone)]
pub struct Column {
    /// Heading.
    pub name: Text,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub type_: Text,
    /// For example empty or `name`.
    pub format: Text,
    /// For people.
    pub description: Text,
    /// 0 is shown always, 1 with `-o wide`.
    pub priority: i32,
    /// The cell of an object.
    pub cell: Cell,
}

/// Where a cell comes from.
#[derive(Clone)]
pub enum Cell {
    /// A function of the table.
    Computed(fn(&Value) -> Value),
    /// A function of the table that speaks of times that have passed.
    ComputedAt(fn(&Value, jiff::Timestamp) -> Value),
    /// A simple JSON path of a CustomResourceDefinition, for example `.status.phase`; dates are shown as ages.
    Path(Text),
}

/// Small pure functions of a kind. The defaults of this struct do nothing.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Fills in what upstream's defaulting fills in.
    pub default: fn(&mut Value),
    /// Checks what the schema cannot say. The schema was held already.
    pub validate: fn(&Value) -> Vec<FieldError>,
    /// Checks what an update may change: old, new.
    pub validate_update: fn(&Value, &Value) -> Vec<FieldError>,
    /// Prepares an object for creation: clears what only the system sets. Defaults were filled in already.
    pub prepare_create: fn(&mut Value),
    /// Prepares an update through the main door: old, new. Status is kept from old already.
    pub prepare_update: fn(&Value, &mut Value),
    /// How its served versions become each other; `None` if all have one shape.
    pub conversion: Option<&'static crate::Conversion>,
    /// Names of the kind follow this rule.
    pub name: NameRule,
    /// Fields by which it can be selected, besides `metadata.name` and `metadata.namespace`.
    pub selectable_fields: &'static [SelectableField],
    /// What writers are told of objects that nothing here acts on, though upstream would; empty for most kinds.
    pub caveat: &'static str,
}

/// A field by which objects can be selected, and how it is read; empty where there is none.
pub type SelectableField = (&'static str, fn(&Value) -> String);

impl Default for Rules {
    fn default() -> Self {
        Rules {
            default: |_| {},
            validate: |_| Vec::new(),
            validate_update: |_, _| Vec::new(),
            prepare_create: |_| {},
            prepare_update: |_, _| {},
            conversion: None,
            name: NameRule::Subdomain,
            selectable_fields: &[],
            caveat: "",
        }
    }
}

/// What names a kind may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// RFC 1123 subdomain, up to 253 characters: most kinds.
    Subdomain,
    /// RFC 1123 label, up to 63: Namespace.
    Label,
    /// RFC 1035 label, up to 63: Service.
    Rfc1035Label,
    /// Anything that is a path segment: RBAC kinds.
    PathSegment,
}
