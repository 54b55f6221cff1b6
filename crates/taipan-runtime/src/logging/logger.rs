//! Loggers: a tree by dotted names, whose branches inherit levels and handlers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::handler::Handler;
use super::layer;
use super::level::{CRITICAL, DEBUG, ERROR, INFO, Level, WARNING};

/// No record below this level is wanted by anyone; the first thing to look at.
static LOWEST: AtomicU32 = AtomicU32::new(u32::MAX);

pub(super) static TREE: LazyLock<Tree> = LazyLock::new(Tree::new);

/// The name of the logger at the root.
pub(super) const ROOT: &str = "root";

pub(super) struct Tree {
    /// By name; the root's is empty. A branch comes after the one it grows from.
    nodes: RwLock<BTreeMap<String, Arc<Node>>>,
    root: Arc<Node>,
    /// Counts changes, so that others know when what they remember is old.
    generation: AtomicU64,
}

pub(super) struct Node {
    name: Arc<str>,
    /// As set; 0 is the parent's.
    level: AtomicU32,
    pub(super) effective: AtomicU32,
    propagate: AtomicBool,
    own: Mutex<Vec<Handler>>,
    /// Its own handlers and those it inherits.
    all: RwLock<Arc<[Handler]>>,
}

impl Tree {
    fn new() -> Self {
        let root = Arc::new(Node::new(ROOT));
        root.level.store(WARNING.0, Ordering::Relaxed);
        root.effective.store(WARNING.0, Ordering::Relaxed);
        let nodes = RwLock::new(BTreeMap::from([(String::new(), Arc::clone(&root))]));
        Self { nodes, root, generation: AtomicU64::new(0) }
    }

    fn node(&self, name: &str) -> Arc<Node> {
        if name.is_empty() || name == ROOT {
            return Arc::clone(&self.root);
        }
        let known = self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(name).map(Arc::clone);
        known.unwrap_or_else(|| {
            let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
            let node = Arc::clone(nodes.entry(name.to_owned()).or_insert_with(|| Arc::new(Node::new(name))));
            drop(nodes);
            self.changed();
            node
        })
    }

