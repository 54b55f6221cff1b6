//! A Python virtual environment outside the clone with exactly the packages of a requirements file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cargo, install};

/// A ready virtual environment.
pub(crate) struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// Opens the environment, making it anew where it is missing or was made from other requirements.
    pub(crate) fn open(folder: &Path, requirements: &Path) -> Result<Self> {
        let wanted = fs::read_to_string(requirements).with_context(|| requirements.display().to_string())?;
        let venv = Self { folder: folder.to_owned() };
        // Written last, so that an interrupted installation is not taken for a whole one.
        let stamp = folder.join("requirements.installed");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(venv);
        }
        println!("making the Python environment {}", folder.display());
        let make = || cargo::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder));
        if make().is_err() {
            install::debian_packages(&["python3", "python3-venv"], "a Python environment")?;
            make()?;
        }
        let mut pip = Command::new(venv.program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        cargo::run(pip.arg(requirements))?;
        fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
        Ok(venv)
    }

    /// A program of the environment: `python`, or what a package installed.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The folder that holds the installed packages.
    pub(crate) fn packages(&self) -> Result<PathBuf> {
        let ask = "import sysconfig; print(sysconfig.get_path('purelib'), end='')";
        let path = cargo::output(Command::new(self.program("python")).args(["-c", ask]))?;
        Ok(PathBuf::from(path))
    }
}
