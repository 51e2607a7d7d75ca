//! The functions of a program, read from its ELF file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use object::{Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _, SymbolKind};

/// A program as it lies on the disk. Addresses are those of the file: a process may be loaded elsewhere.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    text_address: u64,
    text: Vec<u8>,
    first_address: u64,
    functions: BTreeMap<u64, String>,
}

impl Program {
    /// # Errors
    /// There is no such file, it is not an ELF file, or its symbols were stripped.
    pub(crate) fn read(path: &Path) -> Result<Program> {
        let path = path.canonicalize().with_context(|| format!("failed to find the program {path:?}"))?;
        let bytes = std::fs::read(&path).with_context(|| format!("failed to read {path:?}"))?;
        let file = object::File::parse(&*bytes).with_context(|| format!("{path:?} is not a program"))?;
        let section = file.section_by_name(".text").with_context(|| format!("{path:?} has no text"))?;
        let text = section.data()?.to_vec();
        let text_address = section.address();
        let within = text_address..text_address + section.size();
        let mut functions = BTreeMap::new();
        for symbol in file.symbols() {
            let is_function = symbol.kind() == SymbolKind::Text && symbol.size() > 0;
            if is_function && within.contains(&symbol.address()) {
                // Of several names for the same code, one is enough.
                functions.entry(symbol.address()).or_insert(symbol.name()?.to_owned());
            }
        }
        ensure!(
            !functions.is_empty(),
            "{path:?} names no functions; link it with its symbols: cargo rustc ... -- -C strip=none"
        );
        let first_address = file.segments().map(|segment| segment.address()).min().unwrap_or_default();
        Ok(Program { path, text_address, text, first_address, functions })
    }

    /// Where it lies, without links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the functions, as the linker knows them, by address.
    pub(crate) fn functions(&self) -> &BTreeMap<u64, String> {
        &self.functions
    }

    /// Address of [`Program::text`].
    pub(crate) fn text_address(&self) -> u64 {
        self.text_address
    }

    /// The machine code.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// How far from the addresses of the file a process is loaded whose first mapping of it begins at `start`.
    pub(crate) fn distance(&self, start: u64) -> u64 {
        start.wrapping_sub(self.first_address)
    }
}
