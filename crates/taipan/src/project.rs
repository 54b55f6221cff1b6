//! A data application: its files, database, models and plots.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use taipan_learn::{Model, Watch};
use taipan_plot::Theme;
use taipan_query::{Engine, EngineOptions, Reach, Rows};
use taipan_runtime::CancelToken;
use taipan_store::document::{Condition, Document, Form};
use taipan_store::resource::{Access, Classes};
use taipan_store::{Artifact, Count, ErrorKind as StoreErrorKind, Migration, Origin, Rule, Store, Table};

use crate::config::{self, Config, ModelConfig, PlotConfig};
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::import::{Existing, Imported, Outcome, hex, import_file};
use crate::model::{NamedModel, Predictions, Samples, Training};
use crate::named_query::NamedQuery;
use crate::picture::{NamedPlot, draw, plot_model};
use crate::relation::Relation;
use crate::rules;

mod database;
mod inputs;

pub use database::{NewStore, open_database};
use inputs::{Found, Source};

/// Which application to open, and with what.
#[derive(Debug, Clone, Default)]
pub struct ProjectOptions {
    inputs: Vec<PathBuf>,
    database: Option<String>,
    fresh: bool,
    threads: Option<NonZeroUsize>,
    memory_limit: Option<usize>,
}

impl ProjectOptions {
    /// Opens a folder, an app file, a database, or some data files.
    pub fn new<P: Into<PathBuf>>(inputs: impl IntoIterator<Item = P>) -> Self {
        Self { inputs: inputs.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Uses this database instead of the one that the app file names.
    #[must_use]
    pub fn database(mut self, url: Option<String>) -> Self {
        self.database = url;
        self
    }

    /// Imports and trains everything again, whether it changed or not.
    #[must_use]
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }

    /// Uses so many threads for queries; the default is one per core.
    #[must_use]
    pub fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Uses at most so many bytes for the working state of queries.
    #[must_use]
    pub fn memory_limit(mut self, bytes: Option<usize>) -> Self {
        self.memory_limit = bytes;
        self
    }
}

/// A model that a project has trained, or found trained.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model's name.
    pub name: String,
    /// Its estimator.
    pub estimator: String,
    /// Its score, for people.
    pub score: String,
    /// Whether it had to be trained.
    pub outcome: Outcome,
    /// How long that took, in seconds.
    pub seconds: f64,
}

/// A plot that a project has drawn.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The plot's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// A data application. Cheap to clone; clones are the same application.
#[derive(Clone)]
pub struct Project {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    /// The inputs as they were given.
    given: String,
    config: Config,
    sources: Vec<Source>,
    fresh: bool,
    store: NewStore,
    engine: Engine,
    /// The same over what may be shown of the tables, for the models and plots of the app file.
    shown: Engine,
    models: RwLock<IndexMap<String, Arc<NamedModel>>>,
    plots: RwLock<IndexMap<String, Arc<NamedPlot>>>,
}

const MODEL: &str = "model";

