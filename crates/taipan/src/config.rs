//! The app file, `taipan.toml`: what a data application is made of.
//!
//! Every key is optional. [`Config::load`] reads the file, checks every key and value that can be checked
//! without the data, and reports the first fault with its line and column.

use std::fs;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use taipan_io::{OnError, ReadOptions};
use taipan_learn::metrics::Scoring;
use taipan_learn::{ParamValue, registry};
use taipan_plot::Field;
use taipan_store::resource::Classes;
use toml::Spanned;

use crate::classes;
pub use crate::classes::{ClassConfig, FieldConfig, IndexConfig};
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::model::TrainOptions;
use crate::picture::{PlotOptions, empty};

/// The name of the app file in a folder.
pub const FILE_NAME: &str = "taipan.toml";

/// A checked app file. Sources, models and plots keep the order of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[app]`
    #[serde(default)]
    pub app: AppConfig,
    /// `[source.NAME]`: data files; the name is the table's.
    #[serde(default, rename = "source")]
    pub sources: IndexMap<String, SourceConfig>,
    /// `[class.NAME]`: classes, of which those with the metaclass `Resource` are tables.
    #[serde(default, rename = "class")]
    pub class_configs: IndexMap<Spanned<String>, ClassConfig>,
    /// The classes that they declare, made and checked.
    #[serde(skip)]
    pub classes: Classes,
    /// `[model.NAME]`
    #[serde(default, rename = "model")]
    pub models: IndexMap<String, ModelConfig>,
    /// `[query.NAME]`
    #[serde(default, rename = "query")]
    pub queries: IndexMap<String, QueryConfig>,
    /// `[plot.NAME]`
    #[serde(default, rename = "plot")]
    pub plots: IndexMap<String, PlotConfig>,
}

/// `[app]`: the application as a whole.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// Shown as the title; the folder's name when absent.
    pub name: Option<String>,
    /// The database: `sqlite:FILE`, relative to the app file, or `postgres://USER@HOST/DATABASE`; `taipan.db` beside the
    /// app file when absent.
    pub database: Option<Spanned<String>>,
}

/// `[source.NAME]`: one data file and how its table is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The file, relative to the app file.
    pub file: Spanned<String>,
    /// The column that identifies a row. When absent, an integer column `id` without repeats is taken.
    pub primary_key: Option<String>,
    /// Columns to index.
    #[serde(default)]
    pub index: Vec<String>,
    /// Where the records are: `channel/item` in XML, `/data/items` in JSON.
    pub record: Option<Spanned<String>>,
    /// The encoding of the text; told by the content when absent.
    pub encoding: Option<String>,
    /// What a bad record does: `fail`, which is meant when absent, or `reject`.
    #[serde(default)]
    pub on_error: OnErrorConfig,
}

/// What a bad record of a source does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnErrorConfig {
    /// The import ends with an error.
    #[default]
    Fail,
    /// It is written to `TABLE.rejects.ndjson` beside the app file.
    Reject,
}

/// `[model.NAME]`: what to learn from what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The estimator's name as in scikit-learn.
    pub estimator: Spanned<String>,
    /// A table or a `SELECT`.
    pub from: Spanned<String>,
    /// The column to predict; none for an estimator that learns without, such as PCA.
    pub target: Option<String>,
    /// Columns to leave out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The estimator's parameters.
    #[serde(default)]
    pub params: IndexMap<String, Spanned<ParamValue>>,
    /// Fraction of rows kept for testing (0 ≤ x < 1); 0 trains on every row.
    pub test_size: Option<Spanned<f64>>,
    /// Seed of the split, and of the estimator where `params` sets no other.
    pub random_state: Option<u32>,
    /// Folds of a cross-validation or a search, at least 2.
    pub cv: Option<Spanned<usize>>,
    /// Values of parameters among which to search.
    #[serde(default)]
    pub search: IndexMap<String, Spanned<Vec<ParamValue>>>,
    /// The combinations of them to try, drawn at random; all when absent.
    pub n_iter: Option<Spanned<usize>>,
    /// The score to judge by, named as in scikit-learn; accuracy or R² when absent.
    pub scoring: Option<Spanned<String>>,
}

