//! Records a small program in C: only what ran is in the list, in the order in which it ran.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use super::program::Program;
use super::recorder::record;

const SOURCE: &str = r#"
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void never(void) {}
void at_first(void) {}
void in_a_fork(void) {}
void after_exec(void) {}
void *in_a_thread(void *nothing) { return nothing; }
void again(void) {}
void at_last(void) { exit(0); }

int main(int count, char **arguments) {
    if (count > 1) { after_exec(); if (arguments[1][0] == 'f') return 3; return 0; }
    at_first();
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) pthread_create(&threads[i], 0, in_a_thread, 0);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], 0);
    if (fork() == 0) { in_a_fork(); execl("/bin/sh", "sh", "-c", "exit 0", (char *)0); }
    wait(0);
    if (vfork() == 0) execl(arguments[0], arguments[0], "x", (char *)0);
    wait(0);
    for (int i = 0; i < 3; i++) again();
    at_last();
}
"#;

struct Compiled {
    _folder: tempfile::TempDir,
    program: PathBuf,
}

fn compile(options: &[&str]) -> Result<Compiled> {
    let folder = tempfile::tempdir()?;
    let (source, program) = (folder.path().join("program.c"), folder.path().join("program"));
    std::fs::write(&source, SOURCE)?;
    let compiled = Command::new("cc")
        .args(["-O0", "-pthread"])
        .args(options)
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .status()?;
    ensure!(compiled.success(), "cc failed");
    Ok(Compiled { _folder: folder, program })
}

fn command(compiled: &Compiled) -> Vec<String> {
    vec![compiled.program.display().to_string()]
}

#[test]
fn what_ran_is_named_in_the_order_of_its_first_use() -> Result<()> {
    // Loaded anywhere, and loaded where the file says.
    for options in [["-fPIE", "-pie"], ["-fno-pie", "-no-pie"]] {
        let compiled = compile(&options)?;
        let program = Program::read(&compiled.program)?;
        let used = record(&program, &command(&compiled))?;
        let ours =
            ["never", "main", "at_first", "in_a_thread", "in_a_fork", "after_exec", "again", "at_last"];
        let used: Vec<&str> = used.into_iter().filter(|name| ours.contains(name)).collect();
        assert_eq!(used, ["main", "at_first", "in_a_thread", "in_a_fork", "after_exec", "again", "at_last"]);
    }
    Ok(())
}

#[test]
fn the_program_is_found_among_what_a_command_starts() -> Result<()> {
    let compiled = compile(&[])?;
    let program = Program::read(&compiled.program)?;
    let script = format!("true; {} x; true", compiled.program.display());
    let used = record(&program, &["sh".to_owned(), "-c".to_owned(), script])?;
    assert!(used.contains(&"after_exec") && !used.contains(&"at_first"), "{used:?}");
    Ok(())
}

#[test]
fn a_command_that_fails_gives_no_list() -> Result<()> {
    let compiled = compile(&[])?;
    let program = Program::read(&compiled.program)?;
    let mut command = command(&compiled);
    command.push("fail".to_owned());
    let Err(error) = record(&program, &command) else { panic!("it failed with status 3") };
    assert!(error.to_string().contains("3"), "{error}");
    Ok(())
}

#[test]
fn without_symbols_there_is_an_advice() -> Result<()> {
    let compiled = compile(&["-s"])?;
    let Err(error) = Program::read(&compiled.program) else { panic!("it has no symbols") };
    assert!(error.to_string().contains("strip=none"), "{error}");
    Ok(())
}
