use serde_json::json;

use super::*;

#[track_caller]
fn refused(recipe: &Value, expected: &str) {
    assert_eq!(read(recipe).unwrap_err().to_string(), expected);
}

#[test]
fn a_whole_recipe_is_read() {
    let recipe = read(&json!({
        "image": "localhost/hello:1",
        "base": "minbase",
        "packages": ["busybox-static", "libstdc++6"],
        "files": {"site": "/srv/www"},
        "links": {"/bin/sh": "busybox"},
        "user": 1000,
        "entrypoint": ["/bin/busybox"],
        "command": ["httpd", "-f"],
        "env": {"LANG": "C.UTF-8"},
        "workdir": "/srv",
        "ports": [8080],
    }))
    .unwrap();
    assert_eq!(recipe.base, Base::Minbase);
    assert_eq!(recipe.links["/bin/sh"], "busybox");
    let file = Copied { from: "site".into(), to: "/srv/www".into(), mode: None, path: "files.site".into() };
    assert_eq!(recipe.files, [file]);
    assert_eq!(recipe.settings.user.as_deref(), Some("1000"));
    assert_eq!(recipe.settings.ports, [8080]);
}

#[test]
fn files_may_be_a_list_with_modes() {
    let files = json!([{"from": "run.sh", "to": "/usr/bin/run", "mode": "0755"}]);
    let recipe = read(&json!({"image": "localhost/hello:1", "files": files})).unwrap();
    assert_eq!(recipe.files[0].mode, Some(0o755));
}

#[test]
fn names_are_made_whole() {
    let whole = |name: &str| {
        let recipe = read(&json!({"image": name, "packages": ["hello"]}));
        recipe.map(|recipe| recipe.image).ok()
    };
    let cases = [
        ("localhost/hello:1", Some("localhost/hello:1")),
        ("hello:1", Some("docker.io/library/hello:1")),
        ("me/hello:1", Some("docker.io/me/hello:1")),
        ("registry.example:5000/a/b:v1.0", Some("registry.example:5000/a/b:v1.0")),
        ("localhost/hello", None),
        ("localhost:5000/hello", None),
        ("localhost/Hello:1", None),
        ("localhost//hello:1", None),
        (":1", None),
    ];
    for (name, expected) in cases {
        assert_eq!(whole(name).as_deref(), expected, "{name}");
    }
}

#[test]
fn an_error_names_the_field_and_what_was_expected() {
    refused(&json!([]), "the recipe: found [], expected a map");
    refused(&json!({"packages": ["hello"]}), "image: is missing");
    refused(
        &json!({"image": "localhost/a:1", "package": ["hello"]}),
        "package: there is no such field; expected one of base, command, entrypoint, env, files, image, links, \
         packages, ports, user, workdir",
    );
    refused(
        &json!({"image": "localhost/a:1", "packages": ["hello", "--include"]}),
        "packages[1]: found \"--include\", expected the name of a Debian package",
    );
    refused(
        &json!({"image": "localhost/a:1", "files": [{"from": "a", "to": "b"}]}),
        "files[0].to: found \"b\", expected a path that begins with / and holds no ..",
    );
    refused(
        &json!({"image": "localhost/a:1", "files": [{"from": "a", "to": "/b", "mode": 755}]}),
        "files[0].mode: found 755, expected a mode in octal and in quotes, such as \"0755\"",
    );
    refused(
        &json!({"image": "localhost/a:1", "packages": ["hello"], "command": ["sleep", 5]}),
        "command[1]: found 5, expected a text (put it in quotes if it looks like a number)",
    );
    refused(
        &json!({"image": "localhost/a:1", "packages": ["hello"], "ports": [0]}),
        "ports[0]: found 0, expected a number from 1 to 65535",
    );
    refused(
        &json!({"image": "localhost/a:1"}),
        "packages: the image would be empty; name packages, files, or a base of essential or minbase",
    );
}