/// `[query.NAME]`: what others may ask.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryConfig {
    /// What it tells, for people.
    pub title: Option<String>,
    /// A `SELECT` over the tables of the database, whose parameters are named `$name`.
    pub sql: Spanned<String>,
    /// The seconds that an answer may take; 30 unless given.
    pub timeout: Option<NonZeroU32>,
}

/// `[plot.NAME]`: what to draw.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlotConfig {
    /// Shown above the picture; the plot's name when absent.
    pub title: Option<String>,
    /// A table or a `SELECT`.
    pub from: Spanned<String>,
    /// The model whose new columns (`pc1`, `pc2`, …) stand beside the others.
    pub transform: Option<Spanned<String>>,
    /// The kind, `scatter` for one; see [`taipan_plot::Kind`].
    pub kind: Spanned<String>,
    /// The model of a kind that is drawn of one, such as `confusion`.
    pub model: Option<Spanned<String>>,
    /// Column of the horizontal axis.
    pub x: Option<String>,
    /// Column of the vertical axis.
    pub y: Option<String>,
    /// Column that colours the marks.
    pub color: Option<String>,
    /// Column that gives points their size.
    pub size: Option<String>,
    /// Column that gives points their marker, or lines their dash.
    pub style: Option<String>,
    /// Column whose values get a panel each.
    pub facet: Option<String>,
    /// Columns of a correlation matrix or a pair plot.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Whether a scatter shows the least-squares line.
    #[serde(default)]
    pub fit: bool,
    /// Whether x is shown by its logarithm.
    #[serde(default)]
    pub log_x: bool,
    /// Whether y is shown by its logarithm.
    #[serde(default)]
    pub log_y: bool,
    /// The number of a histogram's bars.
    pub bins: Option<usize>,
    /// Width in CSS pixels.
    pub width: Option<u32>,
    /// Height in CSS pixels.
    pub height: Option<u32>,
    /// The parameter of a validation curve.
    pub parameter: Option<String>,
    /// The values of that parameter.
    #[serde(default)]
    pub values: Vec<f64>,
}

impl PlotConfig {
    /// What to draw, and how.
    pub(crate) fn options(&self) -> taipan_plot::Result<PlotOptions> {
        let size = match (self.width, self.height) {
            (None, None) => None,
            (width, height) => Some((width.unwrap_or(720), height.unwrap_or(480))),
        };
        let mut options = PlotOptions::new(self.kind.get_ref().parse()?)
            .set(Field::X, self.x.clone())
            .set(Field::Y, self.y.clone())
            .set(Field::Color, self.color.clone())
            .set(Field::Size, self.size.clone())
            .set(Field::Style, self.style.clone())
            .set(Field::Facet, self.facet.clone())
            .columns(&self.columns)
            .fit(self.fit)
            .log_x(self.log_x)
            .log_y(self.log_y)
            .bins(self.bins);
        (options.title, options.size) = (self.title.clone(), size);
        (options.parameter, options.values) = (self.parameter.clone(), self.values.clone());
        Ok(options)
    }
}

/// What of a [`ModelConfig`] decides the trained model; part of its fingerprint.
#[derive(Serialize)]
pub(crate) struct ModelKey<'a> {
    estimator: &'a str,
    from: &'a str,
    target: Option<&'a str>,
    exclude: &'a [String],
    params: Vec<(&'a str, &'a ParamValue)>,
    test_size: Option<f64>,
    random_state: Option<u32>,
    cv: Option<usize>,
    search: Vec<(&'a str, &'a [ParamValue])>,
    n_iter: Option<usize>,
    scoring: Option<&'a str>,
}

impl SourceConfig {
    /// How the file is read.
    ///
    /// Errors: [`taipan_io::ErrorKind::InvalidOption`] for a path that leads to no records.
    pub(crate) fn reading(&self) -> taipan_io::Result<ReadOptions> {
        let mut options = ReadOptions::default();
        if let Some(record) = &self.record {
            options = options.record(record.get_ref())?;
        }
        if let Some(encoding) = &self.encoding {
            options = options.encoding(encoding);
        }
        Ok(match self.on_error {
            OnErrorConfig::Fail => options,
            OnErrorConfig::Reject => options.on_error(OnError::Reject),
        })
    }
}

