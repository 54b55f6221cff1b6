//! PostgREST's own clients for JavaScript and Python, and axe-core, which judges pages: installed outside the clone for the
//! tests that use them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{cargo, install};

/// What is installed, and for whom.
const JAVASCRIPT: &str = "@supabase/postgrest-js@2.109.0";
const ACCESSIBILITY: &str = "axe-core@4.14.1";
const PYTHON: &str = "postgrest==2.34.1";

/// The folder with both; none, said so, where a program or a registry is out of reach.
pub(crate) fn install() -> Option<PathBuf> {
    let left_out = |why: &str| println!("clients from npm and PyPI are left out: {why}");
    for program in ["node", "npm", "python3"] {
        if install::find(program).is_none() {
            left_out(&format!("there is no {program}"));
            return None;
        }
    }
    let folder = cargo::cache("taipan-clients").ok().filter(|folder| std::fs::create_dir_all(folder).is_ok());
    let Some(folder) = folder else {
        left_out("there is no folder to install them in");
        return None;
    };
    // Written last, so that an interrupted installation is not taken for a whole one.
    let stamp = folder.join("installed");
    let wanted = format!("{JAVASCRIPT}\n{ACCESSIBILITY}\n{PYTHON}\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Some(folder);
    }
    println!("installing {JAVASCRIPT}, {ACCESSIBILITY} and {PYTHON} in {}", folder.display());
    let venv = folder.join("venv");
    let commands = [
        ("npm", vec!["install", "--silent", "--no-audit", "--no-fund", "--prefix"], vec![JAVASCRIPT, ACCESSIBILITY]),
        ("python3", vec!["-m", "venv", "--clear"], vec![]),
    ];
    let mut done = std::fs::write(folder.join("package.json"), "{}\n").is_ok();
    for ((program, before, after), target) in commands.into_iter().zip([&folder, &venv]) {
        let mut command = Command::new(program);
        command.args(before).arg(target).args(after).stdout(Stdio::null());
        done = done && command.status().is_ok_and(|status| status.success());
    }
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYTHON]);
    done = done && pip.status().is_ok_and(|status| status.success());
    if !done || std::fs::write(&stamp, wanted).is_err() {
        left_out("they could not be installed");
        return None;
    }
    Some(folder)
}
