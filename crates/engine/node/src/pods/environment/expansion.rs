//! `$(NAME)` in values, commands and arguments, by the rules of Kubernetes: a name that is not known stays as it is
//! written, and `$$` is a dollar that expands nothing.

use std::collections::BTreeMap;

/// `text` with all known references replaced.
pub(crate) fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, from_dollar) = rest.split_at(dollar);
        expanded.push_str(before);
        let after = from_dollar.get(1..).unwrap_or_default();
        if let Some(after_second) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after_second;
        } else if let Some((name, after_name)) = after.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        {
            match variables.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.push_str(&format!("$({name})")),
            }
            rest = after_name;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_as_kubernetes_does() {
        let pairs = [("A", "1"), ("B", "$(A)"), ("EMPTY", "")];
        let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let cases = [
            ("plain", "plain"),
            ("$(A)", "1"),
            ("x$(A)y$(A)z", "x1y1z"),
            ("$(EMPTY)", ""),
            ("$(B)", "$(A)"),
            ("$(NONE)", "$(NONE)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$A", "$A"),
            ("$(A", "$(A"),
            ("cost: 5$", "cost: 5$"),
            ("$()", "$()"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
