mod archives;
mod bounds;
mod charts;
mod golden;
mod world;

pub(crate) use world::{Frozen, chart, files, request};
