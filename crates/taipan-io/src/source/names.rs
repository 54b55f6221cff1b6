//! From what the user names to files: patterns and directories expanded, tables named.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::STDIN;
use super::compress::is_packed;
use super::url::is_url;
use crate::error::{Error, ErrorKind, Result};
use crate::format::EXTENSIONS;

/// The files that paths, globs and directories stand for, in the order given, each once.
///
/// A directory stands for the data files in it (csv, tsv, json, ndjson, jsonl, xml, parquet, arrow, each also compressed:
/// gz, zst, bz2, xz;
/// hidden ones and subfolders excepted), a glob for the files it matches, hidden ones only where it names their dot; both sorted by name. A pattern that is itself
/// the name of a file is that file, `-` is standard input, and a URL is itself.
///
/// # Errors
/// [`ErrorKind::NotFound`] names the path or pattern that stands for no file, [`ErrorKind::NoDataFiles`] a directory
/// without data files.
pub fn expand(patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for pattern in patterns {
        let path = Path::new(pattern);
        let found = if pattern == STDIN || is_url(pattern) {
            vec![path.to_owned()]
        } else if path.is_dir() {
            directory(path)?
        } else if path.exists() || !pattern.contains(['*', '?', '[']) {
            // A missing file is named as an I/O error by its opening; here only its absence counts.
            fs::metadata(path).map_err(|error| Error::of_io(error, path))?;
            vec![path.to_owned()]
        } else {
            matches(pattern)?
        };
        files.extend(found.into_iter().filter(|file| seen.insert(file.clone())));
    }
    Ok(files)
}

/// A name for the table that a file or a URL becomes: its stem in lower case, anything but letters and digits as `_`.
///
/// ```
/// use taipan_io::table_name;
///
/// assert_eq!(table_name("data/Sales 2024.csv".as_ref()), "sales_2024");
/// assert_eq!(table_name("https://example.org/files/tips.csv.gz?v=2".as_ref()), "tips");
/// ```
pub fn table_name(path: &Path) -> String {
    let path = &*url_path(path);
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut stem = file.as_ref();
    for _ in 0..2 {
        match stem.rsplit_once('.') {
            Some((rest, extension)) if !rest.is_empty() && is_suffix(extension) => stem = rest,
            _ => break,
        }
    }
    let mut name = String::new();
    for letter in stem.chars() {
        if letter.is_alphanumeric() {
            name.extend(letter.to_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    if name.is_empty() {
        "table".to_owned()
    } else if name.starts_with(|first: char| first.is_numeric()) || name.starts_with("sqlite_") {
        format!("t_{name}")
    } else {
        name.to_owned()
    }
}

fn directory(path: &Path) -> Result<Vec<PathBuf>> {
    let of_io = |error| Error::of_io(error, path);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(of_io)? {
        let entry = entry.map_err(of_io)?.path();
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && is_data_file(&entry) {
            files.push(entry);
        }
    }
    if files.is_empty() {
        return Err(Error::of_path(ErrorKind::NoDataFiles, path));
    }
    files.sort();
    Ok(files)
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>> {
    let paths = glob::glob(pattern).map_err(|error| {
        Error::new(ErrorKind::InvalidOption(format!("invalid pattern: {}", error.msg))).in_source(pattern)
    })?;
    // The walk is sorted already; folders it cannot enter hold no match.
    let paths = paths.filter_map(std::result::Result::ok).filter(|path| path.is_file());
    // As a shell has it: what is hidden is for patterns that name its dot.
    let is_hidden = |part: Component| part.as_os_str().to_string_lossy().starts_with('.');
    let is_literal = |part: &Component| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    let literal = Path::new(pattern).components().take_while(is_literal).count();
    let names_hidden = Path::new(pattern).components().skip(literal).any(is_hidden);
    let files: Vec<PathBuf> =
        paths.filter(|path| names_hidden || !path.components().skip(literal).any(is_hidden)).collect();
    if files.is_empty() {
        return Err(Error::new(ErrorKind::NotFound).in_source(pattern));
    }
    Ok(files)
}

/// The name whose extension tells the format: `a.csv` for `https://example.org/a.csv.gz?v=2`.
pub(super) fn format_name(path: &Path) -> Cow<'_, Path> {
    match url_path(path) {
        Cow::Owned(path) => Cow::Owned(without_compression(&path).into_owned()),
        Cow::Borrowed(path) => without_compression(path),
    }
}

/// The path of a URL, or its host if it has none; any other name as it is.
fn url_path(name: &Path) -> Cow<'_, Path> {
    let Some(url) = name.to_str().filter(|name| is_url(name)) else { return Cow::Borrowed(name) };
    let Ok(url) = reqwest::Url::parse(url) else { return Cow::Borrowed(name) };
    let path = url.path().trim_end_matches('/');
    Cow::Owned(PathBuf::from(if path.is_empty() { url.host_str().unwrap_or_default() } else { path }))
}

/// The path without the extension that names a compression: `a.csv` for `a.csv.gz`.
fn without_compression(path: &Path) -> Cow<'_, Path> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) if is_packed(extension) => Cow::Owned(path.with_extension("")),
        _ => Cow::Borrowed(path),
    }
}

