//! `.tgz` files: unpacked in memory, within limits, and without paths that lead out of the chart.

use std::io::{self, Read as _};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use super::File;
use crate::error::Error;

/// How much a chart may hold.
#[derive(Debug, Clone, Copy)]
pub struct ArchiveLimits {
    /// Bytes of all files together, unpacked; the same for each archive inside.
    pub bytes_max: u64,
    /// Number of files.
    pub files_max: usize,
}

impl ArchiveLimits {
    /// For charts that people publish. Helm itself allows 100 MiB.
    pub const CHARTS: ArchiveLimits = ArchiveLimits { bytes_max: 100 << 20, files_max: 20_000 };
}

pub(super) fn read(archive: &[u8], limits: ArchiveLimits) -> Result<Vec<File>, Error> {
    // Headers count as well: an archive of nothing but headers is bounded, too.
    let unpacked = GzDecoder::new(archive).take(limits.bytes_max.saturating_mul(2));
    let mut archive = Archive::new(unpacked);
    let mut files = Vec::new();
    let mut bytes_left = limits.bytes_max;
    for entry in archive.entries().map_err(Error::ReadArchive)? {
        let mut entry = entry.map_err(Error::ReadArchive)?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::Directory | EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = name_in_chart(&path)?;
        if files.len() >= limits.files_max {
            return Err(Error::TooMany { what: "files", max: limits.files_max });
        }
        let data = contents(&mut entry, &mut bytes_left, limits)?;
        files.push(File::new(name, &data));
    }
    if files.is_empty() {
        return Err(Error::ReadArchive(io::Error::new(io::ErrorKind::InvalidData, "it has no files")));
    }
    Ok(files)
}

fn contents(
    entry: &mut impl io::Read,
    bytes_left: &mut u64,
    limits: ArchiveLimits,
) -> Result<Vec<u8>, Error> {
    let mut data = Vec::new();
    // One byte more than allowed tells that there is more.
    entry.take(bytes_left.saturating_add(1)).read_to_end(&mut data).map_err(Error::ReadArchive)?;
    let left = bytes_left.checked_sub(data.len() as u64);
    *bytes_left = left.ok_or(Error::TooLarge(limits.bytes_max))?;
    Ok(data)
}

/// The path without the chart's own folder, made plain.
fn name_in_chart(path: &str) -> Result<String, Error> {
    let refused = |why| Err(Error::Refused { name: path.to_owned(), why });
    let separator = if path.contains('\\') { '\\' } else { '/' };
    let Some((folder, inside)) = path.split_once(separator) else {
        let is_description = path == "Chart.yaml";
        return refused(if is_description {
            "Chart.yaml must lie in the chart's folder"
        } else {
            "it lies outside of the chart's folder"
        });
    };
    let inside = inside.replace(separator, "/");
    if inside.starts_with('/') {
        return refused("absolute paths are not allowed");
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in inside.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return refused("it leads out of the chart's folder"),
            ".." => {}
            part => parts.push(part),
        }
    }
    let has_drive = parts.first().is_some_and(|first| first.len() == 2 && first.ends_with(':'));
    match parts.is_empty() || folder == "Chart.yaml" {
        true => refused("it lies outside of the chart's folder"),
        false if has_drive => refused("names of drives are not allowed"),
        false => Ok(parts.join("/")),
    }
}
