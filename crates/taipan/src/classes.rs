//! `[class.NAME]` of the app file: classes that become tables, and the mixins that they share.
//!
//! The file's words become [`ClassSpec`]s; `taipan_store::resource` makes the classes; a fault found there is given its
//! line and column here.

use std::ops::Range;

use indexmap::IndexMap;
use serde::Deserialize;
use taipan_store::Kind;
use taipan_store::resource::{ClassSpec, Classes, Fault, FieldSpec};
use taipan_store::schema::{Index, OnDelete, Part, Preset};
use toml::Spanned;

/// `[class.NAME]`: a class, which is a table if its metaclass is `Resource`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassConfig {
    /// Whether it is only there to be derived from.
    #[serde(default, rename = "abstract")]
    pub is_abstract: bool,
    /// The classes that it derives from, in order: others of the file, or shipped mixins.
    pub bases: Option<Spanned<Vec<String>>>,
    /// `Resource`.
    pub metaclass: Option<Spanned<String>>,
    /// The table's name; the class's in small letters when absent.
    pub table: Option<Spanned<String>>,
    /// `fields.NAME`
    #[serde(default)]
    pub fields: IndexMap<String, Spanned<FieldConfig>>,
    /// Indexes over several fields or expressions.
    #[serde(default)]
    pub indexes: Vec<IndexConfig>,
    /// Conditions that every row meets, as SQL.
    pub checks: Option<Spanned<Vec<String>>>,
    /// Who may read: `public`, `user`, `staff`, `owner`, or an SQL condition on the row, in which `:user` is who asks. As
    /// for tables without a class when absent.
    pub read: Option<Spanned<String>>,
    /// Who may write, likewise; `staff` when absent.
    pub write: Option<Spanned<String>>,
    /// The table's name before it was renamed.
    pub renamed_from: Option<String>,
}

/// `fields.NAME`: a field of a class.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct FieldConfig {
    /// `boolean`, `integer`, `real`, `text`, `date`, `timestamp`, `json` or `blob`.
    #[serde(rename = "type")]
    pub kind: Spanned<Kind>,
    /// Whether it identifies a row.
    #[serde(default)]
    pub primary_key: bool,
    /// Whether it may not be null.
    #[serde(default)]
    pub required: bool,
    /// Whether no two rows may have the same.
    #[serde(default)]
    pub unique: bool,
    /// Whether it is indexed.
    #[serde(default)]
    pub index: bool,
    /// What a row has that is inserted without it; `now` for a moment or a day.
    pub default: Option<Spanned<toml::Value>>,
    /// A condition on it, as SQL.
    pub check: Option<Spanned<String>>,
    /// The class whose row it refers to.
    pub references: Option<Spanned<String>>,
    /// Whether it is never shown: it can be written, and is neither read nor asked about over the network.
    #[serde(default)]
    pub hidden: bool,
    /// `refuse`, `cascade` or `set_null`: what becomes of the row when the one it refers to is deleted.
    pub on_delete: Option<Spanned<OnDelete>>,
    /// The name it had before.
    pub renamed_from: Option<String>,
}

/// An index over several fields or an expression.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexConfig {
    /// The fields, most significant first.
    #[serde(default)]
    pub fields: Vec<String>,
    /// An SQL expression, after the fields.
    pub expression: Option<String>,
    /// Whether no two rows may have the same.
    #[serde(default)]
    pub unique: bool,
    /// The rows that are in it, as an SQL condition.
    #[serde(rename = "where")]
    pub only_where: Option<String>,
}

/// A fault and the place of the file that it is about; none if it is the whole class.
pub(crate) type Placed = Box<(Option<Range<usize>>, Fault)>;

/// Makes the classes of the file.
pub(crate) fn make(configs: &IndexMap<Spanned<String>, ClassConfig>) -> Result<Classes, Placed> {
    let mut specs = Vec::new();
    for (name, config) in configs {
        specs.push(config.spec(name.get_ref())?);
    }
    Classes::build(&specs).map_err(|fault| Box::new((place(configs, &fault), fault)))
}

