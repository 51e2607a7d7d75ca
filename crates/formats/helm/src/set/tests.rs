use serde_json::{Map, Value, json};

use super::{INDEX_MAX, INDICES_MAX, Kind, NESTING_MAX, UserValues};

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[track_caller]
fn check_onto(before: &Value, line: &str, kind: Kind<'_>, expected: &Value) {
    let mut values = UserValues::from(fields(before));
    values.set(line, kind).unwrap();
    assert_eq!(&Value::Object(values.to_json()), expected, "{line}");
}

#[track_caller]
fn check(line: &str, expected: &Value) {
    check_onto(&json!({}), line, Kind::Typed, expected);
}

#[track_caller]
fn refused(line: &str, kind: Kind<'_>, expected: &str) {
    let error = UserValues::default().set(line, kind).unwrap_err().to_string();
    assert_eq!(error, expected, "{line}");
}

#[test]
fn values_are_what_they_look_like() {
    check("n=null,f=false,t=TRUE", &json!({"n": null, "f": false, "t": true}));
    check("zero=0,zeros=0009,long=1234567890", &json!({"zero": 0, "zeros": "0009", "long": 1_234_567_890}));
    check(
        "minus=-5,plus=+5,float=1.5,exponent=1e3",
        &json!({"minus": -5, "plus": 5, "float": "1.5", "exponent": "1e3"}),
    );
    check("large=9223372036854775808", &json!({"large": "9223372036854775808"}));
    check("a=,b=x", &json!({"a": "", "b": "x"}));
    check("a=one two,b= x ", &json!({"a": "one two", "b": " x "}));
    check("a=b=c", &json!({"a": "b=c"}));
    check("a=x,", &json!({"a": "x"}));
    check("", &json!({}));
}

