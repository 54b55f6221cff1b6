//! The rules of the architecture that a machine can hold: which crate may depend on which, who may name
//! DataFusion, what a parser may import, and how long a file may grow.
//!
//! The rules stand in the constants below and say what ARCHITECTURE.md says; [`check`] is pure, so the
//! tests can show it workspaces that break them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::rust_source::{paths, tokens, without_tests};

/// Each workspace crate and the workspace crates it may depend on, tests and build scripts included.
const ALLOWED: &[(&str, &[&str])] = &[
    ("taipan-class", &[]),
    ("taipan-runtime", &[]),
    ("taipan-io", &["taipan-runtime"]),
    ("taipan-store", &["taipan-class", "taipan-runtime"]),
    ("taipan-learn", &["taipan-runtime"]),
    ("taipan-plot", &[]),
    ("taipan-query", &["taipan-io", "taipan-store", "taipan-learn"]),
    ("taipan-web", &["taipan-runtime", "taipan-store"]),
    (
        "taipan",
        &[
            "taipan-class",
            "taipan-runtime",
            "taipan-io",
            "taipan-store",
            "taipan-learn",
            "taipan-plot",
            "taipan-query",
            "taipan-web",
        ],
    ),
    ("taipan-server", &["taipan", "taipan-web"]),
    ("taipan-cli", &["taipan", "taipan-server"]),
    ("examples", &["taipan"]),
    ("xtask", &[]),
];

/// The engine and the only crate that may name it.
const ENGINE: (&str, &str) = ("datafusion", "taipan-query");

/// Where the parsers live, and what their files are called.
const PARSERS: (&str, [&str; 2]) = ("taipan-io", ["parser.rs", "splitter.rs"]);

/// What a parser may not name: bytes come in and events go out, whoever reads the bytes.
const FORBIDDEN_IN_PARSERS: [&str; 6] = ["std::fs", "std::io", "std::net", "std::*", "tokio", "arrow"];

/// Files beyond this are split by subject.
const MAX_LINES: usize = 800;

/// What the rules look at.
#[derive(Default)]
struct Workspace {
    packages: Vec<Package>,
    sources: Vec<Source>,
}

struct Package {
    name: String,
    /// Of every kind: normal, dev and build, for any target.
    dependencies: Vec<String>,
    /// Relative to the workspace root.
    folder: PathBuf,
}

struct Source {
    /// Relative to the workspace root.
    path: PathBuf,
    text: String,
}

/// Checks the workspace at `root`; the error lists every broken rule.
pub(crate) fn check_workspace(root: &Path) -> Result<()> {
    let workspace = Workspace::read(root)?;
    let broken = check(&workspace);
    if broken.is_empty() {
        let (packages, files) = (workspace.packages.len(), workspace.sources.len());
        println!("{packages} crates and {files} files keep the rules");
        return Ok(());
    }
    bail!("the architecture's rules are broken:\n  {}", broken.join("\n  "));
}

/// Every broken rule, one line each.
fn check(workspace: &Workspace) -> Vec<String> {
    let mut broken = Vec::new();
    for package in &workspace.packages {
        check_dependencies(package, workspace, &mut broken);
    }
    for source in &workspace.sources {
        check_source(source, workspace.owner(source), &mut broken);
    }
    broken
}

fn check_dependencies(package: &Package, workspace: &Workspace, broken: &mut Vec<String>) {
    let name = &package.name;
    let Some((_, allowed)) = ALLOWED.iter().find(|(row, _)| row == name) else {
        broken.push(format!("{name}: has no row in the table of allowed edges (xtask/src/edges.rs)"));
        return;
    };
    for dependency in &package.dependencies {
        let ours = workspace.packages.iter().any(|other| other.name == *dependency);
        if ours && !allowed.contains(&dependency.as_str()) {
            broken.push(format!("{name}: may not depend on {dependency}"));
        }
        if is_engine(dependency, '-') && *name != ENGINE.1 {
            broken.push(format!("{name}: only {} may depend on {dependency}", ENGINE.1));
        }
    }
}