impl ModelConfig {
    /// What to learn and how.
    pub(crate) fn options(&self) -> TrainOptions {
        let estimator = self.estimator.get_ref();
        let mut options = match &self.target {
            Some(target) => TrainOptions::new(estimator, target),
            None => TrainOptions::unsupervised(estimator),
        };
        options = options
            .exclude(self.exclude.clone())
            .test_size(self.test_size.as_ref().map_or(0.0, |size| *size.get_ref()))
            .random_state(self.random_state)
            .cv(self.cv.as_ref().map(|folds| *folds.get_ref()))
            .n_iter(self.n_iter.as_ref().map(|candidates| *candidates.get_ref()))
            .scoring(self.scoring.as_ref().and_then(|scoring| scoring.get_ref().parse().ok()));
        for (param, value) in &self.params {
            options = options.param(param, value.get_ref().clone());
        }
        for (param, values) in &self.search {
            options = options.grid(param, values.get_ref().clone());
        }
        options
    }

    pub(crate) fn key(&self) -> ModelKey<'_> {
        ModelKey {
            estimator: self.estimator.get_ref(),
            from: self.from.get_ref(),
            target: self.target.as_deref(),
            exclude: &self.exclude,
            params: self.params.iter().map(|(name, value)| (name.as_str(), value.get_ref())).collect(),
            test_size: self.test_size.as_ref().map(|size| *size.get_ref()),
            random_state: self.random_state,
            cv: self.cv.as_ref().map(|folds| *folds.get_ref()),
            search: self.search.iter().map(|(name, values)| (name.as_str(), values.get_ref().as_slice())).collect(),
            n_iter: self.n_iter.as_ref().map(|candidates| *candidates.get_ref()),
            scoring: self.scoring.as_ref().map(|scoring| scoring.get_ref().as_str()),
        }
    }
}

impl Config {
    /// Reads and checks an app file.
    ///
    /// Errors: [`ErrorKind::Io`] when it cannot be read, [`ErrorKind::Config`] with line and column for the
    /// first wrong key or value.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let range = error.valid_up_to()..error.valid_up_to();
            Source { path, text: &String::from_utf8_lossy(&bytes) }.error(&range, "the file is not UTF-8 text")
        })?;
        Self::parse(path, text)
    }

    /// Checks the text of an app file; `path` is for messages and for files named relative to it.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let source = Source { path, text };
        let mut config: Self = toml::from_str(text).map_err(|error| source.syntax(&error))?;
        source.check(&config)?;
        config.classes = classes::make(&config.class_configs).map_err(|placed| {
            let (range, fault) = *placed;
            let error = source.error(&range.unwrap_or(0..0), fault.to_string());
            fault.hint.into_iter().fold(error, Error::with_hint)
        })?;
        for table in config.sources.keys() {
            if let Some(declared) = config.classes.of_table(table) {
                let class = declared.class.name();
                let span = config.class_configs.keys().find(|name| name.get_ref() == class).map(Spanned::span);
                let message = format!("class {class}: the table '{table}' is that of [source.{table}]");
                return Err(source.error(&span.unwrap_or(0..0), message));
            }
        }
        Ok(config)
    }
}

