//! What an application is opened with: which of the inputs is the app file, which the database, and which files make tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use taipan_io::{RejectFile, expand, table_name};

use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::import::ImportOptions;

/// A file to import, and how.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) table: String,
    pub(super) options: ImportOptions,
}

/// What the inputs of [`Project::open`](super::Project::open) turned out to be.
pub(super) struct Found {
    pub(super) app_file: Option<PathBuf>,
    pub(super) root: Option<PathBuf>,
    files: Vec<PathBuf>,
    pub(super) database: Option<String>,
}

impl Found {
    pub(super) fn new(inputs: &[PathBuf]) -> Result<Self> {
        let mut found = Self { app_file: None, root: None, files: Vec::new(), database: None };
        for input in inputs {
            let extension = input.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if input.is_dir() {
                let app_file = input.join(config::FILE_NAME);
                found.root.get_or_insert_with(|| input.clone());
                found.files.extend(data_files(input)?);
                if app_file.is_file() {
                    found.app(app_file)?;
                }
            } else if extension == "toml" {
                if !input.is_file() {
                    return Err(Error::io(input, std::io::ErrorKind::NotFound.into()));
                }
                let root = config::folder(input);
                found.files.extend(data_files(&root)?);
                found.root.get_or_insert(root);
                found.app(input.clone())?;
            } else if matches!(extension, "db" | "sqlite" | "sqlite3") {
                if !input.is_file() {
                    return Err(Error::io(input, std::io::ErrorKind::NotFound.into()));
                }
                found.database = Some(format!("sqlite:{}", input.display()));
            } else {
                found.files.extend(expand(&[input.display().to_string()])?);
            }
        }
        Ok(found)
    }

    fn app(&mut self, path: PathBuf) -> Result<()> {
        match self.app_file.replace(path) {
            None => Ok(()),
            Some(first) => Err(Error::invalid(format!("two applications at once: {} and another", first.display()))),
        }
    }

    pub(super) fn name(&self) -> String {
        let folder = self.root.clone().or_else(|| std::env::current_dir().ok());
        let folder = folder.and_then(|folder| folder.canonicalize().ok());
        folder
            .and_then(|folder| folder.file_name().map(|name| name.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "taipan".to_owned())
    }

    /// The database: the one given as an input, the app file's, or `taipan.db` beside the data.
    pub(super) fn database(&self, config: &Config) -> String {
        if let Some(database) = &self.database {
            return database.clone();
        }
        let named = config.app.database.as_ref().map_or("sqlite:taipan.db", |database| database.get_ref().as_str());
        let path = named.strip_prefix("sqlite:").unwrap_or(named);
        let url = named.contains("://") || path == ":memory:" || Path::new(path).is_absolute();
        match &self.root {
            Some(root) if !url => format!("sqlite:{}", root.join(path).display()),
            _ => named.to_owned(),
        }
    }

    /// Every file with its table; those that the app file declares take its options.
    pub(super) fn sources(&self, config: &Config) -> Result<Vec<Source>> {
        let root = self.root.clone().unwrap_or_else(|| PathBuf::from("."));
        let mut sources: Vec<Source> = Vec::new();
        let mut declared: Vec<PathBuf> = Vec::new();
        for (table, source) in &config.sources {
            let path = root.join(source.file.get_ref());
            declared.extend(path.canonicalize().ok());
            let options = ImportOptions::default()
                .primary_key(source.primary_key.clone())
                .indexes(source.index.clone())
                .rejects(Some(RejectFile::beside(&root.join(table)).path().to_owned()))
                .reading(source.reading()?);
            sources.push(Source { path, table: table.clone(), options });
        }
        for path in &self.files {
            let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
            if declared.contains(&whole) {
                continue;
            }
            declared.push(whole);
            sources.push(Source { path: path.clone(), table: table_name(path), options: ImportOptions::default() });
        }
        let mut tables: BTreeMap<String, &Path> = BTreeMap::new();
        for source in &sources {
            if let Some(first) = tables.insert(source.table.to_lowercase(), &source.path) {
                let (first, second) = (first.display(), source.path.display());
                return Err(Error::invalid(format!("{first} and {second} both make the table '{}'", source.table))
                    .with_hint("name one of them in the app file: [source.NAME] file = …"));
            }
        }
        sources.sort_by(|a, b| a.table.cmp(&b.table));
        Ok(sources)
    }
}

/// The data files of a folder, none of them an error.
fn data_files(folder: &Path) -> Result<Vec<PathBuf>> {
    match expand(&[folder.display().to_string()]) {
        Ok(files) => Ok(files),
        Err(error) if matches!(error.kind(), taipan_io::ErrorKind::NoDataFiles) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
