mod archives;
mod bounds;
mod certificates;
mod charts;
mod corpus;
mod errors;
mod garbage;
mod golden;
mod world;

pub(crate) use world::{Frozen, chart, files, request};
