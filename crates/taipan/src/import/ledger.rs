//! What is recorded of the files that a table's rows came from, so that no row comes twice.
//!
//! A table's origin names its last file and carries a word that tells this table from an earlier one of its name. Each
//! file has a record of its own, kept in the transaction of its rows: how many of them are in the table, and whether
//! these are all. A record with another word is of a table that is gone.

use std::path::Path;

use serde::{Deserialize, Serialize};
use taipan_store::{Artifact, Kept, Origin, Store, Table};

use super::fingerprint::{Content, Fingerprint, Recorded, unique};
use super::{Existing, ImportOptions};
use crate::error::{Error, Result};

const KIND: &str = "import";

/// Rows that the database refused before a checkpoint, so that a run that goes on from there knows them.
const REFUSED: &str = "import-refused";

/// The word for a table that no import made.
const OWN: &str = "own";

/// What is to be done for a file.
pub(super) enum Step {
    /// Nothing: its rows are in the table, so many.
    Unchanged(u64),
    /// Its rows are to be written.
    Write(Box<Task>),
}

/// How a file's rows are to be written, and what is to be recorded of it.
pub(super) struct Task {
    pub(super) target: Target,
    /// Rows of the file that are in the table already.
    pub(super) done: u64,
    /// Rows of the file that were seen for them, and those of them that the database refused.
    pub(super) seen: u64,
    pub(super) refused: Vec<Refusal>,
    /// In how many pieces these are kept.
    pub(super) pieces: u64,
    generation: String,
    /// Rows of other files in the table, and how many files these are.
    others: (u64, u64),
    key: String,
    source: String,
    content: Content,
}

/// The table that a file's rows go to.
pub(super) enum Target {
    /// One that is not there yet.
    New,
    /// One in place of that of the same name.
    Replaced,
    /// One that is there.
    Existing(std::sync::Arc<Table>),
}

/// A row that the database refused: its number among the good ones of the file, counted from 0, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refusal(pub(super) u64, pub(super) String);

/// How much of a file is in the table.
#[derive(Serialize, Deserialize)]
struct Record {
    generation: String,
    rows: u64,
    whole: bool,
    /// Rows of the file that were seen for them, if these are more.
    #[serde(default)]
    seen: u64,
    /// In how many pieces the others are kept, which the database refused.
    #[serde(default)]
    pieces: u64,
}

/// How far a file is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    /// Rows in the table.
    pub(super) rows: u64,
    /// Rows of the file that were seen for them.
    pub(super) seen: u64,
    /// In how many pieces the refused ones are kept.
    pub(super) pieces: u64,
    /// Nothing is to follow.
    pub(super) whole: bool,
}

/// What there is of a table, and of a file in it.
struct Known {
    table: std::sync::Arc<Table>,
    origin: Option<Origin>,
    record: Option<(Record, String)>,
}

impl Step {
    /// What is to be done for a file.
    ///
    /// Errors: a table of that name may not be replaced, or holds rows of this file that would come twice.
    pub(super) fn plan(
        store: &Store,
        table: &str,
        path: &Path,
        fingerprint: &Fingerprint,
        options: &ImportOptions,
    ) -> Result<Self> {
        let source = path.display().to_string();
        let key = format!("{table}\n{}", fingerprint.file);
        let task = |target, done, generation: String, others| {
            let content = fingerprint.with_content(path)?;
            let (key, source) = (key.clone(), source.clone());
            let (seen, refused, pieces) = (done, Vec::new(), 0);
            Ok(Self::Write(Box::new(Task {
                target,
                done,
                seen,
                refused,
                pieces,
                generation,
                others,
                key,
                source,
                content,
            })))
        };
        let Some(known) = Known::find(store, table, &source, &key)? else {
            return task(Target::New, 0, unique(), (0, 0));
        };
        let origin = known.origin.as_ref();
        let last = origin.map(|origin| Recorded::parse(&origin.fingerprint));
        let inputs = last.as_ref().map_or(0, |last| last.inputs);
        let alone = inputs == 1 && last.as_ref().is_some_and(|last| last.file == fingerprint.file);
        let of_table = |task: &str| format!("{source}: the table '{table}' {task}");
        let replacing = |what: &str| {
            let hint = "--table NAME adds to a table that is there, or makes another; --replace replaces this one";
            Error::invalid(of_table(what)).with_hint(hint)
        };
        let adds = options.existing == Existing::Add;
        if let (Some(last), Some(origin), true, false) = (&last, origin, alone || (inputs == 1 && !adds), options.again)
            && options.existing.replaces(alone)
            && fingerprint.matches(last, path)?
        {
            return Ok(Self::Unchanged(origin.rows));
        }
        if let (Some((record, of)), false) = (&known.record, options.again) {
            let same = fingerprint.matches(&Recorded::parse(of), path)?;
            if record.whole && same && adds {
                return Ok(Self::Unchanged(record.rows));
            }
            if !record.whole && same && options.checkpoint.is_some() {
                let others =
                    (origin.map_or(0, |origin| origin.rows.saturating_sub(record.rows)), inputs.saturating_sub(1));
                let step = task(Target::Existing(known.table), record.rows, record.generation.clone(), others)?;
                let Self::Write(task) = step else { return Ok(step) };
                let refused = refused(store, &key, record.pieces)?;
                let (seen, pieces) = (record.seen.max(record.rows), record.pieces);
                return Ok(Self::Write(Box::new(Task { seen, refused, pieces, ..*task })));
            }
        }
        match options.existing {
            Existing::ReplaceAny => task(Target::Replaced, 0, unique(), (0, 0)),
            _ if alone => task(Target::Replaced, 0, unique(), (0, 0)),
            Existing::Add if known.record.is_some() => {
                let what = "has rows of this file, which has changed since, among those of others";
                Err(Error::invalid(of_table(what))
                    .with_hint("--replace makes the table anew, of the files named with it"))
            }
            Existing::Add => {
                let generation = last.map_or(OWN, |last| last.generation).to_owned();
                task(Target::Existing(known.table), 0, generation, (origin.map_or(0, |origin| origin.rows), inputs))
            }
            Existing::ReplaceImported if origin.is_some() => task(Target::Replaced, 0, unique(), (0, 0)),
            _ => Err(match origin {
                None => replacing("exists and was not imported from a file"),
                Some(_) if inputs > 1 => replacing("holds rows of several files"),
                Some(origin) => replacing(&format!("was imported from another file, {}", origin.source)),
            }),
        }
    }
}