fn is_data_file(path: &Path) -> bool {
    let name = without_compression(path);
    let extension = name.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)))
        && path.is_file()
}

/// An extension is a short word; what follows the dot in `v1.20 final` is none.
fn is_suffix(extension: &str) -> bool {
    (1..=8).contains(&extension.len())
        && extension.chars().all(|letter| letter.is_ascii_alphanumeric())
        && extension.chars().any(|letter| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables() {
        let cases = [
            ("tips.csv", "tips"),
            ("data/Sales 2024.csv", "sales_2024"),
            ("a--b.CSV", "a_b"),
            ("logs.json.gz", "logs"),
            ("v1.20.csv", "v1_20"),
            ("2024.csv", "t_2024"),
            ("_taipan_x.csv", "taipan_x"),
            ("sqlite_master.csv", "t_sqlite_master"),
            ("Größe.csv", "größe"),
            (".csv", "csv"),
            ("https://example.org/files/tips.csv.gz?v=2#top", "tips"),
            ("https://example.org/api/items/", "items"),
            ("HTTP://example.org", "example"),
            ("---.csv", "table"),
        ];
        for (path, expected) in cases {
            assert_eq!(table_name(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn patterns_become_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.json", "notes.txt", ".hidden.csv", "x[1].csv", "c.csv.gz", "notes.gz"] {
            fs::write(folder.path().join(name), "x\n1\n").unwrap();
        }
        fs::create_dir(folder.path().join("empty")).unwrap();
        let name = |pattern: &str| folder.path().join(pattern).display().to_string();
        let names = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| name(pattern)).collect();
            expand(&patterns).map(|files| {
                files
                    .iter()
                    .filter_map(|file| Some(file.file_name()?.to_str()?.to_owned()))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
        };
        let cases: [(&[&str], &str); 6] = [
            (&[""], "a.json b.csv c.csv.gz x[1].csv"),
            (&["*.csv"], "b.csv x[1].csv"),
            (&[".*.csv"], ".hidden.csv"),
            (&["b.csv", "*.json", "b.csv"], "b.csv a.json"),
            (&["notes.txt"], "notes.txt"),
            (&["x[1].csv"], "x[1].csv"),
        ];
        for (patterns, expected) in cases {
            assert_eq!(names(patterns).unwrap(), expected, "{patterns:?}");
        }
        let message = |pattern: &str| names(&[pattern]).unwrap_err().to_string();
        assert_eq!(message("*.xyz"), format!("{}: no such file", name("*.xyz")));
        assert_eq!(message("nope.csv"), format!("{}: no such file", name("nope.csv")));
        assert!(
            message("empty").ends_with(
                "empty: no data files (csv, tsv, json, ndjson, jsonl, xml, parquet, arrow) in this directory"
            )
        );
    }
}
