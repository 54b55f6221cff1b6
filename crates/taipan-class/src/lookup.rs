//! The table of all that a class's order offers, and when it is made anew.
//!
//! A change announces itself in the version of the class and of all below it, publishes its attributes, and then raises
//! those versions. A table is marked with the version that the class had before the table's attributes were read, and is
//! kept only if no change was on its way. So whoever has seen a change, by whatever path, finds that the tables from
//! before it no longer count: all lookups of all threads agree on the moment at which the attributes were published.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::Guard;

use crate::attribute::Attribute;
use crate::class::{Class, Version};

pub(crate) struct Table {
    version: Version,
    entries: HashMap<Arc<str>, Entry, foldhash::fast::RandomState>,
    abstracts: Vec<Arc<str>>,
}

/// An attribute, and the place in the order of the class that holds it.
pub(crate) struct Entry {
    pub(crate) attribute: Attribute,
    pub(crate) level: usize,
}

/// A table that stays readable while others replace it.
pub(crate) struct Snapshot(Guard<Option<Arc<Table>>>);

impl Class {
    /// The table as of now.
    pub(crate) fn table(&self) -> Snapshot {
        let known = self.0.table.load();
        if known.as_ref().is_some_and(|table| table.version == self.version()) {
            return Snapshot(known);
        }
        let table = Arc::new(Table::read(self));
        if table.version.is_settled() {
            self.0.table.store(Some(table.clone()));
        }
        Snapshot(Guard::from_inner(Some(table)))
    }
}

impl Table {
    fn read(class: &Class) -> Self {
        let version = class.version();
        let mut entries = HashMap::with_hasher(foldhash::fast::RandomState::default());
        for (level, class) in class.order().enumerate() {
            for (name, attribute) in &**class.0.own.load() {
                let entry = || Entry { attribute: attribute.clone(), level };
                entries.entry(name.clone()).or_insert_with(entry);
            }
        }
        let is_abstract = |(name, entry): (&Arc<str>, &Entry)| entry.attribute.is_abstract().then(|| name.clone());
        let mut abstracts: Vec<_> = entries.iter().filter_map(is_abstract).collect();
        abstracts.sort_unstable();
        Self { version, entries, abstracts }
    }
}

impl Snapshot {
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.as_ref()?.entries.get(name)
    }

    /// What must be overridden before there can be instances, sorted by name.
    pub(crate) fn abstracts(&self) -> &[Arc<str>] {
        self.0.as_ref().map_or(&[], |table| &table.abstracts)
    }

    /// The version of the class that the table is of; none if what it has may not be remembered.
    pub(crate) fn version(&self) -> Option<Version> {
        self.0.as_ref().map(|table| table.version).filter(|version| version.is_settled())
    }
}
