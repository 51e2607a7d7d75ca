use serde_json::json;

use super::world::{chart, request, texts_of};
use crate::set::UserValues;
use crate::{Limits, render};

const SMALL: Limits = Limits { steps_max: 300_000, bytes_max: 4 << 20, depth_max: 1_200 };

#[track_caller]
fn stopped(template: &str, expected: &str) {
    stopped_within(SMALL, template, expected);
}

#[track_caller]
fn stopped_within(limits: Limits, template: &str, expected: &str) {
    let chart =
        chart(&[("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"), ("templates/a.yaml", template)]);
    let values = UserValues::default();
    let error = render(&request(&chart, &values), limits).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn texts_that_grow_without_bound_are_stopped_before_they_are_made() {
    stopped(r#"{{ repeat 9000000000 "x" }}"#, "bytes");
    stopped(r#"{{ until 9000000000 }}"#, "bytes");
    stopped(r#"{{ seq 9000000000 | len }}"#, "bytes");
    stopped(r#"{{ "x" | indent 9000000000 }}"#, "bytes");
    stopped(r#"{{ randAlphaNum 9000000000 }}"#, "bytes");
    stopped(r#"{{ randBytes 9000000000 }}"#, "bytes");
    stopped(r#"{{ $x := "x" }}{{ range until 64 }}{{ $x = print $x $x }}{{ end }}"#, "bytes");
    stopped(r#"{{ $x := "xx" }}{{ range until 64 }}{{ $x = replace "x" $x $x }}{{ end }}"#, "bytes");
    stopped(
        r#"{{ $x := "x" }}{{ range until 64 }}{{ $x = regexReplaceAll "(.*)" $x "$1$1$1" }}{{ end }}"#,
        "bytes",
    );
}

#[test]
fn lists_and_maps_that_repeat_themselves_are_stopped() {
    stopped(r#"{{ $x := list 1 }}{{ range until 64 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}"#, "");
    stopped(r#"{{ $x := list 1 }}{{ range until 64 }}{{ $x = list $x $x }}{{ end }}{{ mustToYaml $x }}"#, "");
    stopped(r#"{{ $x := list 1 }}{{ range until 64 }}{{ $x = concat $x $x }}{{ end }}"#, "bytes");
    stopped(
        r#"{{ $x := list 1 }}{{ $y := list 1 }}{{ range until 64 }}{{ $x = list $x $x }}{{ $y = list $y $y }}{{ end }}{{ deepEqual $x $y }}"#,
        "steps",
    );
}

#[test]
fn what_contains_itself_is_stopped() {
    let itself = r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}"#;
    for use_of_it in
        ["$d", "mustToJson $d", "mustToYaml $d", "mustToToml $d", "deepCopy $d", "printf \"%d\" $d"]
    {
        stopped(&format!("{itself}{{{{ {use_of_it} }}}}"), "contains itself");
    }
}

#[test]
fn loops_are_stopped() {
    stopped("{{ range 9000000000 }}{{ end }}", "steps");
    stopped(
        r#"{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}"#,
        "exceeded maximum template depth",
    );
    stopped(r#"{{ define "t" }}{{ include "t" . }}{{ end }}{{ include "t" . }}"#, "nested reference name: t");
    stopped(r#"{{ define "t" }}{{ tpl "{{ include \"t\" . }}" . }}{{ end }}{{ include "t" . }}"#, "");
}

#[test]
fn what_is_slow_by_its_nature_is_stopped() {
    let limits = Limits { steps_max: 30_000, ..SMALL };
    for slow in [
        r#"{{ genPrivateKey "rsa" }}"#,
        r#"{{ bcrypt "x" }}"#,
        r#"{{ derivePassword 1 "long" "p" "u" "s" }}"#,
        r#"{{ range until 50 }}{{ genPrivateKey "ecdsa" }}{{ end }}"#,
        r#"{{ $k := genPrivateKey "ed25519" }}{{ range until 50 }}{{ $_ := genCAWithKey "h" 1 $k }}{{ end }}"#,
    ] {
        stopped_within(limits, slow, "steps");
    }
}

#[test]
fn a_chart_may_give_each_of_its_services_a_key() {
    let chart = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("templates/a.yaml", "{{ range until 100 }}{{ $_ := genCA \"h\" 1 }}{{ end }}"),
        ("templates/b.yaml", "{{ range until 1000 }}{{ $_ := genPrivateKey \"ecdsa\" }}{{ end }}"),
    ]);
    texts_of(&chart, json!({})).unwrap();
}

#[test]
fn deep_nesting_frees_itself() {
    let chart = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("templates/a.yaml", "{{ $x := list }}{{ range until 100000 }}{{ $x = list $x }}{{ end }}a: 1\n"),
        (
            "templates/b.yaml",
            "{{ $x := dict }}{{ range until 100000 }}{{ $x = dict \"x\" $x }}{{ end }}b: 1\n",
        ),
    ]);
    assert_eq!(texts_of(&chart, json!({})).unwrap().len(), 2);
}