    /// The logger of this name, or the nearest one above that somebody has asked for.
    pub(super) fn nearest(&self, name: &str) -> Arc<Node> {
        if name != ROOT {
            let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
            let mut name = name;
            loop {
                if let Some(node) = nodes.get(name) {
                    return Arc::clone(node);
                }
                let Some((above, _)) = name.rsplit_once('.') else { break };
                name = above;
            }
        }
        Arc::clone(&self.root)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Works out anew who inherits what.
    fn changed(&self) {
        // Written to, so that of two changes the later one works it out last.
        let nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let mut lowest = u32::MAX;
        for (name, node) in &*nodes {
            let parent = std::iter::successors(name.rsplit_once('.').map(|(above, _)| above), |name| {
                name.rsplit_once('.').map(|(above, _)| above)
            })
            .find_map(|above| nodes.get(above))
            .unwrap_or(&self.root);
            let own = node.own.lock().unwrap_or_else(PoisonError::into_inner);
            let mut all: Vec<Handler> = own.clone();
            drop(own);
            let mut effective = node.level.load(Ordering::Relaxed);
            if !Arc::ptr_eq(parent, node) {
                if node.propagate.load(Ordering::Relaxed) {
                    all.extend(parent.handlers().iter().cloned());
                }
                if effective == 0 {
                    effective = parent.effective.load(Ordering::Relaxed);
                }
            }
            node.effective.store(effective, Ordering::Relaxed);
            if !all.is_empty() {
                lowest = lowest.min(effective);
            }
            *node.all.write().unwrap_or_else(PoisonError::into_inner) = all.into();
        }
        LOWEST.store(lowest, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::AcqRel);
        drop(nodes);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Every handler, once.
    fn handlers(&self) -> Vec<Handler> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let mut handlers: Vec<Handler> = Vec::new();
        for node in nodes.values() {
            for handler in &*node.own.lock().unwrap_or_else(PoisonError::into_inner) {
                if !handlers.iter().any(|known| known.is(handler)) {
                    handlers.push(handler.clone());
                }
            }
        }
        handlers
    }
}

impl Node {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            level: AtomicU32::new(0),
            effective: AtomicU32::new(0),
            propagate: AtomicBool::new(true),
            own: Mutex::default(),
            all: RwLock::new(Arc::new([])),
        }
    }

    pub(super) fn handlers(&self) -> Arc<[Handler]> {
        Arc::clone(&self.all.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The least level at which anybody wants records.
pub(super) fn lowest() -> Level {
    Level(LOWEST.load(Ordering::Relaxed))
}

/// Waits until every handler has written what was logged, all together at most so long. False if that was too short.
pub fn flush(patience: Duration) -> bool {
    let end = Instant::now() + patience;
    // Each is tried, however long the one before took.
    TREE.handlers()
        .iter()
        .map(|handler| handler.flush(end.saturating_duration_since(Instant::now())))
        .fold(true, |all, one| all & one)
}

/// How many records were dropped, by all handlers in use.
pub fn dropped() -> u64 {
    TREE.handlers().iter().map(Handler::dropped).sum()
}

/// The logger of this dotted name; `root` is the one above all.
pub fn get_logger(name: &str) -> Logger {
    Logger(TREE.node(name))
}

/// A logger. It inherits level and handlers from the logger whose name is the beginning of its own, and that from the
/// root.
///
/// ```
/// use taipan_runtime::logging::{self, get_logger};
///
/// get_logger("app").set_level(logging::DEBUG);
/// let database = get_logger("app.db");
/// assert_eq!(database.effective_level(), logging::DEBUG);
/// database.info("connected");
/// logging::debug!(logger: database, rows = 3, "read {}", "employees");
/// ```
#[derive(Clone)]
pub struct Logger(Arc<Node>);

impl Logger {
    /// The dotted name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Wants only records of this level or above, here and in the loggers below that have none of their own.
    pub fn set_level(&self, level: impl Into<Level>) {
        self.0.level.store(level.into().0, Ordering::Relaxed);
        TREE.changed();
    }

    /// Sends records of this logger and those below to `handler`, too.
    pub fn add_handler(&self, handler: Handler) {
        layer::install_if_free();
        self.0.own.lock().unwrap_or_else(PoisonError::into_inner).push(handler);
        TREE.changed();
    }

    /// Sends them there no more.
    pub fn remove_handler(&self, handler: &Handler) {
        self.0.own.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| !known.is(handler));
        TREE.changed();
    }

    pub(super) fn take_handlers(&self) -> Vec<Handler> {
        let handlers = std::mem::take(&mut *self.0.own.lock().unwrap_or_else(PoisonError::into_inner));
        TREE.changed();
        handlers
    }

    pub(super) fn has_handlers(&self) -> bool {
        !self.0.own.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether records go to the handlers above, too; they do unless told otherwise.
    pub fn set_propagate(&self, propagate: bool) {
        self.0.propagate.store(propagate, Ordering::Relaxed);
        TREE.changed();
    }

    /// The level below which nothing is wanted here.
    pub fn effective_level(&self) -> Level {
        Level(self.0.effective.load(Ordering::Relaxed))
    }

    /// Whether a record of this level is wanted here.
    pub fn is_enabled_for(&self, level: impl Into<Level>) -> bool {
        let level = level.into();
        level >= lowest() && level.0 >= self.0.effective.load(Ordering::Relaxed)
    }

    /// Logs at any level.
    pub fn log(&self, level: impl Into<Level>, message: impl fmt::Display) {
        let level = level.into();
        super::ensure(level);
        if self.is_enabled_for(level) {
            crate::__log_to!(level, self, "{message}");
        }
    }

    /// Logs at [`DEBUG`].
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(DEBUG, message);
    }

    /// Logs at [`INFO`].
    pub fn info(&self, message: impl fmt::Display) {
        self.log(INFO, message);
    }

    /// Logs at [`WARNING`].
    pub fn warning(&self, message: impl fmt::Display) {
        self.log(WARNING, message);
    }

    /// Logs at [`ERROR`].
    pub fn error(&self, message: impl fmt::Display) {
        self.log(ERROR, message);
    }

    /// Logs at [`CRITICAL`].
    pub fn critical(&self, message: impl fmt::Display) {
        self.log(CRITICAL, message);
    }

    /// Logs at [`ERROR`], with the error and its causes.
    pub fn exception(&self, error: &(dyn std::error::Error + 'static), message: impl fmt::Display) {
        super::ensure(ERROR);
        if self.is_enabled_for(ERROR) {
            crate::__log_to!(ERROR, self, error = error, "{message}");
        }
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("name", &self.name()).field("level", &self.effective_level()).finish()
    }
}
