//! What is around every page: the rail with all there is, where the page stands, and its search box.

use std::sync::Arc;

use serde::Serialize;
use taipan::store::Table;
use taipan_web::{Problem, Session, User};

use super::{model_path, plot_path, problem, table_path};
use crate::State;
use crate::access::Verb;
use crate::rights::Asker;

/// The links of one group in the rail, at most; its title leads to all.
const LINKS: usize = 40;

/// The frame of a page, as `base.html` shows it.
#[derive(Serialize)]
pub(crate) struct Shell {
    pub(super) site: String,
    pub(super) title: String,
    /// The path of this page, to mark it in the rail.
    pub(super) here: String,
    pub(super) crumbs: Vec<Link>,
    pub(super) search: Option<Search>,
    rail: Vec<Group>,
    /// Who is logged in, where the page asked.
    user: Option<String>,
    is_administrator: bool,
    /// Whether they may write.
    may_write: bool,
    csrf: String,
    /// Whether nothing of the application is shown around the page.
    bare: bool,
    /// The tables and who may see them.
    #[serde(skip)]
    tables: Tables,
}

/// All tables, to be listed for whoever turns out to look.
#[derive(Default)]
struct Tables {
    state: Option<State>,
    all: Vec<Arc<Table>>,
}

/// A name that leads somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) path: String,
}

/// The search box: where it leads, what it holds, and the other parameters that it keeps.
#[derive(Debug, Serialize)]
pub(super) struct Search {
    pub(super) path: String,
    pub(super) value: String,
    pub(super) label: String,
    pub(super) keep: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct Group {
    title: &'static str,
    path: &'static str,
    total: usize,
    links: Vec<Link>,
}

impl Shell {
    /// The frame of the page `title` at the path `here`.
    pub(crate) fn new(state: &State, title: &str, here: &str) -> Result<Self, Problem> {
        let project = &state.project;
        let tables = project.store().tables().map_err(|error| problem(&error))?;
        let tables = Tables { state: Some(state.clone()), all: tables };
        let rail = tables.rail(None);
        Ok(Self {
            site: project.name().to_owned(),
            title: title.to_owned(),
            here: here.to_owned(),
            crumbs: Vec::new(),
            search: None,
            rail,
            user: None,
            is_administrator: false,
            may_write: false,
            csrf: String::new(),
            bare: false,
            tables,
        })
    }

    /// The frame of a page for those who may not see what there is.
    pub(super) fn bare(state: &State, title: &str, here: &str) -> Self {
        Self {
            site: state.project.name().to_owned(),
            title: title.to_owned(),
            here: here.to_owned(),
            crumbs: Vec::new(),
            search: None,
            rail: Vec::new(),
            user: None,
            is_administrator: false,
            may_write: false,
            csrf: String::new(),
            bare: true,
            tables: Tables::default(),
        }
    }

    /// Says who is logged in.
    pub(crate) fn of(mut self, session: &Session, user: Option<&User>) -> Self {
        if let Some(user) = user {
            self.user = Some(user.name().to_owned());
            self.is_administrator = user.is_administrator();
            let state = self.tables.state.as_ref();
            self.may_write = state.is_some_and(|state| state.access.allows(Some(user), Verb::Write));
            self.csrf = session.csrf_token();
            self.rail = self.tables.rail(Some(user));
        }
        self
    }

    /// Says what the page stands under.
    pub(super) fn under(mut self, crumbs: impl IntoIterator<Item = Link>) -> Self {
        self.crumbs = crumbs.into_iter().collect();
        self
    }

    pub(super) fn search(mut self, search: impl Into<Option<Search>>) -> Self {
        self.search = search.into();
        self
    }
}

impl Tables {
    /// Those that somebody may read, and what was made of them.
    fn rail(&self, user: Option<&User>) -> Vec<Group> {
        let Some(state) = &self.state else { return Vec::new() };
        let asker = Asker::new(&state.access, user.cloned());
        let tables = self.all.iter().filter(|table| asker.rows(table, Verb::Read).is_some());
        let tables: Vec<Link> = tables.map(|table| Link::to_table(&table.name)).collect();
        let (models, plots) = (state.models_for(&asker), state.plots_for(&asker));
        let models = models.iter().map(|model| Link::new(&model.name, model_path(&model.name)));
        let plots = plots.iter().map(|plot| Link::new(&plot.title, plot_path(&plot.name)));
        vec![
            Group::new("Tables", "/admin", tables.into_iter()),
            Group::new("Models", "/#models", models),
            Group::new("Plots", "/#plots", plots),
        ]
    }
}

impl Link {
    pub(super) fn new(name: &str, path: impl Into<String>) -> Self {
        Self { name: name.to_owned(), path: path.into() }
    }

    pub(super) fn to_table(name: &str) -> Self {
        Self::new(name, table_path(name))
    }
}

impl Search {
    /// Finds things of the project by name.
    pub(super) fn by_name(path: &str, value: &str, label: &str) -> Self {
        Self { path: path.to_owned(), value: value.to_owned(), label: label.to_owned(), keep: Vec::new() }
    }
}

impl Group {
    fn new(title: &'static str, path: &'static str, links: impl ExactSizeIterator<Item = Link>) -> Self {
        Self { title, path, total: links.len(), links: links.take(LINKS).collect() }
    }
}
