//! What the store promises, through its public face.

mod commit;
mod list;
mod watch;

mod backup;
mod compaction;
mod crash;
mod damage;
mod fault;
mod full;
mod history;
mod kill;
mod reopen;
mod trace;
