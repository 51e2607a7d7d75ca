//! Compiles what is spoken over gRPC, and the pause program that holds the namespaces of a pod.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    compile_definitions()?;
    compile_pause_program()
}

fn compile_definitions() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let definitions =
        protox::compile(["cri.proto", "events.proto", "tasks.proto", "health.proto"], ["proto"])?;
    tonic_prost_build::configure().build_server(false).build_client(true).compile_fds(definitions)?;
    Ok(())
}

/// The program has no standard library and no C library, so it is linked by hand, as one static file.
fn compile_pause_program() -> Result<(), Box<dyn Error>> {
    let source = Path::new("pause/pause.rs");
    println!("cargo::rerun-if-changed={}", source.display());
    let program = PathBuf::from(std::env::var("OUT_DIR")?).join("pause");
    let mut compiler = Command::new(std::env::var("RUSTC")?);
    compiler.args(["--edition=2024", "--crate-type=bin", "--crate-name=pause"]);
    compiler.arg(format!("--target={}", std::env::var("TARGET")?));
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        compiler.arg(format!("-Clinker={linker}"));
    }
    for option in ["opt-level=s", "panic=abort", "relocation-model=static", "strip=symbols"] {
        compiler.arg(format!("-C{option}"));
    }
    compiler.arg("-Ctarget-feature=+crt-static");
    compiler
        .args(["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"].map(link_argument));
    let status = compiler.arg("-o").arg(&program).arg(source).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the pause program does not compile: {status}").into())
    }
}

fn link_argument(argument: &str) -> String {
    format!("-Clink-arg={argument}")
}
