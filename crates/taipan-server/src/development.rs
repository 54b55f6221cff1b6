//! Serving while one works on the application: its files are followed, it is opened again when they change, and pages
//! that are open in a browser load themselves again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use taipan::Project;
use taipan_web::{App, Reload, Replaceable, Watch};

use crate::{Options, prepare};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(300);

/// What is followed, and how the application is opened again.
#[derive(Clone)]
pub(crate) struct Development {
    files: Vec<PathBuf>,
    reopen: Reopen,
}

pub(crate) type Reopen = Arc<dyn Fn() -> Option<Project> + Send + Sync>;

/// Ends the thread that follows the files, when it is dropped.
pub(crate) struct Stop {
    _sender: Sender<()>,
}

impl Development {
    pub(crate) fn new(files: impl IntoIterator<Item = PathBuf>, reopen: Reopen) -> Self {
        Self { files: files.into_iter().collect(), reopen }
    }
}

/// An app that is replaced as its files change, and the token of its first administrator.
pub(crate) fn start(
    development: &Development,
    project: Project,
    options: Options,
    finish: impl Fn(App) -> App + Send + 'static,
) -> (App, Option<String>, Option<Stop>) {
    // Templates and static files are read anew at each request: pages only have to ask again.
    let folders = [options.templates.clone(), options.files.as_ref().map(|files| files.root().to_owned())];
    let reload = Reload::new(folders.into_iter().flatten());
    let options = options.reload(reload.clone());
    let (app, mut access) = prepare(project, options.clone());
    let token = access.new_setup_token();
    let replaceable = Replaceable::new(finish(app));
    let served = replaceable.app();

    let (sender, stopped) = channel();
    let (mut watch, reopen, known) =
        (Watch::new(development.files.iter().cloned()), Arc::clone(&development.reopen), token.clone());
    let follow = move || {
        while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            if !watch.has_changed() {
                continue;
            }
            let Some(project) = reopen() else {
                eprintln!("note: what was there before is still served");
                continue;
            };
            let (app, next) = prepare(project, options.clone());
            if let Some(token) = known.clone().filter(|token| access.is_setup_token(token)) {
                next.return_setup_token(token);
            }
            access = next;
            replaceable.replace(finish(app));
            reload.tell();
        }
    };
    let started = thread::Builder::new().name("taipan-development".to_owned()).spawn(follow);
    if let Err(error) = started {
        eprintln!("note: changes are not followed: {error}");
    }
    (served, token, Some(Stop { _sender: sender }))
}
