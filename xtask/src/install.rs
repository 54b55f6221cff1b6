//! Installs what a chore needs and the machine lacks: Rust components and Debian packages.
//!
//! Nothing is installed silently, and where it may not be installed the error says what is missing.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo;

/// The full path of a program on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Makes sure that a component's cargo command (`fmt`, `clippy`) runs.
pub(crate) fn rust_component(command: &str, component: &str) -> Result<()> {
    let runs = || {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut probe = Command::new(program);
        probe.args([command, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    };
    if runs() {
        return Ok(());
    }
    println!("installing the Rust component {component}");
    cargo::run(Command::new("rustup").args(["component", "add", component]))
        .with_context(|| format!("cargo {command} is missing and could not be installed"))
}

/// Installs Debian packages with apt-get, as root or by a sudo that asks no password.
pub(crate) fn debian_packages(packages: &[&str], why: &str) -> Result<()> {
    let list = packages.join(" ");
    let Some(prefix) = privilege() else {
        bail!("{why} needs {list}, which this user may not install: install it and run again");
    };
    println!("installing {list} with apt-get: {why} needs it");
    let apt_get = |arguments: &[&str]| {
        let mut words = prefix.to_vec();
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
        words.extend(arguments);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    };
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    // A fresh machine has no package lists, an old one stale lists: refresh them only then.
    if apt_get(&install).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success()) {
        return Ok(());
    }
    cargo::run(apt_get(&["update"]).stdout(Stdio::null()))
        .and_then(|()| cargo::run(apt_get(&install).stdout(Stdio::null())))
        .with_context(|| format!("{why} needs {list}, which could not be installed"))
}

/// The words that make a command run as root; `None` where this user may not.
fn privilege() -> Option<&'static [&'static str]> {
    find("apt-get")?;
    let quiet = |words: &[&str]| {
        Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|output| output.status.success() && output.stdout.trim_ascii() == b"0")
    };
    if quiet(&["id", "-u"]) {
        Some(&[])
    } else if quiet(&["sudo", "-n", "id", "-u"]) {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_path() {
        assert!(find("sh").is_some_and(|path| path.ends_with("sh")));
        assert_eq!(find("no-such-program-here"), None);
    }
}
