//! `taipan classes`

use anyhow::Result;
use serde_json::{Value, json};
use taipan::config::{Config, FILE_NAME};
use taipan::store::resource::{Declared, Inherited, Resource};

use crate::args::{Classes, Report};

pub(crate) fn run(args: &Classes) -> Result<()> {
    let path = if args.app.is_dir() { args.app.join(FILE_NAME) } else { args.app.clone() };
    let config = Config::load(&path)?;
    match args.format {
        Report::Json => {
            let classes: Vec<Value> = config.classes.iter().map(entry).collect();
            println!("{}", serde_json::to_string_pretty(&classes)?);
        }
        Report::Text => {
            let shown: Vec<String> = config.classes.iter().map(shown).collect();
            print!("{}", shown.join("\n"));
        }
    }
    Ok(())
}

fn order(declared: &Declared) -> Vec<String> {
    declared.class.mro().iter().map(ToString::to_string).collect()
}

fn entry(declared: &Declared) -> Value {
    let field = |Inherited { spec, from }: &Inherited| {
        json!({
            "name": spec.name,
            "type": spec.kind,
            "from": from,
            "primary_key": spec.primary_key,
            "required": spec.required || spec.primary_key,
            "unique": spec.unique,
            "index": spec.index,
            "default": spec.preset,
            "check": spec.check,
            "references": spec.references,
            "hidden": spec.hidden,
        })
    };
    json!({
        "name": declared.class.name(),
        "order": order(declared),
        "metaclass": declared.class.metaclass().name(),
        "table": declared.resource.as_ref().map(|resource| resource.table.name.clone()),
        "read": declared.resource.as_ref().and_then(|resource| Some(resource.read.as_ref()?.to_string())),
        "write": declared.resource.as_ref().map(|resource| resource.write.to_string()),
        "fields": declared.fields.iter().map(field).collect::<Vec<_>>(),
    })
}

/// A class for people: its order, and a line for each field.
fn shown(declared: &Declared) -> String {
    let what = match &declared.resource {
        Some(Resource { table, read, write, .. }) => {
            let read = read.as_ref().map_or_else(|| "as other tables".to_owned(), ToString::to_string);
            format!("table {}, read {read}, write {write}", table.name)
        }
        None => "no table".to_owned(),
    };
    let mut text = format!("{} ({what})\n  order: {}\n", declared.class, order(declared).join(", "));
    let rows: Vec<[String; 4]> = declared.fields.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [name, kind, from] = [0, 1, 2].map(width);
    for row in &rows {
        let line = format!("  {:<name$}  {:<kind$}  {:<from$}  {}", row[0], row[1], row[2], row[3]);
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn row(Inherited { spec, from }: &Inherited) -> [String; 4] {
    let mut rules = Vec::new();
    let mut add = |is_so: bool, rule: &str| rules.extend(is_so.then(|| rule.to_owned()));
    add(spec.primary_key, "primary key");
    add(spec.required && !spec.primary_key, "required");
    add(spec.unique, "unique");
    add(spec.index && !spec.unique, "indexed");
    rules.extend(spec.preset.as_ref().map(|preset| format!("default {preset}")));
    rules.extend(spec.check.as_ref().map(|check| format!("check {check}")));
    rules.extend(spec.hidden.then(|| "hidden".to_owned()));
    rules.extend(spec.references.as_ref().map(|class| format!("refers to {class}")));
    [spec.name.clone(), spec.kind.name().to_ascii_lowercase(), from.clone(), rules.join(", ")]
}
