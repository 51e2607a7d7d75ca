//! What the rules of a definition may cost together, reckoned before there is any object.

use bythos_schema::{FieldError, FieldPath, Schema, Type};

use crate::declared::{REQUEST_BYTES_MAX, size_min};

/// The most that one rule may cost, times the objects that it can be held against.
const RULE_COST_MAX: u64 = 10_000_000;
/// The most that all rules of one version may cost together.
const TOTAL_COST_MAX: u64 = 100_000_000;
/// How many rules are named when all together cost too much.
const NAMED_MAX: usize = 4;

/// How often a place of a schema can occur in one object; `None` if nothing bounds it.
pub(super) type Cardinality = Option<u64>;

/// The cardinality of what is below a place.
pub(super) fn below(schema: &Schema, above: Cardinality) -> Cardinality {
    let bound = |bound: Option<usize>| bound.map(|bound| u64::try_from(bound).unwrap_or(u64::MAX));
    let factor = match schema.type_ {
        Type::Array => bound(schema.bounds.max_items)?,
        Type::Object if schema.values.is_some() => bound(schema.bounds.max_properties)?,
        _ => 1,
    };
    Some(above?.saturating_mul(factor))
}

/// Adds up costs and says where they are too high.
#[derive(Debug, Default)]
pub(super) struct Bill {
    total: u64,
    dearest: Vec<(u64, FieldPath)>,
}

impl Bill {
    /// Adds a rule at a place.
    pub(super) fn add_rule(
        &mut self,
        path: &FieldPath,
        schema: &Schema,
        cost: u64,
        cardinality: Cardinality,
    ) -> Option<FieldError> {
        // As many as fit into the largest request.
        let times = cardinality.unwrap_or_else(|| REQUEST_BYTES_MAX / (size_min(schema) + 1));
        self.add("estimated rule cost", path, cost.saturating_mul(times))
    }

    /// Adds an expression that runs once per object at most.
    pub(super) fn add(&mut self, what: &str, path: &FieldPath, cost: u64) -> Option<FieldError> {
        self.total = self.total.saturating_add(cost);
        if cost >= TOTAL_COST_MAX / 100 {
            self.dearest.push((cost, path.clone()));
        }
        (cost > RULE_COST_MAX)
            .then(|| FieldError::forbidden(path.clone(), exceeds(what, cost, RULE_COST_MAX)))
    }

    /// What is wrong with all of them together.
    pub(super) fn sum(mut self) -> Vec<FieldError> {
        if self.total <= TOTAL_COST_MAX {
            return Vec::new();
        }
        self.dearest.sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
        let words =
            "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
        let named =
            self.dearest.into_iter().take(NAMED_MAX).map(|(_, path)| FieldError::forbidden(path, words));
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        let total = FieldError::forbidden(FieldPath::root(), exceeds(what, self.total, TOTAL_COST_MAX));
        named.chain([total]).collect()
    }
}

#[allow(clippy::cast_precision_loss, reason = "the factor is for people")]
fn exceeds(what: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = match factor {
        factor if factor > 100.0 => "more than 100x".to_owned(),
        factor if factor < 1.5 => format!("{factor:.6}x"),
        factor => format!("{factor:.1}x"),
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, \
         and maxLength where arrays, maps, and strings are declared)"
    )
}
