mod archives;
mod bounds;
mod charts;
mod golden;
mod world;

pub(crate) use world::request;
