//! `cargo xtask parity`: lets a pinned scikit-learn make the reference results that taipan-learn is tested against.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo;
use crate::venv::Venv;

const SCRIPT: &str = "crates/taipan-learn/tests/data/generate.py";

/// Runs the script of taipan-learn's tests; it writes its results beside itself.
pub(crate) fn run(root: &Path) -> Result<()> {
    if !root.join(SCRIPT).is_file() {
        bail!("{SCRIPT}: no such file");
    }
    let folder = cargo::cache("taipan-parity")?.join("venv");
    let venv = Venv::open(&folder, &root.join("xtask/parity-requirements.txt"))?;
    cargo::run(Command::new(venv.program("python")).arg(SCRIPT).current_dir(root))
}
