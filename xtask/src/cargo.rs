//! Runs cargo and other programs, so that each failure names the command and how it ended.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// `cargo ARGUMENTS` in the workspace root, with the build cache outside the clone on a CI machine.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    // Build scripts that look at what cargo says of xtask would be run again, and half of the tree be built, whenever cargo
    // is called by hand in between.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let on_ci = std::env::var_os("CI").is_some();
    if on_ci
        && std::env::var_os("CARGO_TARGET_DIR").is_none()
        && let Ok(folder) = cache("taipan")
    {
        command.env("CARGO_TARGET_DIR", folder);
    }
    command
}

/// Runs the command with its output passed through.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| name(command))?;
    if !status.success() {
        bail!("{}: {status}", name(command));
    }
    Ok(())
}

/// Runs the command and returns its standard output; its standard error is part of the failure.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| name(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}\n{}", name(command), output.status, said.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `cargo metadata` says about the workspace's own packages.
pub(crate) fn metadata(root: &Path) -> Result<Value> {
    let text = output(&mut cargo(root, &["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&text).context("cargo metadata: not JSON")
}

/// `$HOME/.cache/NAME`: a place outside the clone for what can be made again.
pub(crate) fn cache(name: &str) -> Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    Ok(PathBuf::from(home).join(".cache").join(name))
}

/// The command as a reader would type it: program name and first words.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy().into_owned()];
    words.extend(command.get_args().take(4).map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_command() {
        let error = run(Command::new("/bin/sh").args(["-c", "exit 3"])).expect_err("exit 3");
        assert_eq!(error.to_string(), "sh -c exit 3: exit status: 3");
        let error = output(Command::new("/bin/sh").args(["-c", "echo no >&2; exit 1"])).expect_err("exit 1");
        assert_eq!(error.to_string(), "sh -c echo no >&2; exit 1: exit status: 1\nno");
        let error = run(&mut Command::new("/no/such/program")).expect_err("missing");
        assert_eq!(error.to_string(), "program");
    }

    #[test]
    fn standard_output_is_returned() {
        let text = output(Command::new("/bin/sh").args(["-c", "echo yes"])).expect("runs");
        assert_eq!(text, "yes\n");
    }
}
