//! Compiles the Container Runtime Interface as the node speaks it, for the loop that the pods are held against; and links
//! the programs as `bythos` itself is.

#[path = "../tools/relocations.rs"]
mod relocations;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    relocations::pack();
    let folder = "../crates/engine/node/proto";
    println!("cargo::rerun-if-changed={folder}/cri.proto");
    let definitions = protox::compile(["cri.proto"], [folder])?;
    tonic_prost_build::configure().build_server(false).build_client(true).compile_fds(definitions)?;
    Ok(())
}
