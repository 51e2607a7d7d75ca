//! Expressions become trees that stand for what people read, or say what was expected.

use super::*;

/// A tree in brackets.
fn print(expression: &Expr) -> String {
    let all = |parts: &[Expr]| parts.iter().map(print).collect::<Vec<_>>().join(" ");
    match &expression.kind {
        Kind::Literal(literal) => format!("{literal:?}"),
        Kind::Name(name) | Kind::Message(name) => name.clone(),
        Kind::Select { operand, field, access } => match access {
            Access::Plain => format!("{}.{field}", print(operand)),
            Access::Optional => format!("{}.?{field}", print(operand)),
            Access::Presence => format!("has({}.{field})", print(operand)),
        },
        Kind::Index { operand, index, .. } => format!("{}[{}]", print(operand), print(index)),
        Kind::Call { function, target: None, arguments } => format!("({function} {})", all(arguments)),
        Kind::Call { function, target: Some(target), arguments } => {
            format!("({}.{function} {})", print(target), all(arguments))
        }
        Kind::List(items) => {
            format!("[{}]", items.iter().map(|item| print(&item.value)).collect::<Vec<_>>().join(" "))
        }
        Kind::Map(entries) => {
            let pairs: Vec<String> = entries
                .iter()
                .map(|entry| format!("{}:{}", print(&entry.key), print(&entry.value)))
                .collect();
            format!("{{{}}}", pairs.join(" "))
        }
        Kind::And(terms) => format!("(and {})", all(terms)),
        Kind::Or(terms) => format!("(or {})", all(terms)),
        Kind::Conditional { condition, then, otherwise } => {
            format!("(if {} {} {})", print(condition), print(then), print(otherwise))
        }
        Kind::Fold(fold) => {
            let filter =
                fold.filter.as_ref().map(|filter| format!(" if {}", print(filter))).unwrap_or_default();
            format!(
                "({:?} {} {}{filter} {})",
                fold.kind,
                fold.names.join(","),
                print(&fold.range),
                print(&fold.body)
            )
        }
        Kind::OptionalMap { operand, name, body, .. } => {
            format!("(optMap {name} {} {})", print(operand), print(body))
        }
    }
}

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(print(&parse(source).unwrap_or_else(|error| panic!("{error}"))), expected, "{source}");
}

#[track_caller]
fn check_refused(source: &str, column: usize, words: &str) {
    let error = parse(source).unwrap_err();
    assert_eq!(error.column, column, "{error}");
    assert!(error.message.contains(words), "expected {words:?} in {error}");
}

#[test]
fn operators_bind_as_the_language_says() {
    check("a + b * c - d", "(_-_ (_+_ a (_*_ b c)) d)");
    check("a || b && c || d", "(or a (and b c) d)");
    check("a && b && c", "(and a b c)");
    check("!a.b == c", "(_==_ (!_ a.b) c)");
    check("x in [1, 2] ? y : z ? 1 : 2", "(if (@in x [Int(1) Int(2)]) y (if z Int(1) Int(2)))");
    check("1 - -2", "(_-_ Int(1) Int(-2))");
    check("--a", "a");
    check("-a", "(-_ a)");
    check("a -1", "(_-_ a Int(1))");
    check("-9223372036854775808", "Int(-9223372036854775808)");
}

#[test]
fn members_calls_and_literals_are_read() {
    check("self.a[0].b", "self.a[Int(0)].b");
    check("self.?a[?'b'].orValue('')", r#"(self.?a[String("b")].orValue String(""))"#);
    check("format.dns1123Label().validate(self)", "((format.dns1123Label ).validate self)");
    check(
        "{'a': 1, b: [true, null,],}",
        r#"{String("a"):Int(1) b:[Bool(true) Literal]}"#.replace("Literal", "Null").as_str(),
    );
    check("object.metadata.namespace", "object.metadata.namespace");
    check(".a", "a");
}

#[test]
fn macros_are_recognised_by_name_and_number_of_arguments() {
    check("has(self.a.b)", "has(self.a.b)");
    check("self.all(x, x > 0)", "(All x self (_>_ x Int(0)))");
    check("self.exists_one(x, x)", "(ExistsOne x self x)");
    check("self.map(x, x.a, x.b)", "(List x self if x.a x.b)");
    check("self.all(k, v, v == k)", "(All k,v self (_==_ v k))");
    check("self.transformMap(k, v, v)", "(Map k,v self v)");
    check("self.optMap(x, x + 1)", "(optMap x self (_+_ x Int(1)))");
    check("self.map(x)", "(self.map x)");
}

#[test]
fn nonsense_is_refused_with_its_place() {
    check_refused("self.a ==", 10, "found the end, expected a value");
    check_refused("self.a b", 8, "found \"b\", expected an operator or the end");
    check_refused("(a", 3, "expected ')'");
    check_refused("[a b]", 4, "expected ',' or ']'");
    check_refused("has(a)", 1, "has() macro");
    check_refused("a.all(x.y, x)", 8, "argument must be a simple name");
    check_refused("a.all(x, x, x)", 2, "duplicate variable name");
    check_refused("namespace == ''", 1, "reserved identifier: namespace");
    check_refused("a.1", 2, "expected an operator");
    check_refused("", 1, "expected a value");
    check_refused("9223372036854775808", 1, "invalid int literal");
}

#[test]
fn depth_is_bounded_whatever_it_is_made_of() {
    for (open, close) in [("(", ")"), ("[", "]"), ("!(", ")"), ("a ? b : ", ""), ("1 + (", ")")] {
        let source = format!("{}a{}", open.repeat(3000), close.repeat(3000));
        assert!(parse(&source).unwrap_err().message.contains("nested more than"), "{open}");
    }
    let sum = vec!["a"; 500].join(" + ");
    assert!(parse(&sum).unwrap_err().message.contains("nested more than"));
    assert!(parse(&format!("a{}", ".b".repeat(500))).is_err());
    assert!(parse(&vec!["a == 1"; 500].join(" && ")).is_ok());
    assert!(parse(&"-".repeat(90_000)).is_err());
    assert!(parse(&format!("{}a", ".".repeat(90_000))).is_err());
}
