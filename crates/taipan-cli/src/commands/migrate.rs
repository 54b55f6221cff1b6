//! `taipan migrate`

use anyhow::Result;
use serde_json::{Value, json};
use taipan::store::{Migration, Step};
use taipan::{Project, ProjectOptions};

use crate::args::{Global, Migrate, Report};
use crate::message::counted;

pub(crate) fn run(args: &Migrate, global: &Global) -> Result<()> {
    let project = Project::open(&ProjectOptions::new([&args.app]).database(args.db.clone()))?;
    if project.classes().is_empty() && project.plan()?.is_empty() {
        let error = anyhow::anyhow!("{}: no classes, and so no tables to make", args.app.display());
        return Err(error);
    }
    let allowed: Vec<&str> = args.allow.iter().map(String::as_str).collect();
    let migration = if args.plan { project.plan()? } else { project.migrate(&allowed)? };
    match args.format {
        Report::Json => {
            let steps: Vec<Value> = migration.steps.iter().map(entry).collect();
            println!("{}", serde_json::to_string_pretty(&steps)?);
        }
        Report::Text if args.plan => print!("{migration}"),
        Report::Text => migration.steps.iter().for_each(|step| println!("{}", step.what)),
    }
    if !global.quiet {
        let said = said(&migration, args.plan);
        eprintln!("{}: {said}", project.store().name());
    }
    Ok(())
}

fn entry(step: &Step) -> Value {
    json!({ "step": step.what, "sql": step.sql, "loses": step.loses })
}

fn said(migration: &Migration, plan: bool) -> String {
    let steps = counted(migration.steps.len() as u64, "step");
    match (migration.is_empty(), plan) {
        (true, _) => "the tables are as declared".to_owned(),
        (false, true) => format!("{steps} to do, nothing was changed"),
        (false, false) => format!("{steps} done"),
    }
}
