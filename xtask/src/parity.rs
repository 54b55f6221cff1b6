//! `cargo xtask parity`: lets a pinned scikit-learn make the reference results that taipan-learn is tested against.
//!
//! Each family of tests has a script `crates/taipan-learn/tests/data/FAMILY.py [OUTPUT [CASES [SEED]]]` and a test
//! `parity_FAMILY.rs`. Without options the scripts rewrite the cases that are kept beside them. With a number of cases
//! they make fresh ones in a temporary folder, and the tests run on those.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{self, cargo};
use crate::venv::Venv;

const SCRIPTS: &str = "crates/taipan-learn/tests/data";

/// Which families, and what is to be made.
#[derive(Debug, PartialEq, Default)]
pub(crate) struct Options {
    /// One family; all when not given.
    pub(crate) family: Option<String>,
    /// How many fresh cases; none to rewrite those that are kept.
    pub(crate) cases: Option<usize>,
    /// The seed of the fresh cases.
    pub(crate) seed: Option<usize>,
}

/// Rewrites the kept cases, or tests fresh ones.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let families = families(root, options.family.as_deref())?;
    let folder = cargo::cache("taipan-parity")?;
    let venv = Venv::open(&folder.join("venv"), &root.join("xtask/parity-requirements.txt"))?;
    let make = |family: &str, arguments: &[&str]| {
        println!("{family}: asking scikit-learn");
        let mut python = Command::new(venv.program("python"));
        // One thread each: sums in threads differ from run to run.
        python.envs([("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")]);
        cargo::run(python.arg(script(root, family)).args(arguments).current_dir(root))
    };
    let Some(cases) = options.cases else {
        return families.iter().try_for_each(|family| make(family, &[]));
    };
    let seed = options.seed.unwrap_or_else(|| std::process::id() as usize);
    let fresh = folder.join(format!("fresh-{seed}"));
    fs::create_dir_all(&fresh).with_context(|| fresh.display().to_string())?;
    for family in &families {
        let output = fresh.join(family).with_extension("json").display().to_string();
        make(family, &[&output, &cases.to_string(), &seed.to_string()])?;
    }
    let mut test = cargo(root, &["test", "--release", "--package", "taipan-learn"]);
    for family in &families {
        test.args(["--test", &format!("parity_{family}")]);
    }
    println!("testing {cases} cases a family, seed {seed}, in {}", fresh.display());
    cargo::run(test.env("TAIPAN_PARITY", &fresh))?;
    fs::remove_dir_all(&fresh).with_context(|| fresh.display().to_string())
}

/// The families that have a script, in alphabetical order.
fn families(root: &Path, only: Option<&str>) -> Result<Vec<String>> {
    let folder = root.join(SCRIPTS);
    let mut families = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            families.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    families.sort();
    let Some(only) = only else {
        return Ok(families);
    };
    if families.iter().all(|family| family != only) {
        bail!("there is no family '{only}'; there are {}", families.join(", "));
    }
    Ok(vec![only.to_owned()])
}

fn script(root: &Path, family: &str) -> PathBuf {
    root.join(SCRIPTS).join(family).with_extension("py")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_a_script_results_and_a_test() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let families = families(&root, None).expect("families");
        assert!(!families.is_empty());
        for family in families {
            assert!(script(&root, &family).with_extension("json").is_file(), "{family}");
            let test = format!("crates/taipan-learn/tests/parity_{family}.rs");
            assert!(root.join(test).is_file(), "{family}");
        }
    }

    #[test]
    fn an_unknown_family_is_named() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let error = super::families(&root, Some("qwop")).expect_err("unknown");
        assert!(error.to_string().starts_with("there is no family 'qwop'; there are basics, "), "{error}");
    }
}