impl Project {
    /// Opens an application: reads its app file, finds its files, opens its database. Nothing is imported yet.
    ///
    /// Errors: a fault in the app file by line and column, an input that is not there, two files for one
    /// table, a database that cannot be opened.
    pub fn open(options: &ProjectOptions) -> Result<Self> {
        let found = Found::new(&options.inputs)?;
        let config = match &found.app_file {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        let sources = found.sources(&config)?;
        let url = options.database.clone().unwrap_or_else(|| found.database(&config));
        let nothing_to_import = sources.is_empty() && found.app_file.is_none();
        if nothing_to_import && options.database.is_none() && found.database.is_none() {
            let folder = found.root.unwrap_or_default();
            return Err(Error::invalid(format!(
                "{}: no data files, no {} and no database",
                folder.display(),
                config::FILE_NAME
            ))
            .with_hint("data files end in csv, tsv, json, ndjson or jsonl"));
        }
        let store = if nothing_to_import { NewStore::existing(&url)? } else { NewStore::open(&url)? };
        let engine = Engine::new(
            &EngineOptions::default()
                .threads(options.threads)
                .memory_limit(options.memory_limit)
                .store(store.get().clone()),
        )?;
        let shown = engine.withholding(rules::withheld(&config.classes));
        for (name, query) in &config.queries {
            let _ = NamedQuery::new(&shown, name, query).map_err(|error| within("query", name, error))?;
        }
        let name = config.app.name.clone().unwrap_or_else(|| found.name());
        Ok(Self {
            inner: Arc::new(Inner {
                name,
                given: options.inputs.iter().map(|input| input.display().to_string()).collect::<Vec<_>>().join(" "),
                config,
                sources,
                fresh: options.fresh,
                store,
                engine,
                shown,
                models: RwLock::default(),
                plots: RwLock::default(),
            }),
        })
    }

    /// The application's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The engine over what may be shown of the tables.
    pub(crate) fn shown(&self) -> &Engine {
        &self.inner.shown
    }

    /// The classes of its app file.
    pub fn classes(&self) -> &Classes {
        &self.inner.config.classes
    }

    /// Its database.
    pub fn store(&self) -> &Store {
        self.inner.store.get()
    }

    /// What would bring the tables to what the classes declare; nothing is changed.
    ///
    /// Errors: the database cannot be read.
    pub fn plan(&self) -> Result<Migration> {
        Ok(self.store().plan(&self.classes().tables())?)
    }

    /// Brings the tables to what the classes declare, in one transaction, and returns what was done. Of what would be
    /// lost, only what `allowed` names is given up: a table, or a field as `table.field`.
    ///
    /// Errors: something else would be lost, with the command that allows it; rows that do not meet the rules. Nothing is
    /// changed then.
    pub fn migrate(&self, allowed: &[&str]) -> Result<Migration> {
        let plan = self.plan()?;
        if plan.is_empty() && self.classes().is_empty() {
            return Ok(plan);
        }
        let plan = self.store().migrate(&self.classes().tables(), allowed).map_err(|error| match error.kind() {
            StoreErrorKind::Destructive(names) => {
                let (given, names) = (&self.inner.given, names.join(","));
                let hint =
                    format!("'taipan migrate {given} --plan' shows it, '--allow {names}' instead of --plan does it");
                Error::from(error).with_hint(hint)
            }
            _ => error.into(),
        })?;
        self.check_rules()?;
        Ok(plan)
    }

    /// Tries the rules of the classes on their tables, which alone tell whether they make sense.
    fn check_rules(&self) -> Result<()> {
        let resources = self.classes().iter().filter_map(|declared| Some((declared, declared.resource.as_ref()?)));
        for (declared, resource) in resources {
            for (key, access) in [("read", resource.read.as_ref()), ("write", Some(&resource.write))] {
                let Some(Access::Rule(rule)) = access else { continue };
                let mut document = Document::new(&resource.table.name).filter(Condition::Rule(Rule::new(rule)));
                document.limit = Some(0);
                self.store().read_document(&document, Form::Json, Count::None).map_err(|error| {
                    let (class, reason) = (declared.class.name(), error.kind());
                    Error::invalid(format!("class {class}: {key} = \"{rule}\": {reason}"))
                })?;
            }
        }
        Ok(())
    }

    /// Imports the files that are new or have changed, each in one transaction, and reports each. The tables of classes
    /// are made first, where they are not there.
    pub fn import(&self, report: impl FnMut(&Imported)) -> Result<()> {
        self.import_with_progress(report, &|_, _, _| ())
    }

    /// The same, calling `progress` with the file, the bytes read of it and its length.
    pub fn import_with_progress(
        &self,
        report: impl FnMut(&Imported),
        progress: &(dyn Fn(&Path, u64, u64) + Sync),
    ) -> Result<()> {
        self.import_some(None, &CancelToken::default(), report, progress)
    }

    /// The same of the files of one table, where it is named; `stop` ends it amid a file.
    pub(crate) fn import_some(
        &self,
        only: Option<&str>,
        stop: &CancelToken,
        mut report: impl FnMut(&Imported),
        progress: &(dyn Fn(&Path, u64, u64) + Sync),
    ) -> Result<()> {
        self.migrate(&[])?;
        for source in self.inner.sources.iter().filter(|source| only.is_none_or(|only| only == source.table)) {
            let options = source
                .options
                .clone()
                .table(Some(source.table.clone()))
                .existing(Existing::ReplaceImported)
                .again(self.inner.fresh)
                .stop(stop.clone());
            let imported = import_file(self.store(), &source.path, &options, &|read, total| {
                progress(&source.path, read, total);
            })?;
            report(&imported);
        }
        Ok(())
    }

    /// Trains the models of the app file whose data or parameters changed, and reports each.
    pub fn train(&self, report: impl FnMut(&Trained)) -> Result<()> {
        self.train_some(None, None, report)
    }

    /// The same of one model, where it is named; `watch` sees how far it is, and may stop it.
    pub(crate) fn train_some(
        &self,
        only: Option<&str>,
        watch: Option<&Arc<dyn Watch + Send + Sync>>,
        mut report: impl FnMut(&Trained),
    ) -> Result<()> {
        for (name, config) in self.inner.config.models.iter().filter(|(name, _)| only.is_none_or(|only| only == *name))
        {
            let started = Instant::now();
            let (model, outcome) = match self.train_one(name, config, watch) {
                // A class's table begins empty: the model waits for its rows, and the others do not wait for it.
                Err(error) if only.is_none() && matches!(error.kind(), ErrorKind::NoRows(_)) => {
                    self.inner.models.write().unwrap_or_else(PoisonError::into_inner).shift_remove(name);
                    report(&Trained {
                        name: name.clone(),
                        estimator: config.estimator.get_ref().clone(),
                        score: error.to_string(),
                        outcome: Outcome::Waiting,
                        seconds: started.elapsed().as_secs_f64(),
                    });
                    continue;
                }
                trained => trained.map_err(|error| within("model", name, error))?,
            };
            report(&Trained {
                name: name.clone(),
                estimator: model.model.estimator.clone(),
                score: model.score(),
                outcome,
                seconds: started.elapsed().as_secs_f64(),
            });
            self.inner.models.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Arc::new(model));
        }
        Ok(())
    }

