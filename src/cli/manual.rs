//! `longwave completions` and `longwave man`: made from the same definitions as the parser.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell as Kind;

use super::Failure;
use super::shell::Shell;
use crate::error::{Error, Result};

pub(crate) fn completions_command() -> Command {
    Command::new("completions")
        .about("Print the completion script for a shell")
        .arg(Arg::new("shell").required(true).value_name("SHELL").value_parser(value_parser!(Kind)).help("The shell"))
        .after_help(
            "Examples:\n  longwave completions bash > ~/.local/share/bash-completion/completions/longwave\n  \
             longwave completions zsh > ~/.zfunc/_longwave\n  \
             longwave completions fish > ~/.config/fish/completions/longwave.fish",
        )
}

pub(crate) fn man_command() -> Command {
    Command::new("man")
        .about("Print the manual page of the program or of a command")
        .arg(Arg::new("name").value_name("COMMAND").help("The command [default: the program]"))
        .arg(
            Arg::new("dir")
                .long("dir")
                .value_name("FOLDER")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with("name")
                .help("Write the pages of all commands into this folder instead"),
        )
        .after_help("Examples:\n  longwave man export | man -l -\n  longwave man --dir ~/.local/share/man/man1")
}

pub(crate) fn completions(matches: &ArgMatches, shell: &Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    if let Some(&kind) = matches.get_one::<Kind>("shell") {
        clap_complete::generate(kind, &mut super::command(), "longwave", &mut script);
    }
    shell.print_bytes(&script)
}

pub(crate) fn man(matches: &ArgMatches, shell: &Shell) -> Result<(), Failure> {
    if let Some(folder) = matches.get_one::<PathBuf>("dir") {
        // `longwave help COMMAND` would get a page for every command once more.
        return write_all(super::command().disable_help_subcommand(true), folder, shell);
    }
    let mut command = super::command();
    command.build();
    let page = match matches.get_one::<String>("name") {
        None => command,
        Some(name) => command
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Failure::Usage(format!("there is no command '{name}'")))?,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text).map_err(|e| Error::io(Path::new("manual page"), e))?;
    shell.print_bytes(&text)
}

fn write_all(command: Command, folder: &Path, shell: &Shell) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .map_err(|e| Error::io(folder, e))?;
    shell.note(&format!("the manual pages are in {}", folder.display()));
    Ok(())
}