/// The text being checked, to turn byte ranges into lines and columns.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, range: &Range<usize>, message: impl Into<String>) -> Error {
        let before = self.text.get(..range.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::new(ErrorKind::Config { path: self.path.to_owned(), line, column, message: message.into() })
    }

    fn syntax(&self, error: &toml::de::Error) -> Error {
        let message = error.message().lines().next().unwrap_or_default().replace('`', "'");
        let range = error.span().unwrap_or(0..0);
        let Some((name, rest)) = message.strip_prefix("unknown field '").and_then(|rest| rest.split_once('\'')) else {
            return self.error(&range, message);
        };
        let known: Vec<&str> = rest.split('\'').skip(1).step_by(2).collect();
        let error = self.error(&range, format!("unknown key '{name}'"));
        match nearest(name, known.iter().copied()) {
            Some(name) => error.with_hint(format!("did you mean '{name}'?")),
            None => error.with_hint(format!("the keys here are {}", crate::error::quoted(&known))),
        }
    }

    fn check(&self, config: &Config) -> Result<()> {
        if let Some(database) = &config.app.database
            && database.get_ref().is_empty()
        {
            return Err(self.error(&database.span(), "the database has no name"));
        }
        if let Some(database) = &config.app.database
            && let Some((scheme, _)) = database.get_ref().split_once("://")
            && !matches!(scheme, "sqlite" | "postgres" | "postgresql")
        {
            let known = "use sqlite:FILE or postgres://USER@HOST/DATABASE";
            let message = format!("databases of the kind '{scheme}' are not supported; {known}");
            return Err(self.error(&database.span(), message));
        }
        for source in config.sources.values() {
            let file = folder(self.path).join(source.file.get_ref());
            if !file.is_file() {
                let why = if file.exists() { "is no file" } else { "no such file" };
                return Err(self.error(&source.file.span(), format!("{}: {why}", file.display())));
            }
            if let (Some(record), Err(error)) = (&source.record, source.reading()) {
                return Err(self.error(&record.span(), error.to_string()));
            }
        }
        for (name, query) in &config.queries {
            if config.models.contains_key(name) {
                let message = format!("there is a model '{name}' too: a call of '{name}' would be either");
                return Err(self.error(&query.sql.span(), message));
            }
        }
        for model in config.models.values() {
            self.check_model(model)?;
        }
        for plot in config.plots.values() {
            Self::check_plot(plot).map_err(|error| self.error(&plot.kind.span(), error.to_string()))?;
            for model in plot.transform.iter().chain(&plot.model) {
                if config.models.contains_key(model.get_ref()) {
                    continue;
                }
                let error = self.error(&model.span(), format!("no model '{}'", model.get_ref()));
                return Err(match nearest(model.get_ref(), config.models.keys().map(String::as_str)) {
                    Some(name) => error.with_hint(format!("did you mean '{name}'?")),
                    None => error,
                });
            }
        }
        Ok(())
    }

    /// Draws the plot without data, which finds a missing or superfluous column.
    fn check_plot(plot: &PlotConfig) -> taipan_plot::Result<()> {
        let options = plot.options()?;
        if plot.model.is_some() { Ok(()) } else { empty(&options).and_then(|chart| chart.picture()).map(drop) }
    }

    fn check_model(&self, model: &ModelConfig) -> Result<()> {
        let mut estimator = registry::estimator(model.estimator.get_ref())
            .map_err(|error| self.error(&model.estimator.span(), error.to_string()))?;
        for (name, value) in &model.params {
            estimator
                .set_param(name, value.get_ref().clone())
                .map_err(|error| self.error(&value.span(), error.to_string()))?;
        }
        for (name, values) in &model.search {
            if values.get_ref().is_empty() {
                return Err(self.error(&values.span(), format!("there is no value to try for '{name}'")));
            }
            for value in values.get_ref() {
                let mut candidate = estimator.clone_box();
                candidate
                    .set_param(name, value.clone())
                    .and_then(|()| candidate.check_params())
                    .map_err(|error| self.error(&values.span(), error.to_string()))?;
            }
        }
        if let Some(scoring) = &model.scoring {
            let known = scoring.get_ref().parse::<Scoring>();
            known.map_err(|error| self.error(&scoring.span(), error.to_string()))?;
        }
        if let Some(candidates) = &model.n_iter
            && *candidates.get_ref() == 0
        {
            return Err(self.error(&candidates.span(), "n_iter is 0, allowed: n_iter ≥ 1"));
        }
        model.options().estimator().map_err(|error| {
            let fault = self.error(&model.estimator.span(), error.to_string());
            error.hint().map_or(fault, |hint| self.error(&model.estimator.span(), error.to_string()).with_hint(hint))
        })?;
        estimator.check_params().map_err(|error| self.error(&model.estimator.span(), error.to_string()))?;
        if let Some(size) = &model.test_size
            && !(0.0..1.0).contains(size.get_ref())
        {
            return Err(
                self.error(&size.span(), format!("test_size is {}, allowed: 0 ≤ test_size < 1", size.get_ref()))
            );
        }
        if let Some(folds) = &model.cv
            && *folds.get_ref() < 2
        {
            return Err(self.error(&folds.span(), format!("cv is {}, allowed: cv ≥ 2", folds.get_ref())));
        }
        Ok(())
    }
}