    fn train_one(
        &self,
        name: &str,
        config: &ModelConfig,
        watch: Option<&Arc<dyn Watch + Send + Sync>>,
    ) -> Result<(NamedModel, Outcome)> {
        let from = declared(config.from.get_ref());
        let apart = rules::record_keeping(self.store(), self.classes(), &from);
        let mut options = config.options().exclude_also(apart);
        if let Some(watch) = watch {
            options = options.watch(Arc::clone(watch));
        }
        let engine = &self.inner.shown;
        let reads = rules::tables_read(engine, &from)?;
        let training = Training::load(engine, &from, &options)?;
        let key = json!({ "model": config.key(), "data": training.data_hash, "version": env!("CARGO_PKG_VERSION") });
        let fingerprint = hex(&Sha256::digest(key.to_string().as_bytes()));

        let known =
            self.store().artifact(MODEL, name)?.filter(|known| known.fingerprint == fingerprint && !self.inner.fresh);
        if let Some(model) = known.and_then(|known| Model::from_bytes(&known.bytes).ok()) {
            return Ok((named(name, model, reads), Outcome::Unchanged));
        }
        let mut model = training.learn(&options)?;
        model.lineage.insert("trained".to_owned(), Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true));
        let artifact =
            Artifact { kind: MODEL.to_owned(), name: name.to_owned(), fingerprint, bytes: model.to_bytes()? };
        self.store().put_artifact(&artifact)?;
        Ok((named(name, model, reads), Outcome::Done))
    }

    /// Draws the plots of the app file and reports each.
    pub fn draw(&self, mut report: impl FnMut(&Drawn)) -> Result<()> {
        for (name, config) in &self.inner.config.plots {
            let started = Instant::now();
            // Of a model that waits for rows there is nothing to draw.
            let waits = |model: &toml::Spanned<String>| self.model(model.get_ref()).is_err();
            if config.transform.iter().chain(&config.model).any(waits) {
                self.inner.plots.write().unwrap_or_else(PoisonError::into_inner).shift_remove(name);
                continue;
            }
            let plot = self.draw_one(name, config).map_err(|error| within("plot", name, error))?;
            report(&Drawn { name: name.clone(), kind: plot.kind.clone(), seconds: started.elapsed().as_secs_f64() });
            self.inner.plots.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Arc::new(plot));
        }
        Ok(())
    }

    fn draw_one(&self, name: &str, config: &PlotConfig) -> Result<NamedPlot> {
        let options = config.options()?;
        let from = declared(config.from.get_ref());
        let named =
            |name: &Option<toml::Spanned<String>>| name.as_ref().map(|model| self.model(model.get_ref())).transpose();
        let (transform, model) = (named(&config.transform)?, named(&config.model)?);
        let engine = &self.inner.shown;
        let mut reads = rules::tables_read(engine, &from)?;
        for made in [&transform, &model].into_iter().flatten() {
            reads.extend(made.reads.iter().cloned());
        }
        let themes = [Theme::Light, Theme::Dark];
        let pictures = match &model {
            Some(named) => themes
                .iter()
                .map(|theme| plot_model(engine, &named.model, Some(&from), &options.clone().theme(*theme)))
                .collect::<Result<Vec<_>>>()?,
            None => draw(engine, &from, &options, transform.as_ref().map(|named| &named.model), &themes)?,
        };
        let interactive = |at: usize| pictures.get(at).map(|picture| Arc::from(picture.interactive_svg()));
        let interactive = [0, 1].map(|at| interactive(at).unwrap_or_default());
        let mut drawn = pictures.into_iter().map(|picture| Arc::from(picture.svg()));
        Ok(NamedPlot {
            name: name.to_owned(),
            title: config.title.clone().unwrap_or_else(|| name.to_owned()),
            kind: config.kind.get_ref().clone(),
            svg: drawn.next().unwrap_or_default(),
            dark: drawn.next().unwrap_or_default(),
            interactive,
            reads,
        })
    }

    /// The tables of the database.
    pub fn tables(&self) -> Result<Vec<Arc<Table>>> {
        Ok(self.store().tables()?)
    }

    /// Where a table was imported from, if it was.
    pub fn source_of(&self, table: &str) -> Option<Origin> {
        self.store().origin(table).ok().flatten()
    }

    /// Runs a query over the database's tables, and files.
    pub fn query(&self, sql: &str) -> Result<Rows> {
        Ok(self.inner.engine.sql(sql)?)
    }

    /// Runs a statement of someone else, which reads no more beside the tables than `reach` says.
    ///
    /// Errors: as [`query`](Self::query); [`taipan_query::ErrorKind::OutOfReach`] for what it may not read.
    pub fn query_within(&self, sql: &str, reach: Reach) -> Result<Rows> {
        Ok(self.inner.engine.within(reach).sql(sql)?)
    }

    /// The tables that are imported from files.
    pub fn imported_tables(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = self.inner.sources.iter().map(|source| source.table.as_str()).collect();
        tables.dedup();
        tables
    }

    /// The names of the models that the app file declares.
    pub fn declared_models(&self) -> Vec<&str> {
        self.inner.config.models.keys().map(String::as_str).collect()
    }

    /// The trained models, in the app file's order.
    pub fn models(&self) -> Vec<Arc<NamedModel>> {
        self.inner.models.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Result<Arc<NamedModel>> {
        find(&self.inner.models, name, ErrorKind::UnknownModel)
    }

    /// Predicts for rows given as JSON objects.
    ///
    /// Errors: a missing or wrong field by row (from 1) and name.
    pub fn predict(&self, name: &str, rows: &[Map<String, Value>]) -> Result<Vec<Map<String, Value>>> {
        Ok(Predictions::of(&self.model(name)?.model, Samples::Objects(rows), false)?.objects())
    }

    /// The drawn plots, in the app file's order.
    pub fn plots(&self) -> Vec<Arc<NamedPlot>> {
        self.inner.plots.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The plot of this name.
    pub fn plot(&self, name: &str) -> Result<Arc<NamedPlot>> {
        find(&self.inner.plots, name, ErrorKind::UnknownPlot)
    }
}

/// In an app file a bare name is always a table of its database.
fn declared(from: &str) -> Relation {
    match Relation::parse(from) {
        Relation::File(_) => Relation::Table(from.to_owned()),
        other => other,
    }
}

fn named(name: &str, model: Model, reads: Vec<String>) -> NamedModel {
    let known = |key: &str| model.lineage.get(key).cloned().unwrap_or_default();
    let (trained, seconds) = (known("trained"), known("seconds").parse().unwrap_or(0.0));
    NamedModel { name: name.to_owned(), model, trained, seconds, reads }
}

fn find<T>(map: &RwLock<IndexMap<String, Arc<T>>>, name: &str, kind: impl Fn(String) -> ErrorKind) -> Result<Arc<T>> {
    let map = map.read().unwrap_or_else(PoisonError::into_inner);
    map.get(name).cloned().ok_or_else(|| {
        let error = Error::new(kind(name.to_owned()));
        match nearest(name, map.keys().map(String::as_str)) {
            Some(name) => error.with_hint(format!("did you mean '{name}'?")),
            None => error,
        }
    })
}

/// Says which model or plot of the app file a failure belongs to.
fn within(what: &str, name: &str, error: Error) -> Error {
    let hint = error.hint().map(str::to_owned);
    let outer = Error::invalid(format!("{what} '{name}': {error}"));
    match hint {
        Some(hint) => outer.with_hint(hint),
        None => outer,
    }
}
