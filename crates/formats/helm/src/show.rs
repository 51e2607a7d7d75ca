//! `helm show`: what a chart says about itself, to the byte as Helm prints it.

use std::borrow::Cow;

use crate::chart::{Chart, File};

const READMES: [&str; 3] = ["readme.md", "readme.txt", "readme"];

fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

impl Chart {
    /// `helm show chart`: Chart.yaml, as Helm writes it.
    pub fn show_chart(&self) -> String {
        format!("{}\n", bythos_yaml::to_string(&self.metadata.to_json()))
    }

    /// `helm show values`: values.yaml as it stands there, with its comments.
    pub fn show_values(&self) -> String {
        self.values_text.as_deref().map(|data| format!("{}\n", text(data))).unwrap_or_default()
    }

    /// `helm show readme`: README.md, README.txt or README, in any case.
    pub fn show_readme(&self) -> String {
        self.readme().map(|file| format!("{}\n", text(&file.data))).unwrap_or_default()
    }

    /// `helm show crds`: all definitions, each after a line of dashes.
    pub fn show_crds(&self) -> String {
        let with_dashes = |file: &File| {
            let dashes = if file.data.starts_with(b"---") { "" } else { "---\n" };
            format!("{dashes}{}\n", text(&file.data))
        };
        self.crds().into_iter().map(with_dashes).collect()
    }

    /// `helm show all`: all of these.
    pub fn show_all(&self) -> String {
        let dashes = if self.readme().is_some() { "---\n" } else { "" };
        let (chart, values, readme) = (self.show_chart(), self.show_values(), self.show_readme());
        format!("{chart}---\n{values}{dashes}{readme}{}", self.show_crds())
    }

    fn readme(&self) -> Option<&File> {
        let is_readme = |file: &&File| READMES.iter().any(|name| file.name.eq_ignore_ascii_case(name));
        self.files.iter().find(is_readme)
    }
}