/// The folder of an app file.
pub(crate) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let error = Config::parse(Path::new("taipan.toml"), text).unwrap_err();
        match error.hint() {
            Some(hint) => format!("{error} ({hint})"),
            None => error.to_string(),
        }
    }

    #[test]
    fn faults_are_named_with_line_and_column() {
        for (text, expected) in [
            ("[app]\nnmae = 'x'", "taipan.toml:2:1: unknown key 'nmae' (did you mean 'name'?)"),
            ("[app]\nname = 1", "taipan.toml:2:8: invalid type: integer '1', expected a string"),
            ("[plott.a]\n", "taipan.toml:1:2: unknown key 'plott' (did you mean 'plot'?)"),
            ("[source.a]\nfile = 'nowhere.csv'", "taipan.toml:2:8: ./nowhere.csv: no such file"),
            (
                "[source.a]\nfile = 'Cargo.toml'\nrecord = 'a//b'",
                "taipan.toml:3:10: `a//b` is no path of elements, such as `item`, `channel/item` or `/rss/channel/item`",
            ),
            (
                "[source.a]\nfile = 'Cargo.toml'\non_error = 'skip'",
                "taipan.toml:3:12: unknown variant 'skip', expected 'fail' or 'reject'",
            ),
            (
                "[model.m]\nestimator = 'LinearRegression'\nfrom = 't'\ntarget = 'y'\ntest_size = 1.5",
                "taipan.toml:5:13: test_size is 1.5, allowed: 0 ≤ test_size < 1",
            ),
            (
                "[model.m]\nestimator = 'LinearRegression'\nfrom = 't'\ntarget = 'y'\ncv = 1",
                "taipan.toml:5:6: cv is 1, allowed: cv ≥ 2",
            ),
            (
                "[model.m]\nestimator = 'PCA'\nfrom = 't'\ntarget = 'y'",
                "taipan.toml:2:13: PCA is a transformer and predicts no column (leave out 'y' as a column instead)",
            ),
            (
                "[model.m]\nestimator = 'Ridge'\nfrom = 't'\ntarget = 'y'\nsearch.alpha = []",
                "taipan.toml:5:16: there is no value to try for 'alpha'",
            ),
            (
                "[model.pca]\nestimator = 'PCA'\nfrom = 't'\n[plot.p]\nfrom = 't'\ntransform = 'pcs'\nkind = 'scatter'\nx = 'pc1'\ny = 'pc2'",
                "taipan.toml:6:13: no model 'pcs' (did you mean 'pca'?)",
            ),
        ] {
            assert_eq!(fault(text), expected);
        }
        assert!(
            fault("[model.m]\nestimator = 'LinearRegresion'\nfrom = 't'\ntarget = 'y'")
                .starts_with("taipan.toml:2:13: ")
        );
        assert!(fault("[plot.p]\nkind = 'scater'\nfrom = 't'\nx = 'a'").starts_with("taipan.toml:2:8: "));
        assert!(fault("[plot.p]\nkind = 'scatter'\nfrom = 't'\nx = 'a'").contains(":2:8: "), "y is needed");
        let ridge = "[model.m]\nestimator = 'Ridge'\nfrom = 't'\ntarget = 'y'\nparams.alpha = -1";
        assert!(fault(ridge).starts_with("taipan.toml:2:13: Ridge: alpha = -1"), "{}", fault(ridge));
        let search = "[model.m]\nestimator = 'Ridge'\nfrom = 't'\ntarget = 'y'\nsearch.alpha = [1, -1]";
        assert!(fault(search).starts_with("taipan.toml:5:16: Ridge: alpha = -1"), "{}", fault(search));
        assert!(fault("[app]\ndatabase = 'mysql://u@h/d'").starts_with("taipan.toml:2:12: databases of the kind"));
        assert!(fault("[app\n").starts_with("taipan.toml:1:5: "));
        assert!(fault("[class.A]\nfields.a = { type = 'txt' }").starts_with("taipan.toml:2:21: unknown variant 'txt'"));
    }

    #[test]
    fn faults_of_classes_are_named_with_line_and_column() {
        let resource = "[class.C]\nmetaclass = 'Resource'\n";
        for (text, expected) in [
            ("[class.A]\n[class.B]\nbases = ['A']\n[class.C]\nbases = ['A', 'B']", {
                "taipan.toml:5:9: class C: Cannot create a consistent method resolution order (MRO) for bases A, B"
            }),
            ("[class.A]\nbases = ['B']\n[class.B]\nbases = ['A']", {
                "taipan.toml:2:9: class A: the bases of A lead back to it: A → B → A"
            }),
            ("[class.C]\nbases = ['Timestampd']", {
                "taipan.toml:2:9: class C: no class 'Timestampd' (did you mean 'Timestamped'?)"
            }),
            ("[class.C]\nmetaclass = 'Resorce'", {
                "taipan.toml:2:13: class C: no metaclass 'Resorce' (the metaclass of tables is 'Resource')"
            }),
            (&*format!("{resource}bases = ['Versioned']\nfields.version = {{ type = 'text' }}"), {
                "taipan.toml:4:27: class C, field 'version': 'version' is text in C, and integer in Versioned"
            }),
            (&*format!("{resource}fields.n = {{ type = 'integer', default = 'x' }}"), {
                "taipan.toml:3:42: class C, field 'n': table \"c\", column \"n\": \"x\" is not an INTEGER"
            }),
            (&*format!("{resource}fields.n = {{ type = 'json', default = [1] }}"), {
                "taipan.toml:3:39: class C, field 'n': a default cannot be [1]"
            }),
            (&*format!("{resource}fields.d = {{ type = 'integer', references = 'D' }}"), {
                "taipan.toml:3:45: class C, field 'd': 'D' is no class"
            }),
            (&*format!("{resource}read = 'pubic'"), {
                "taipan.toml:3:8: class C: 'pubic' is nobody: public, user, staff, owner, or an SQL condition (did you mean 'public'?)"
            }),
            (&*format!("{resource}fields.id = {{ type = 'text' }}"), {
                "taipan.toml:3:13: class C, field 'id': no field is the primary key, and 'id' is taken by one that is not"
            }),
            (&*format!("{resource}fields.n = {{ requierd = true, type = 'text' }}"), {
                "taipan.toml:3:14: unknown key 'requierd' (did you mean 'required'?)"
            }),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
    }

    #[test]
    fn classes_of_the_file_are_made() {
        let text = "[class.Versioned]\nabstract = true\nfields.version = { type = 'integer', default = 1 }\n\
            [class.Employee]\nbases = ['Versioned', 'Timestamped']\nmetaclass = 'Resource'\ntable = 'employees'\n\
            fields.id = { type = 'integer', primary_key = true }\n\
            fields.name = { type = 'text', required = true, index = true }\n\
            fields.salary = { type = 'integer', check = 'salary >= 0' }\nread = 'public'\nwrite = 'staff'\n\
            [[class.Employee.indexes]]\nfields = ['name', 'salary']\nwhere = 'salary > 0'\n";
        let config = Config::parse(Path::new("taipan.toml"), text).unwrap();
        let table = &config.classes.tables()[0];
        let fields: Vec<_> = table.fields.iter().map(|field| &*field.name).collect();
        assert_eq!(fields, ["id", "name", "salary", "version", "created_at", "updated_at"]);
        assert_eq!((&*table.name, table.indexes.len()), ("employees", 2));
    }

    #[test]
    fn an_empty_file_is_an_application() {
        let config = Config::parse(Path::new("taipan.toml"), "").unwrap();
        assert!(config.models.is_empty() && config.plots.is_empty() && config.app.name.is_none());
    }
}
