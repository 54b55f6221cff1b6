//! `/`, all that the project has, and `/admin`, its tables.

use serde::{Deserialize, Serialize};
use taipan::NamedModel;
use taipan_web::{IntoResponse, Query, Session, State as Shared};

use super::shell::{Search, Shell};
use super::total::Total;
use super::{Answer, model_path, page, pictures, plot_path, source_name, table_path};
use crate::State;
use crate::rights::Asker;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    search: String,
}

#[derive(Serialize)]
struct Overview<'a> {
    shell: Shell,
    search: &'a str,
    tables: Vec<TableEntry>,
    /// Whether models and plots are shown too.
    everything: bool,
    models: Vec<ModelEntry>,
    plots: Vec<PlotEntry>,
    messages: Vec<(String, String)>,
}

#[derive(Serialize)]
struct TableEntry {
    name: String,
    path: String,
    is_view: bool,
    /// None where they cannot be counted: a view that refers to what is gone.
    rows: Option<String>,
    columns: usize,
    source: Option<String>,
    imported: Option<String>,
}

#[derive(Serialize)]
struct ModelEntry {
    name: String,
    path: String,
    estimator: String,
    target: String,
    columns: usize,
    score: String,
    trained: String,
}

#[derive(Serialize)]
struct PlotEntry {
    title: String,
    kind: String,
    path: String,
    light: String,
    dark: String,
}

pub(super) async fn everything(Shared(state): Shared<State>, Query(asked): Query<Asked>, session: Session) -> Answer {
    page(state, move |state| {
        let asker = state.access.visitor(&session);
        let search = Search::by_name("/", &asked.search, "Search tables, models, plots");
        let named = |name: &str| contains(name, &asked.search);
        let (models, plots) = (state.models_for(&asker), state.plots_for(&asker));
        let plots = plots.iter().filter(|plot| named(&plot.name) || named(&plot.title));
        let values = Overview {
            shell: Shell::new(state, "Overview", "/")?.of(&session, asker.user()).search(search),
            search: &asked.search,
            tables: table_entries(state, &asker, &asked.search),
            everything: true,
            messages: session.flashes(),
            models: models.iter().filter(|model| named(&model.name)).map(|model| model_entry(model)).collect(),
            plots: plots
                .map(|plot| {
                    let (light, dark) = pictures(&plot.name);
                    PlotEntry {
                        title: plot.title.clone(),
                        kind: plot.kind.clone(),
                        path: plot_path(&plot.name),
                        light,
                        dark,
                    }
                })
                .collect(),
        };
        Ok(state.templates.render("overview.html", &values)?.into_response())
    })
    .await
}

pub(super) async fn tables(Shared(state): Shared<State>, Query(asked): Query<Asked>, session: Session) -> Answer {
    page(state, move |state| {
        let asker = state.access.visitor(&session);
        let search = Search::by_name("/admin", &asked.search, "Search tables");
        let values = Overview {
            shell: Shell::new(state, "Tables", "/admin")?.of(&session, asker.user()).search(search),
            search: &asked.search,
            tables: table_entries(state, &asker, &asked.search),
            everything: false,
            messages: session.flashes(),
            models: Vec::new(),
            plots: Vec::new(),
        };
        Ok(state.templates.render("overview.html", &values)?.into_response())
    })
    .await
}

fn table_entries(state: &State, asker: &Asker, search: &str) -> Vec<TableEntry> {
    let store = state.project.store();
    let tables = store.tables().unwrap_or_default();
    tables
        .iter()
        .filter(|table| contains(&table.name, search))
        .filter_map(|table| {
            let rule = asker.filter(table).ok()?;
            let origin = state.project.source_of(&table.name);
            Some(TableEntry {
                name: table.name.clone(),
                path: table_path(&table.name),
                is_view: table.is_view,
                rows: Total::of(store, table, rule.as_ref()).ok().map(|total| total.told().number),
                columns: asker.columns(table).columns.len(),
                source: origin.as_ref().map(|origin| source_name(&origin.source)),
                imported: origin.map(|origin| origin.imported_at),
            })
        })
        .collect()
}

fn model_entry(named: &NamedModel) -> ModelEntry {
    ModelEntry {
        name: named.name.clone(),
        path: model_path(&named.name),
        estimator: named.model.estimator.clone(),
        target: named.model.target.clone(),
        columns: taipan::inputs(&named.model).len(),
        score: named.score(),
        trained: named.trained.clone(),
    }
}

fn contains(name: &str, search: &str) -> bool {
    search.is_empty() || name.to_lowercase().contains(&search.to_lowercase())
}