impl Known {
    fn find(store: &Store, table: &str, source: &str, key: &str) -> Result<Option<Self>> {
        let folded = table.to_lowercase();
        let tables = store.tables()?;
        let Some(known) = tables.iter().find(|known| known.name.to_lowercase() == folded) else { return Ok(None) };
        if known.name != table {
            let message = format!("{source}: the tables '{}' and '{table}' differ only in case", known.name);
            return Err(Error::invalid(message).with_hint("give another name with --table"));
        }
        let origin = store.origin(table)?;
        let generation = origin.as_ref().map_or(OWN, |origin| Recorded::parse(&origin.fingerprint).generation);
        let artifact = store.artifact(KIND, key)?;
        let record = artifact.and_then(|kept| Some((serde_json::from_slice(&kept.bytes).ok()?, kept.fingerprint)));
        let record = record.filter(|(record, _): &(Record, String)| record.generation == generation);
        let record = match record {
            // Another program may have made a table of the same name, without the rows.
            Some((record, _)) if record.generation == OWN && store.count(table, None)? < record.rows => None,
            record => record,
        };
        Ok(Some(Self { table: known.clone(), origin, record }))
    }
}

/// The rows that were refused, as earlier runs have kept them.
fn refused(store: &Store, key: &str, pieces: u64) -> Result<Vec<Refusal>> {
    let mut all = Vec::new();
    for piece in 0..pieces {
        let kept = store.artifact(REFUSED, &piece_name(key, piece))?;
        all.extend(
            kept.map(|kept| serde_json::from_slice::<Vec<Refusal>>(&kept.bytes))
                .transpose()
                .map_err(|_| {
                    Error::invalid("what was kept of an import that was cut short cannot be read")
                        .with_hint("--replace makes the table anew")
                })?
                .unwrap_or_default(),
        );
    }
    Ok(all)
}

fn piece_name(key: &str, piece: u64) -> String {
    format!("{key}\n{piece}")
}

impl Task {
    /// What is to be kept of rows that were refused before a checkpoint.
    pub(super) fn kept_refused(&self, piece: u64, refused: &[Refusal]) -> Artifact {
        Artifact {
            kind: REFUSED.to_owned(),
            name: piece_name(&self.key, piece),
            fingerprint: self.content.text().to_owned(),
            // Numbers and words cannot fail to be written.
            bytes: serde_json::to_vec(refused).unwrap_or_default(),
        }
    }

    /// Lets go of what was kept of refused rows, once the file is whole.
    ///
    /// Errors: the database cannot be written.
    pub(super) fn forget_refused(&self, store: &Store, pieces: u64) -> Result<()> {
        for piece in 0..pieces {
            store.drop_artifact(REFUSED, &piece_name(&self.key, piece))?;
        }
        Ok(())
    }

    /// What is to be kept with the rows when so many are in the table.
    pub(super) fn kept(&self, reached: Reached) -> Kept {
        let Reached { rows, seen, pieces, whole } = reached;
        let record = Record { generation: self.generation.clone(), rows, whole, seen, pieces };
        let artifact = Artifact {
            kind: KIND.to_owned(),
            name: self.key.clone(),
            fingerprint: self.content.text().to_owned(),
            // A record of words and numbers cannot fail to be written.
            bytes: serde_json::to_vec(&record).unwrap_or_default(),
        };
        let (other_rows, other_files) = self.others;
        let source = match other_files {
            0 => self.source.clone(),
            1 => format!("{} and another file", self.source),
            more => format!("{} and {more} other files", self.source),
        };
        // What has not ended yet matches no file that is unchanged.
        let (options, input) = self.content.text().split_once(' ').unwrap_or_default();
        let options = if whole { options } else { "-" };
        // A table that was made otherwise stays one.
        let origin = (self.generation != OWN).then(|| Origin {
            source,
            fingerprint: format!("{options} {input} {} {}", self.generation, other_files + 1),
            rows: other_rows + rows,
            imported_at: String::new(),
        });
        Kept { origin, artifacts: vec![artifact] }
    }
}
