//! Where `tracing` hands records over: those of this crate's macros and those of every library.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tracing::callsite::Identifier;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Recorded};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::level::Level;
use super::logger::{Node, TREE, lowest};
use super::record::{LEVEL_FIELD, LOGGER_FIELD, Record, Said, Value};
use crate::error::{Error, Result};

/// The target of spans that carry fields and nothing else.
pub(super) const CONTEXT: &str = "taipan.context";

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// The loggers as a layer, for a program that composes its own `tracing` subscriber. Who calls
/// [`basic_config`](super::basic_config) needs it not.
pub fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    INSTALLED.store(true, Ordering::Release);
    Loggers
}

/// Makes the loggers the process's subscriber.
///
/// Errors: there is another one already.
pub(super) fn install() -> Result<()> {
    if INSTALLED.load(Ordering::Acquire) {
        return Ok(());
    }
    let installed = set_global_default(Registry::default().with(Loggers));
    // Two threads may come here at once: then one of them has done it.
    if installed.is_ok() || INSTALLED.load(Ordering::Acquire) {
        INSTALLED.store(true, Ordering::Release);
        return Ok(());
    }
    Err(Error::invalid("the process logs by another subscriber already: add taipan's logging::layer() to that one"))
}

/// The same, leaving another subscriber in place.
pub(super) fn install_if_free() {
    let _ = install();
}

pub(super) fn is_installed() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

struct Loggers;

/// What a span says, kept with it.
struct SpanFields(Vec<(&'static str, Value)>);

/// Whether the records of a place in the code say for themselves which level or logger they are for.
fn is_dynamic(metadata: &Metadata<'_>) -> bool {
    let fields = metadata.fields();
    fields.field(LEVEL_FIELD).is_some() || fields.field(LOGGER_FIELD).is_some()
}

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    if is_dynamic(metadata) || metadata.is_span() && metadata.target() == CONTEXT {
        return true;
    }
    let level = Level::from(*metadata.level());
    level >= lowest() && level.0 >= place(metadata).node.effective.load(Ordering::Relaxed)
}

impl<S> Layer<S> for Loggers
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_wanted(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_wanted(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Of what is logged at a level between two of tracing's, the lower one must pass.
        Some(if lowest().0 == u32::MAX { LevelFilter::ERROR } else { lowest().filter() })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Said::default();
        attributes.record(&mut said);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(said.fields));
        }
    }

    fn on_record(&self, id: &Id, recorded: &Recorded<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut said = Said::default();
            let mut extensions = span.extensions_mut();
            if let Some(known) = extensions.get_mut::<SpanFields>() {
                said.fields = std::mem::take(&mut known.0);
                recorded.record(&mut said);
                known.0 = said.fields;
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut said = Said::default();
        event.record(&mut said);
        let level = said.level.unwrap_or_else(|| (*metadata.level()).into());
        let place = match said.logger {
            Some(name) => Place { node: TREE.nearest(&name), name: name.into() },
            None => place(metadata),
        };
        if level.0 < place.node.effective.load(Ordering::Relaxed) {
            return;
        }
        let mut fields = Vec::new();
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(known) = span.extensions().get::<SpanFields>() {
                    fields.extend(known.0.iter().cloned());
                }
            }
        }
        fields.append(&mut said.fields);
        let record = Record {
            time: SystemTime::now(),
            level,
            logger: &place.name,
            message: &said.message,
            fields: &fields,
            error: &said.error,
            file: metadata.file(),
            line: metadata.line(),
            module: metadata.module_path(),
        };
        for handler in &*place.node.handlers() {
            handler.handle(&record);
        }
    }
}

/// The logger of a place in the code, and the name its records go by.
#[derive(Clone)]
struct Place {
    node: Arc<Node>,
    name: Arc<str>,
}

/// What a thread remembers about places, and of which generation of loggers that is.
type Places = (u64, HashMap<Identifier, Place>);

fn place(metadata: &Metadata<'_>) -> Place {
    thread_local! {
        static PLACES: RefCell<Places> = RefCell::default();
    }
    let find = || {
        let name = metadata.target().replace("::", ".");
        Place { node: TREE.nearest(&name), name: name.into() }
    };
    let known = PLACES.try_with(|places| {
        let mut places = places.try_borrow_mut().ok()?;
        let generation = TREE.generation();
        if places.0 != generation {
            *places = (generation, HashMap::new());
        }
        Some(places.1.entry(metadata.callsite()).or_insert_with(find).clone())
    });
    known.ok().flatten().unwrap_or_else(find)
}
