//! How the program is linked.

#[path = "../../tools/relocations.rs"]
mod relocations;

fn main() {
    relocations::pack();
}