/// `Value` of JSON cannot tell the types apart; templates can.
#[test]
fn whole_numbers_of_set_are_integers_and_all_others_floats() {
    let mut values = UserValues::read("a.yaml", "file: 12345678\nlarge: 18446744073709551615\n").unwrap();
    values.set("set=12345678,list={7}", Kind::Typed).unwrap();
    values.set("json=12345678", Kind::Json).unwrap();
    values.set(r#"{"object": 5}"#, Kind::Json).unwrap();
    let seen = values.seen();
    let kind = |name: &str| seen.get(name.as_bytes()).unwrap_or_default().kind().name();
    assert_eq!(
        ["file", "large", "json", "object", "set", "list"].map(kind),
        ["float64", "float64", "float64", "float64", "int64", "slice"]
    );
    let kept = r#"{"file":12345678,"json":12345678,"large":1.8446744073709552e+19,"list":[7],"object":5,"set":12345678}"#;
    assert_eq!(Value::Object(values.to_json()).to_string(), kept);
}

#[test]
fn a_backslash_takes_the_meaning_away() {
    check(r"a=one\,two,b=x\=y", &json!({"a": "one,two", "b": "x=y"}));
    check(r"a\.b/c=x", &json!({"a.b/c": "x"}));
    check(r"node\[0\]=x,a=\{b\,c\}", &json!({"node[0]": "x", "a": "{b,c}"}));
    check(r"a=x\\y", &json!({"a": r"x\y"}));
    check(r"a=x\", &json!({"a": "x"}));
}

#[test]
fn dots_lead_into_maps() {
    check("a.b.c=x,a.b.d=1,a.e=y", &json!({"a": {"b": {"c": "x", "d": 1}, "e": "y"}}));
    check("a.b=", &json!({"a": {"b": ""}}));
    let there = json!({"a": {"b": 1, "c": 2}});
    check_onto(&there, "a.b=3,a.d=4", Kind::Typed, &json!({"a": {"b": 3, "c": 2, "d": 4}}));
    check_onto(&there, "a=5", Kind::Typed, &json!({"a": 5}));
}

#[test]
fn braces_make_lists() {
    check("a={x,1},b={true}", &json!({"a": ["x", 1], "b": [true]}));
    check("a.b={}", &json!({"a": {"b": [""]}}));
    check("a={x}b=1", &json!({"a": ["x"], "b": 1}));
    check("a=x{y,b=1", &json!({"a": "x{y", "b": 1}));
}

#[test]
fn indices_lead_into_lists() {
    check("a[0]=x,a[1]=y", &json!({"a": ["x", "y"]}));
    check("a[0]=x,a[3]=y", &json!({"a": ["x", null, null, "y"]}));
    check("a[0].b=x,a[0].c=y", &json!({"a": [{"b": "x", "c": "y"}]}));
    check("a.b[1].c=x,a.b[0].c=y", &json!({"a": {"b": [{"c": "y"}, {"c": "x"}]}}));
    check("a[1][1]=1", &json!({"a": [null, [null, 1]]}));
    check("a[0]={x,y}", &json!({"a": [["x", "y"]]}));
    check("a[0]=", &json!({"a": [""]}));
    check_onto(
        &json!({"a": ["x", {"b": 1}]}),
        "a[0].c=2,a[1].d=3",
        Kind::Typed,
        &json!({"a": [{"c": 2}, {"b": 1, "d": 3}]}),
    );
    check_onto(
        &json!({"a": [[["x"]]]}),
        "a[0][1][0]=y,a[0][0][1]=z",
        Kind::Typed,
        &json!({"a": [[["x", "z"], ["y"]]]}),
    );
}

#[test]
fn where_helm_ends_without_a_word_so_does_this() {
    check("a[0]", &json!({"a": []}));
    check("a=1,b[0", &json!({"a": 1}));
    check("a[0][1", &json!({"a": []}));
    check("a[0].b=", &json!({"a": []}));
    check("=x", &json!({}));
    check("[0]=x", &json!({}));
}

#[test]
fn what_is_no_line_is_refused() {
    refused("a", Kind::Typed, "key \"a\" has no value");
    refused("a,b=1", Kind::Typed, "key \"a\" has no value (cannot end with ,)");
    refused("a=1,,,b=2", Kind::Typed, "key \"\" has no value (cannot end with ,)");
    refused("a.b", Kind::Typed, "key \"b\" has no value");
    refused("a.=b", Kind::Typed, "key map \"a\" has no value");
    refused("a.,b", Kind::Typed, "key \"\" has no value (cannot end with ,)");
    refused("a={1,2", Kind::Typed, "list must terminate with '}'");
    refused("a[x]=1", Kind::Typed, "error parsing index: \"x\" is no number");
    refused("a[-3]=1", Kind::Typed, "negative -3 index not allowed");
    refused("a[0]b=1", Kind::Typed, "unexpected data at end of array index: \"b\"");
    refused("a=1,a.b=2", Kind::Typed, "unable to parse key: \"a\" is a number, expected a map");
    refused("a=x,a[0]=2", Kind::Typed, "unable to parse key: \"a\" is text, expected a list");
    refused("a[0]=x,a[0][0]=2", Kind::Typed, "unable to parse key: \"0\" is text, expected a list");
    refused("]={}].", Kind::Typed, "unable to parse key: \"]\" is a list, expected a map");
}

#[test]
fn a_line_makes_nothing_beyond_measure() {
    let deep = |levels: usize| format!("{}=x", vec!["a"; levels + 1].join("."));
    UserValues::default().set(&deep(NESTING_MAX), Kind::Typed).unwrap();
    let nested = "value name nested level is greater than maximum supported nested level of 30";
    refused(&deep(NESTING_MAX + 1), Kind::Typed, nested);
    refused(&deep(NESTING_MAX + 1), Kind::Literal, nested);
    UserValues::default().set(&format!("a[{INDEX_MAX}]=x"), Kind::Typed).unwrap();
    refused("a[65537]=x", Kind::Typed, "index of 65537 is greater than maximum supported index of 65536");
    refused(
        "a[99999999999999999999]=x",
        Kind::Typed,
        "error parsing index: \"99999999999999999999\" is no number",
    );
    let lists = format!("a{}=x", "[0]".repeat(100_000));
    refused(&lists, Kind::Typed, &format!("more than {INDICES_MAX} lists inside of each other"));
    let long: String = (0..20).map(|list| format!("l{list}[65536]=x,")).collect();
    refused(&long, Kind::Typed, "the lists of one line would grow by more than 1000000 items");
}

#[test]
fn text_is_kept_as_text() {
    let check = |line, expected| check_onto(&json!({"a": {"b": 1}}), line, Kind::Text, &expected);
    check("a.b=1,t=true,n=null,l={1,2}", json!({"a": {"b": "1"}, "t": "true", "n": "null", "l": ["1", "2"]}));
}

#[test]
fn a_literal_is_everything_that_follows() {
    let check = |line, expected| check_onto(&json!({"o": {"p": 1}}), line, Kind::Literal, &expected);
    check(r"a=x,y={z}\,=", json!({"o": {"p": 1}, "a": r"x,y={z}\,="}));
    check("o.q[1].r=1,2", json!({"o": {"p": 1, "q": [null, {"r": "1,2"}]}}));
    check("a.b=", json!({"o": {"p": 1}, "a": {"b": ""}}));
    check("]={}].", json!({"o": {"p": 1}, "]": "{}]."}));
    refused("a", Kind::Literal, "key \"a\" has no value");
    refused("a.,b", Kind::Literal, "key \",b\" has no value");
}

#[test]
fn json_is_read_value_by_value() {
    let there = json!({"o": {"a": {"x": 1}, "b": 2}});
    let check = |line, expected| check_onto(&there, line, Kind::Json, &expected);
    check(
        r#"o.a="1",o.c=true , o.d=[1,{"e":null}]"#,
        json!({"o": {"a": "1", "b": 2, "c": true}, " o": {"d": [1, {"e": null}]}}),
    );
    check("o.a=,o.b=null", json!({"o": {"a": null, "b": null}}));
    check(r#"o.a={"y":[1,2]},o.a.y[1]=null"#, json!({"o": {"a": {"y": [1, null]}, "b": 2}}));
    check(r#" {"o": {"a": {"y": 2}}} "#, json!({"o": {"a": {"x": 1, "y": 2}, "b": 2}}));
    for wrong in ["a={", "a=x", "{\"a\": }", "a=[1,2]]"] {
        assert!(UserValues::default().set(wrong, Kind::Json).is_err(), "{wrong}");
    }
}

#[test]
fn files_are_read_by_the_caller() {
    let read_file = |path: &str| match path {
        "there" => Ok("1,2={x}".to_owned()),
        _ => Err("no such file".to_owned()),
    };
    check_onto(
        &json!({}),
        "a.b=there,l={there}",
        Kind::File(&read_file),
        &json!({"a": {"b": "1,2={x}"}, "l": ["1,2={x}"]}),
    );
    refused("a=gone", Kind::File(&read_file), "failed to read \"gone\": no such file");
}

#[test]
fn later_files_lie_over_earlier_ones() {
    let mut values =
        UserValues::read("one.yaml", "a: {b: 1, c: [1, 2]}\nd: x\n---\nd: z\ne: {f: 1}\n").unwrap();
    values.merge(UserValues::read("two.yaml", "a: {c: [3], g: null}\ne: null\n").unwrap());
    values.merge(UserValues::read("empty.yaml", "# nothing\n").unwrap());
    values.merge(UserValues::read("null.yaml", "null\n").unwrap());
    assert_eq!(
        Value::Object(values.to_json()),
        json!({"a": {"b": 1, "c": [3], "g": null}, "d": "z", "e": null})
    );
    let message = |text: &str| UserValues::read("bad.yaml", text).unwrap_err().to_string();
    assert_eq!(
        message("[1]"),
        "failed to parse bad.yaml: expected fields (`name: value`), found something else"
    );
    assert!(message("a: [").starts_with("failed to parse bad.yaml: "));
}