fn check_source(source: &Source, owner: Option<&Package>, broken: &mut Vec<String>) {
    let path = source.path.display();
    let owner = owner.map(|package| package.name.as_str());
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        broken.push(format!("{path}: {lines} lines, at most {MAX_LINES}"));
    }
    let tokens = tokens(&source.text);
    let engine = tokens.iter().find(|token| is_engine(token, '_'));
    if let (true, Some(name)) = (owner != Some(ENGINE.1), engine) {
        broken.push(format!("{path}: only {} may name {name}", ENGINE.1));
    }
    let file = source.path.file_name().and_then(|name| name.to_str());
    if owner == Some(PARSERS.0) && file.is_some_and(|name| PARSERS.1.contains(&name)) {
        for found in paths(&without_tests(&tokens)) {
            if FORBIDDEN_IN_PARSERS.iter().any(|forbidden| is_under(&found, forbidden)) {
                broken.push(format!("{path}: a parser may not name {found}"));
            }
        }
    }
}

/// `datafusion` itself or one of its parts: `datafusion-expr`, `datafusion_expr`.
fn is_engine(name: &str, separator: char) -> bool {
    name.strip_prefix(ENGINE.0).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

/// Whether a path is `root`, lies in it, or in a crate that belongs to it (`arrow_array` to `arrow`).
fn is_under(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with('_'))
}

impl Workspace {
    fn read(root: &Path) -> Result<Self> {
        let metadata = cargo::metadata(root)?;
        let packages = metadata["packages"].as_array().context("cargo metadata: no packages")?;
        let packages = packages
            .iter()
            .map(|package| Package::read(package, root))
            .collect::<Option<Vec<_>>>()
            .context("cargo metadata: a package of unknown form")?;
        let mut sources = Vec::new();
        collect_sources(root, root, &mut sources)?;
        sources.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(Self { packages, sources })
    }

    /// The package whose folder holds the file; the innermost where they nest.
    fn owner(&self, source: &Source) -> Option<&Package> {
        self.packages
            .iter()
            .filter(|package| source.path.starts_with(&package.folder))
            .max_by_key(|package| package.folder.components().count())
    }
}

impl Package {
    fn read(package: &serde_json::Value, root: &Path) -> Option<Self> {
        let dependencies = package["dependencies"].as_array()?;
        let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|dependency| dependency["name"].as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            folder: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
        })
    }
}