fn place(configs: &IndexMap<Spanned<String>, ClassConfig>, fault: &Fault) -> Option<Range<usize>> {
    let (name, config) = configs.iter().find(|(name, _)| *name.get_ref() == fault.class)?;
    let field = fault.field.as_ref().and_then(|field| config.fields.get(field));
    let of_field = |field: &Spanned<FieldConfig>| {
        let settings = field.get_ref();
        let setting = match fault.key {
            Some("type") => Some(settings.kind.span()),
            Some("default") => settings.default.as_ref().map(Spanned::span),
            Some("check") => settings.check.as_ref().map(Spanned::span),
            Some("references") => settings.references.as_ref().map(Spanned::span),
            Some("on_delete") => settings.on_delete.as_ref().map(Spanned::span),
            _ => None,
        };
        setting.unwrap_or_else(|| field.span())
    };
    let of_class = match fault.key {
        Some("metaclass") => config.metaclass.as_ref().map(Spanned::span),
        Some("table") => config.table.as_ref().map(Spanned::span),
        Some("checks") => config.checks.as_ref().map(Spanned::span),
        Some("read") => config.read.as_ref().map(Spanned::span),
        Some("write") => config.write.as_ref().map(Spanned::span),
        // What is wrong with an inherited field comes in by the bases.
        _ => config.bases.as_ref().map(Spanned::span),
    };
    field.map(of_field).or(of_class).or_else(|| Some(name.span()))
}

impl ClassConfig {
    fn spec(&self, name: &str) -> Result<ClassSpec, Placed> {
        let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.get_ref().clone());
        let list = |value: &Option<Spanned<Vec<String>>>| value.as_ref().map_or(Vec::new(), |v| v.get_ref().clone());
        let mut fields = Vec::new();
        for (field, config) in &self.fields {
            let spec = config.get_ref().spec(field).map_err(|(span, message)| {
                let fault =
                    Fault { key: Some("default"), field: Some(field.clone()), ..Fault::of_class(name, message) };
                Box::new((Some(span), fault))
            })?;
            fields.push(spec);
        }
        Ok(ClassSpec {
            name: name.to_owned(),
            bases: list(&self.bases),
            metaclass: text(&self.metaclass),
            is_abstract: self.is_abstract,
            table: text(&self.table),
            fields,
            indexes: self.indexes.iter().map(IndexConfig::index).collect(),
            checks: list(&self.checks),
            read: text(&self.read),
            write: text(&self.write),
            renamed_from: self.renamed_from.clone(),
        })
    }
}

impl FieldConfig {
    fn spec(&self, name: &str) -> Result<FieldSpec, (Range<usize>, String)> {
        let kind = *self.kind.get_ref();
        let preset = match &self.default {
            None => None,
            Some(default) => {
                let wrong = || (default.span(), format!("a default cannot be {}", default.get_ref()));
                Some(preset(kind, default.get_ref()).ok_or_else(wrong)?)
            }
        };
        Ok(FieldSpec {
            primary_key: self.primary_key,
            required: self.required,
            unique: self.unique,
            index: self.index,
            preset,
            check: self.check.as_ref().map(|check| check.get_ref().clone()),
            references: self.references.as_ref().map(|class| class.get_ref().clone()),
            on_delete: self.on_delete.as_ref().map(|action| *action.get_ref()),
            hidden: self.hidden,
            renamed_from: self.renamed_from.clone(),
            ..FieldSpec::new(name, kind)
        })
    }
}

fn preset(kind: Kind, value: &toml::Value) -> Option<Preset> {
    Some(match value {
        toml::Value::Boolean(value) => Preset::Boolean(*value),
        toml::Value::Integer(value) => Preset::Integer(*value),
        toml::Value::Float(value) => Preset::Real(*value),
        toml::Value::String(text) if text == "now" && matches!(kind, Kind::Date | Kind::Timestamp) => Preset::Now,
        toml::Value::String(text) => Preset::Text(text.clone()),
        toml::Value::Datetime(moment) => Preset::Text(moment.to_string().replace('T', " ")),
        toml::Value::Array(_) | toml::Value::Table(_) => return None,
    })
}

impl IndexConfig {
    fn index(&self) -> Index {
        let mut index = Index::on(self.fields.iter().map(String::as_str));
        if let Some(expression) = &self.expression {
            index = index.part(Part::Expression(expression.clone()));
        }
        Index { unique: self.unique, only_where: self.only_where.clone(), ..index }
    }
}
