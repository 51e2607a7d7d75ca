use std::rc::Rc;

use crate::{
    Budget, Error, Failure, Function, Library, Limits, Map, MissingKey, NoLibrary, Rest, Scope, Templates,
    Text, Value,
};

const LIMITS: Limits = Limits { steps_max: 100_000, bytes_max: 1 << 20, depth_max: 50 };

/// Functions of a caller: `join` and `render`.
struct Callers([Function; 2]);

impl Callers {
    fn new() -> Callers {
        let join = Function::new("join", |separator: Text, parts: Rest<Text>| {
            let parts: Vec<String> = parts.0.iter().map(Text::to_string).collect();
            parts.join(&separator.to_str())
        });
        let render = Function::new("render", |scope: &mut Scope<'_>, name: Text, data: Value| {
            scope.execute(&name.to_str(), data).map_err(Failure::from)
        });
        Callers([join, render])
    }
}

impl Library for Callers {
    fn find(&self, name: &str) -> Option<&Function> {
        self.0.iter().find(|function| function.name() == name)
    }
}

fn execute(text: &str, data: Value, library: &dyn Library, missing_key: MissingKey) -> Result<String, Error> {
    let mut templates = Templates::new();
    templates.add("t", text, library)?;
    let budget = Budget::new(LIMITS);
    let mut scope = Scope::new(Rc::new(templates), library, &budget, &()).with_missing_key(missing_key);
    scope.execute("t", data).map(|output| output.to_string())
}