/// Reads every Rust file below the folder, but for hidden folders and build output.
fn collect_sources(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let place = || folder.display().to_string();
    for entry in fs::read_dir(folder).with_context(place)? {
        let entry = entry.with_context(place)?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().with_context(place)?;
        if kind.is_dir() && !name.starts_with('.') && name != "target" {
            collect_sources(root, &path, sources)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Packages<'a> = &'a [(&'a str, &'a [&'a str])];

    /// A workspace of packages with their dependencies, and one source file.
    fn workspace(packages: Packages, path: &str, text: &str) -> Workspace {
        let packages = packages
            .iter()
            .map(|(name, dependencies)| Package {
                name: (*name).to_owned(),
                dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
                folder: Path::new("crates").join(name),
            })
            .collect();
        Workspace { packages, sources: vec![Source { path: path.into(), text: text.to_owned() }] }
    }

    #[test]
    fn this_workspace_keeps_the_rules() {
        check_workspace(&crate::root()).expect("the rules of edges.rs");
    }

    #[test]
    fn forbidden_edges_are_found() {
        let cases: [(Packages, &[&str]); 7] = [
            (&[("taipan-query", &["taipan-io", "datafusion"]), ("taipan-io", &["arrow"])], &[]),
            (&[("taipan-plot", &["taipan-io"]), ("taipan-io", &[])], &["taipan-plot: may not depend on taipan-io"]),
            (
                &[("taipan-io", &["taipan-query"]), ("taipan-query", &["taipan-io"])],
                &["taipan-io: may not depend on taipan-query"],
            ),
            (
                &[("taipan-cli", &["taipan-store"]), ("taipan-store", &["taipan-cli"])],
                &["taipan-cli: may not depend on taipan-store", "taipan-store: may not depend on taipan-cli"],
            ),
            (&[("taipan-server", &["datafusion"])], &["taipan-server: only taipan-query may depend on datafusion"]),
            (
                &[("taipan-store", &["datafusion-expr"]), ("taipan-io", &["datafusionist"])],
                &["taipan-store: only taipan-query may depend on datafusion-expr"],
            ),
            (
                &[("taipan-utils", &[])],
                &["taipan-utils: has no row in the table of allowed edges (xtask/src/edges.rs)"],
            ),
        ];
        for (packages, expected) in cases {
            assert_eq!(check(&workspace(packages, "a.rs", "")), expected, "{packages:?}");
        }
    }

    #[test]
    fn dependencies_of_every_kind_are_read() {
        let package = serde_json::json!({
            "name": "taipan-io",
            "manifest_path": "/top/crates/taipan-io/Cargo.toml",
            "dependencies": [
                { "name": "arrow", "kind": null },
                { "name": "taipan", "kind": "dev" },
                { "name": "taipan-web", "kind": "build", "target": "cfg(unix)" },
            ],
        });
        let package = Package::read(&package, Path::new("/top")).expect("package");
        assert_eq!(package.dependencies, ["arrow", "taipan", "taipan-web"]);
        assert_eq!(package.folder, Path::new("crates/taipan-io"));
    }

    #[test]
    fn forbidden_source_is_found() {
        let csv = "crates/taipan-io/src/csv/parser.rs";
        let json = "crates/taipan-io/src/json/splitter.rs";
        let cases: [(&str, &str, &[&str]); 13] = [
            (csv, "//! Reads no std::fs.\nuse std::fmt::Write;\nuse super::Event;", &[]),
            (csv, "#[cfg(test)]\nmod tests { use std::fs; use arrow::array; }", &[]),
            (csv, "use std::{fs, mem};", &["a parser may not name std::fs"]),
            (csv, "fn f() { std::fs::read(p); }", &["a parser may not name std::fs::read"]),
            (
                json,
                "use std::io::{Read, Write};",
                &["a parser may not name std::io::Read", "a parser may not name std::io::Write"],
            ),
            (json, "use arrow::array::Int64Array;", &["a parser may not name arrow::array::Int64Array"]),
            (json, "use arrow_schema::DataType;", &["a parser may not name arrow_schema::DataType"]),
            ("crates/taipan-io/src/csv/reader.rs", "use std::fs; use arrow::array::Array;", &[]),
            ("crates/taipan-query/src/parser.rs", "use std::fs; use datafusion::sql;", &[]),
            ("crates/taipan-query/tests/plans.rs", "use datafusion::prelude::*;", &[]),
            ("crates/taipan-io/src/lib.rs", "// datafusion\nlet x = \"datafusion\";", &[]),
            (
                "crates/taipan-io/tests/sql.rs",
                "use datafusion::prelude::*;",
                &["only taipan-query may name datafusion"],
            ),
            (
                "examples/query.rs",
                "let plan: datafusion_expr::LogicalPlan;",
                &["only taipan-query may name datafusion_expr"],
            ),
        ];
        for (path, text, expected) in cases {
            let workspace = workspace(&[("taipan-io", &[]), ("taipan-query", &[])], path, text);
            let expected: Vec<_> = expected.iter().map(|rule| format!("{path}: {rule}")).collect();
            assert_eq!(check(&workspace), expected, "{path}: {text}");
        }
    }

    #[test]
    fn long_files_are_found() {
        let at_most = workspace(&[], "a.rs", &"\n".repeat(800));
        assert!(check(&at_most).is_empty());
        let longer = workspace(&[], "a.rs", &"\n".repeat(801));
        assert_eq!(check(&longer), ["a.rs: 801 lines, at most 800"]);
    }
}
