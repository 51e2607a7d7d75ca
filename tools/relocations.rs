//! For build scripts of programs: relocations take little room where they are packed (DT_RELR). They are most of what
//! is read of a program before its first line runs.

use std::process::Command;

/// The first glibc whose loader knows them.
const GLIBC: (u32, u32) = (2, 36);

/// Lets the linker pack the relocations of programs, if they are for this very machine and its loader knows how to read
/// them. A linker that does not know the option says so and goes on.
pub(crate) fn pack() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_native = std::env::var_os("HOST") == std::env::var_os("TARGET");
    if is_native && glibc().is_some_and(|version| version >= GLIBC) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// `getconf` says `glibc 2.36`; where there is another C library, it says nothing.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?.stdout;
    let said = String::from_utf8(said).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
