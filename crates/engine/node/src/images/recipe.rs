//! The recipe of an image: a short YAML file, read strictly.
//!
//! ```yaml
//! image: localhost/hello:1          # with a tag
//! base: extract                     # extract (files of the packages only), essential or minbase
//! packages: [busybox-static]        # Debian packages, from the host's own sources
//! files:                            # from the recipe's folder into the image
//!   site: /srv/www
//!   # or as a list: - {from: run.sh, to: /usr/bin/run, mode: "0755"}
//! links: {/bin/sh: busybox}
//! user: "1000:1000"
//! entrypoint: [/bin/busybox]
//! command: [httpd, -f, -p, "8080", -h, /srv/www]
//! env: {LANG: C.UTF-8}
//! workdir: /srv
//! ports: [8080]
//! ```

mod fields;
mod name;

use std::collections::BTreeMap;

use serde_json::Value;

use self::fields::{Fields, invalid, octal, text, texts};
use super::archive::Settings;

const LIMITS: bythos_yaml::Limits =
    bythos_yaml::Limits { bytes_max: 1 << 20, depth_max: 20, values_max: 10_000 };

/// What is wrong with a recipe, and where.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// It is not YAML.
    #[error("the recipe is not YAML")]
    Syntax(#[source] bythos_yaml::Error),
    /// A field is not as it should be.
    #[error("{path}: {problem}")]
    Field {
        /// Path of the field, for example `files[0].mode`.
        path: String,
        /// What was found and what was expected.
        problem: String,
    },
}

/// What the file system of an image begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// Nothing but the files of the packages: no package database, no scripts run.
    Extract,
    /// Debian's essential packages.
    Essential,
    /// The essential packages and apt.
    Minbase,
}

impl Base {
    /// As `mmdebstrap` names the variant.
    pub(crate) fn variant(self) -> &'static str {
        match self {
            Base::Extract => "extract",
            Base::Essential => "essential",
            Base::Minbase => "minbase",
        }
    }
}

/// A file or folder that is copied into the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Of files; otherwise 0755 for those that can be executed and 0644 for the others.
    pub(crate) mode: Option<u32>,
    /// Path of the field, for errors that are found when it is copied.
    pub(crate) path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) image: String,
    pub(crate) base: Base,
    pub(crate) packages: Vec<String>,
    pub(crate) files: Vec<Copied>,
    pub(crate) links: BTreeMap<String, String>,
    pub(crate) settings: Settings,
}

/// Reads a recipe.
pub(crate) fn parse(source: &str) -> Result<Recipe, RecipeError> {
    let value = bythos_yaml::parse(source, LIMITS).map_err(RecipeError::Syntax)?;
    read(&value)
}

fn read(value: &Value) -> Result<Recipe, RecipeError> {
    let mut fields = Fields::of(value, "")?;
    let recipe = Recipe {
        image: fields.required("image", name::parse)?,
        base: fields.optional("base", base)?.unwrap_or(Base::Extract),
        packages: fields.optional("packages", packages)?.unwrap_or_default(),
        files: fields.optional("files", files)?.unwrap_or_default(),
        links: fields.optional("links", links)?.unwrap_or_default(),
        settings: Settings {
            user: fields.optional("user", user)?,
            entrypoint: fields.optional("entrypoint", texts)?.unwrap_or_default(),
            command: fields.optional("command", texts)?.unwrap_or_default(),
            env: fields.optional("env", environment)?.unwrap_or_default(),
            workdir: fields.optional("workdir", absolute)?,
            ports: fields.optional("ports", ports)?.unwrap_or_default(),
        },
    };
    fields.finish()?;
    if recipe.packages.is_empty() && recipe.base == Base::Extract && recipe.files.is_empty() {
        return Err(RecipeError::Field {
            path: "packages".to_owned(),
            problem: "the image would be empty; name packages, files, or a base of essential or minbase"
                .to_owned(),
        });
    }
    Ok(recipe)
}

fn base(value: &Value, path: &str) -> Result<Base, RecipeError> {
    let found = text(value, path)?;
    [Base::Extract, Base::Essential, Base::Minbase]
        .into_iter()
        .find(|base| base.variant() == found)
        .ok_or_else(|| invalid(value, path, "extract, essential or minbase"))
}

/// Names as Debian policy 5.6.1 has them, so that none is taken for an option or a pattern.
fn packages(value: &Value, path: &str) -> Result<Vec<String>, RecipeError> {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:".contains(c))
    };
    let names = texts(value, path)?;
    match names.iter().position(|name| !is_name(name)) {
        Some(index) => {
            Err(invalid(&value[index], &format!("{path}[{index}]"), "the name of a Debian package"))
        }
        None => Ok(names),
    }
}

fn files(value: &Value, path: &str) -> Result<Vec<Copied>, RecipeError> {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(from, to)| {
                let path = format!("{path}.{from}");
                Ok(Copied { from: from.clone(), to: absolute(to, &path)?, mode: None, path })
            })
            .collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| copied(item, &format!("{path}[{index}]"))).collect()
        }
        _ => Err(invalid(value, path, "a map from paths to paths, or a list")),
    }
}

fn copied(value: &Value, path: &str) -> Result<Copied, RecipeError> {
    let mut fields = Fields::of(value, path)?;
    let copied = Copied {
        from: fields.required("from", text)?,
        to: fields.required("to", absolute)?,
        mode: fields.optional("mode", octal)?,
        path: path.to_owned(),
    };
    fields.finish()?;
    Ok(copied)
}

fn links(value: &Value, path: &str) -> Result<BTreeMap<String, String>, RecipeError> {
    let map = value.as_object().ok_or_else(|| invalid(value, path, "a map from paths to targets"))?;
    let link = |(at, target): (&String, &Value)| {
        let path = format!("{path}.{at}");
        Ok((absolute(&Value::from(at.as_str()), &path)?, text(target, &path)?))
    };
    map.iter().map(link).collect()
}

fn environment(value: &Value, path: &str) -> Result<BTreeMap<String, String>, RecipeError> {
    let map = value.as_object().ok_or_else(|| invalid(value, path, "a map from names to texts"))?;
    map.iter().map(|(name, value)| Ok((name.clone(), text(value, &format!("{path}.{name}"))?))).collect()
}

fn ports(value: &Value, path: &str) -> Result<Vec<u16>, RecipeError> {
    let list = value.as_array().ok_or_else(|| invalid(value, path, "a list of ports"))?;
    let port = |(index, value): (usize, &Value)| {
        let port = value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        port.ok_or_else(|| invalid(value, &format!("{path}[{index}]"), "a number from 1 to 65535"))
    };
    list.iter().enumerate().map(port).collect()
}

fn user(value: &Value, path: &str) -> Result<String, RecipeError> {
    match value {
        Value::Number(id) if id.is_u64() => Ok(id.to_string()),
        Value::String(user) if !user.is_empty() => Ok(user.clone()),
        _ => Err(invalid(value, path, r#"a user such as 1000 or "1000:1000""#)),
    }
}

/// A path in the image: from its root, without `..`.
fn absolute(value: &Value, path: &str) -> Result<String, RecipeError> {
    let found = text(value, path)?;
    if found.starts_with('/') && !found.split('/').any(|part| part == "..") {
        Ok(found)
    } else {
        Err(invalid(value, path, "a path that begins with / and holds no .."))
    }
}

#[cfg(test)]
mod tests;
