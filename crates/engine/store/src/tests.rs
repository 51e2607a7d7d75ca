//! What the store promises, through its public face.

mod commit;
mod list;
mod watch;

mod compaction;
mod crash;
mod damage;
mod fault;
mod kill;
mod reopen;
