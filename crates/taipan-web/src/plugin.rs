//! Plugins: parts of a site that are made elsewhere and added in one line.

use crate::App;
use axum::Router;

/// What a plugin brings. All of it is optional but the name.
pub trait Plugin {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// Routes, with their state given.
    fn routes(&self) -> Router {
        Router::new()
    }

    /// Templates by name, for [`Templates::new`](crate::Templates::new).
    fn templates(&self) -> &[(&'static str, &'static str)] {
        &[]
    }

    /// Commands for the site's program, to be run before or instead of serving.
    fn commands(&self) -> Vec<Command> {
        Vec::new()
    }

    /// Hooks and whatever else concerns all of the app, such as [`App::before`] and [`App::after`].
    fn extend(&self, app: App) -> App {
        app
    }
}

/// What a command does with its arguments.
type Run = Box<dyn Fn(&[String]) -> Result<(), Box<dyn std::error::Error>> + Send + Sync>;

/// Something that a site's program does when it is told to on its command line.
pub struct Command {
    name: String,
    about: String,
    run: Run,
}

impl Command {
    /// A command of this name, what it is good for in one line, and what it does with its arguments.
    pub fn new(
        name: &str,
        about: &str,
        run: impl Fn(&[String]) -> Result<(), Box<dyn std::error::Error>> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.to_owned(), about: about.to_owned(), run: Box::new(run) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is good for.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Does it.
    ///
    /// # Errors
    /// Its own.
    pub fn run(&self, arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
        (self.run)(arguments)
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command").field("name", &self.name).finish_non_exhaustive()
    }
}
