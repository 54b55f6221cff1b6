//! The table of all that a class's order offers, and when it is made anew.
//!
//! A table is marked with the version that the class had before the table's attributes were read. A change publishes its
//! attributes before it raises the version. So a table whose mark equals the version has everything that was published
//! before the version was last raised, and a change that is still on its way makes the table outdated when it arrives.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::Guard;

use crate::attribute::Attribute;
use crate::class::Class;

pub(crate) struct Table {
    version: u64,
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
        let table = Some(Arc::new(Table::read(self)));
        self.0.table.store(table.clone());
        Snapshot(Guard::from_inner(table))
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

    /// The version of the class that the table is of.
    pub(crate) fn version(&self) -> Option<u64> {
        self.0.as_ref().map(|table| table.version)
    }
}
