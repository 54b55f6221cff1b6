//! What is around every page: the rail with all there is, where the page stands, and its search box.

use std::sync::Arc;

use serde::Serialize;
use taipan::store::Table;
use taipan_web::{Problem, Session, User};

use super::{model_path, plot_path, problem, table_path};
use crate::State;
use crate::access::{Access, Verb};
use crate::rights::Asker;

/// The links of one group in the rail, at most; its title leads to all.
const LINKS: usize = 40;

/// The frame of a page, as `base.html` shows it.
#[derive(Debug, Serialize)]
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
#[derive(Debug, Default)]
struct Tables {
    access: Option<Access>,
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
        let (models, plots) = (project.models(), project.plots());
        let tables = Tables { access: Some(state.access.clone()), all: tables };
        let rail = vec![
            tables.group(None),
            Group::new(
                "Models",
                "/#models",
                models.iter().map(|model| Link::new(&model.name, model_path(&model.name))),
            ),
            Group::new("Plots", "/#plots", plots.iter().map(|plot| Link::new(&plot.title, plot_path(&plot.name)))),
        ];
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
            self.may_write = self.tables.access.as_ref().is_some_and(|access| access.allows(Some(user), Verb::Write));
            self.csrf = session.csrf_token();
            if let Some(first) = self.rail.first_mut() {
                *first = self.tables.group(Some(user));
            }
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
    /// Those that somebody may read.
    fn group(&self, user: Option<&User>) -> Group {
        let asker = self.access.as_ref().map(|access| Asker::new(access, user.cloned()));
        let is_readable = |table: &Table| asker.as_ref().is_some_and(|asker| asker.rows(table, Verb::Read).is_some());
        let links = self.all.iter().filter(|table| is_readable(table)).map(|table| Link::to_table(&table.name));
        Group::new("Tables", "/admin", links.collect::<Vec<_>>().into_iter())
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