fn data() -> Value {
    Value::map([("a", Value::Int(1)), ("m", Value::map([("b", Value::from("x"))])), ("n", Value::Nil)])
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(execute(text, data(), &Callers::new(), MissingKey::Invalid).unwrap(), expected);
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    let error = execute(text, data(), &Callers::new(), MissingKey::Invalid).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_a_map_does_not_have_follows_the_option() {
    let text = "{{ .nope }}|{{ with .nope }}{{ end }}";
    let run = |text, missing_key| execute(text, data(), &NoLibrary, missing_key);
    assert_eq!(run(text, MissingKey::Invalid).unwrap(), "<no value>|");
    assert_eq!(run(text, MissingKey::Zero).unwrap(), "<no value>|");
    let error = run(text, MissingKey::Error).unwrap_err().to_string();
    assert_eq!(error, "template: t:1:3: executing \"t\" at <.nope>: map has no entry for key \"nope\"");
    assert_eq!(run("{{ .nope.deeper }}", MissingKey::Invalid).unwrap(), "<no value>");
    assert!(
        run("{{ .nope.deeper }}", MissingKey::Zero)
            .unwrap_err()
            .to_string()
            .contains("nil pointer evaluating")
    );
}

#[test]
fn functions_of_the_caller_take_what_their_signatures_say() {
    check(r#"{{ join "-" "a" "b" }} {{ "b" | join "-" "a" }} [{{ join "-" }}]"#, "a-b a-b []");
    fails(
        "{{ join }}",
        "template: t:1:3: executing \"t\" at <join>: wrong number of args for join: want at least 1 got 0",
    );
    fails("{{ join 1 }}", "template: t:1:8: executing \"t\" at <1>: expected string; found 1");
    fails(
        "{{ join .a }}",
        "template: t:1:8: executing \"t\" at <.a>: wrong type for value; expected string; got int",
    );
}

#[test]
fn an_error_names_line_column_and_what_led_there() {
    let text = "{{ define \"in\" }}\n  {{ .a.b }}{{ end }}{{ define \"out\" }}{{ template \"in\" . }}{{ end }}\n{{ template \"out\" . }}";
    let error = execute(text, data(), &NoLibrary, MissingKey::Invalid).unwrap_err();
    let expected = "template: t:2:7: executing \"in\" at <.a.b>: can't evaluate field b in type interface {}";
    assert_eq!(error.to_string(), expected);
    let stack: Vec<_> =
        error.stack().iter().map(|frame| (frame.executing.clone(), frame.location.line)).collect();
    assert_eq!(stack, [("t".to_owned(), 3), ("out".to_owned(), 2), ("in".to_owned(), 2)]);
}

#[test]
fn an_error_inside_of_a_function_is_told_with_its_own_place() {
    let text = "{{ define \"in\" }}{{ .x.y.z }}{{ end }}{{ render \"in\" (join \",\") }}";
    let error = execute(text, data(), &Callers::new(), MissingKey::Invalid).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:41: executing \"t\" at <render \"in\" (join \",\")>: error calling render: \
         template: t:1:22: executing \"in\" at <.x.y.z>: can't evaluate field x in type string"
    );
    assert_eq!(error.stack().len(), 2);
    assert!(matches!(error.root(), Error::Execute(execution) if execution.cause.is_none()));
}

#[test]
fn a_function_can_be_called_as_a_value() {
    let twice = Function::new("twice", |number: i64| number * 2);
    let data = Value::map([("f", Value::Function(Rc::new(twice)))]);
    let run = |text| {
        execute(text, data.clone(), &NoLibrary, MissingKey::Invalid).map_err(|error| error.to_string())
    };
    assert_eq!(run("{{ call .f 21 }}"), Ok("42".to_owned()));
    assert!(run("{{ call .f }}").unwrap_err().contains("wrong number of args for .f: got 0 want 1"));
}

#[test]
fn maps_are_shared_and_printed_by_key() {
    let map = Map::new();
    let data = Value::map([("one", Value::Map(map.clone())), ("two", Value::Map(map.clone()))]);
    map.set("b", Value::Int(2));
    map.set("a", Value::list(vec![Value::Nil]));
    let found = execute("{{ .one }} {{ .two.b }}", data, &NoLibrary, MissingKey::Invalid);
    assert_eq!(found.unwrap(), "map[a:[<nil>] b:2] 2");
}

#[test]
fn what_was_added_to_a_set_inside_the_outer_set_does_not_see() {
    let mut outer = Templates::new();
    outer.add("a", "outer", &NoLibrary).unwrap();
    let outer = Rc::new(outer);
    let mut inner = Templates::inside(&outer);
    inner.add("b", "{{ template \"a\" }}!", &NoLibrary).unwrap();
    assert!(inner.has("a") && inner.has("b") && !outer.has("b"));
    let budget = Budget::new(LIMITS);
    let mut scope = Scope::new(Rc::new(inner), &NoLibrary, &budget, &());
    assert_eq!(scope.execute("b", Value::Nil).unwrap().to_string(), "outer!");
}

#[test]
fn limits_stop_with_their_name() {
    fails(
        "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}",
        "template: t:1:28: executing \"x\" at <{{template \"x\"}}>: exceeded maximum template depth (50)",
    );
    fails(
        "{{ range 1000000 }}{{ end }}",
        "template: t:1:9: executing \"t\" at <1000000>: the templates take more than 100000 steps",
    );
}

#[test]
fn a_syntax_error_names_its_line() {
    fails("a\n{{ if }}", "template: t:2: missing value for if");
    fails("{{ if true }}\n{{ x }}", "template: t:2: function \"x\" not defined");
    fails("{{\n\n", "template: t:3: unclosed action started at t:1");
    fails("{{ (1", "template: t:1: unclosed action");
    fails("{{ 1i }}", "template: t:1: complex numbers are not supported: \"1i\"");
}

#[test]
fn a_shared_text_is_as_one_of_its_own() {
    let mut templates = Templates::new();
    for (name, text) in [
        ("page", b"{{ define \"part\" }}part{{ end }}{{ template \"part\" }} of {{ .a }} \xff".as_slice()),
        ("caller", b"{{ template \"page\" . }}, {{ render \"page\" . }}"),
        ("faulty", b"\n{{ .a.b }}"),
        ("empty", b"{{ define \"faulty\" }} {{ end }}"),
    ] {
        templates.add_shared(name, &text.into(), &Callers::new()).unwrap();
    }
    let refused = templates.add_shared("wrong", &b"\n{{ x }}".as_slice().into(), &NoLibrary);
    assert_eq!(refused.unwrap_err().to_string(), "template: wrong:2: function \"x\" not defined");
    let (budget, library) = (Budget::new(LIMITS), Callers::new());
    let mut scope = Scope::new(Rc::new(templates), &library, &budget, &());
    for _ in 0..2 {
        assert_eq!(scope.execute_once("page", data()).unwrap().to_string(), "part of 1 \u{fffd}");
        let called = scope.execute_once("caller", data()).unwrap();
        assert_eq!(called.to_string(), "part of 1 \u{fffd}, part of 1 \u{fffd}");
    }
    assert_eq!(scope.execute("page", data()).unwrap().to_string(), "part of 1 \u{fffd}");
    assert_eq!(
        scope.execute_once("faulty", data()).unwrap_err().to_string(),
        "template: faulty:2:5: executing \"faulty\" at <.a.b>: can't evaluate field b in type interface {}"
    );
}
