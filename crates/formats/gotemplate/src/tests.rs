mod garbage;
mod language;
