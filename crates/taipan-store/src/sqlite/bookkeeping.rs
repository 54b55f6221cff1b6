//! Taipan's own tables, made by the first write that needs them: where tables came from, and artifacts.

use rusqlite::{Connection, OptionalExtension, Result as SqliteResult, Row, params};

use crate::artifact::Artifact;
use crate::calendar;
use crate::error::Result;
use crate::origin::Origin;
use crate::sqlite::Database;
use crate::sqlite::catalog::{ARTIFACTS, Catalog, SOURCES};
use crate::sqlite::writer::Writer;

impl Catalog {
    /// Records where a table came from.
    pub(super) fn keep_origin(
        &self,
        connection: &Connection,
        table: &str,
        mut origin: Origin,
        rows: u64,
    ) -> SqliteResult<()> {
        if !self.has_own(SOURCES) {
            connection.execute_batch(
                "CREATE TABLE _taipan_sources (\"table\" TEXT NOT NULL PRIMARY KEY, source TEXT NOT NULL, \
                 fingerprint TEXT NOT NULL, rows INTEGER NOT NULL, imported_at TEXT NOT NULL) WITHOUT ROWID",
            )?;
        }
        if origin.rows == 0 {
            origin.rows = rows;
        }
        if origin.imported_at.is_empty() {
            origin.imported_at = calendar::now();
        }
        let Origin { source, fingerprint, rows, imported_at } = origin;
        connection
            .prepare_cached("INSERT OR REPLACE INTO _taipan_sources VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![table, source, fingerprint, i64::try_from(rows).unwrap_or(i64::MAX), imported_at])
            .map(|_| ())
    }

    /// Keeps an artifact, in place of one of the same kind and name.
    pub(super) fn keep_artifact(&self, connection: &Connection, artifact: &Artifact) -> SqliteResult<()> {
        if !self.has_own(ARTIFACTS) {
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS _taipan_artifacts (kind TEXT NOT NULL, name TEXT NOT NULL, \
                 fingerprint TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (kind, name))",
            )?;
        }
        let Artifact { kind, name, fingerprint, bytes } = artifact;
        connection
            .prepare_cached("INSERT OR REPLACE INTO _taipan_artifacts VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![kind, name, fingerprint, bytes])
            .map(|_| ())
    }

    /// Forgets where a table came from.
    pub(super) fn forget_origin(&self, connection: &Connection, table: &str) -> SqliteResult<()> {
        if self.has_own(SOURCES) {
            connection.prepare_cached("DELETE FROM _taipan_sources WHERE \"table\" = ?1")?.execute([table])?;
        }
        Ok(())
    }
}

impl Database {
    pub(crate) fn origin(&self, table: &str) -> Result<Option<Origin>> {
        self.read(|connection, catalog| {
            // Another program may have dropped the table and left its record.
            if catalog.find(table).is_none() || !catalog.has_own(SOURCES) {
                return Ok(None);
            }
            let sql = "SELECT source, fingerprint, rows, imported_at FROM _taipan_sources WHERE \"table\" = ?1";
            let origin = connection.prepare_cached(sql).and_then(|mut statement| {
                let of_row = |row: &Row<'_>| {
                    let rows = row.get::<_, i64>(2)?.unsigned_abs();
                    Ok(Origin { source: row.get(0)?, fingerprint: row.get(1)?, rows, imported_at: row.get(3)? })
                };
                statement.query_row([table], of_row).optional()
            });
            origin.map_err(|error| self.failure(error))
        })
    }

    pub(crate) fn artifact(&self, kind: &str, name: &str) -> Result<Option<Artifact>> {
        self.select_artifacts("WHERE kind = ?1 AND name = ?2", &[kind, name]).map(|mut found| found.pop())
    }

    pub(crate) fn artifacts(&self, kind: &str) -> Result<Vec<Artifact>> {
        self.select_artifacts("WHERE kind = ?1 ORDER BY name", &[kind])
    }

    fn select_artifacts(&self, which: &str, values: &[&str]) -> Result<Vec<Artifact>> {
        self.read(|connection, catalog| {
            if !catalog.has_own(ARTIFACTS) {
                return Ok(Vec::new());
            }
            let sql = format!("SELECT kind, name, fingerprint, bytes FROM _taipan_artifacts {which}");
            let found = connection.prepare_cached(&sql).and_then(|mut statement| {
                let of_row = |row: &Row<'_>| {
                    let (kind, name, fingerprint) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    Ok(Artifact { kind, name, fingerprint, bytes: row.get(3)? })
                };
                statement.query_map(rusqlite::params_from_iter(values), of_row)?.collect::<SqliteResult<Vec<_>>>()
            });
            found.map_err(|error| self.failure(error))
        })
    }
}

impl Writer<'_> {
    pub(crate) fn put_artifact(&self, artifact: &Artifact) -> Result<()> {
        let (transaction, catalog) = self.begin()?;
        let put = || {
            catalog.keep_artifact(&transaction, artifact)?;
            transaction.commit()
        };
        put().map_err(|error| self.database.failure(error))
    }

    pub(crate) fn drop_artifact(&self, kind: &str, name: &str) -> Result<bool> {
        let (transaction, catalog) = self.begin()?;
        if !catalog.has_own(ARTIFACTS) {
            return Ok(false);
        }
        let drop = || {
            let sql = "DELETE FROM _taipan_artifacts WHERE kind = ?1 AND name = ?2";
            let dropped = transaction.prepare_cached(sql)?.execute([kind, name])?;
            transaction.commit()?;
            Ok(dropped > 0)
        };
        drop().map_err(|error| self.database.failure(error))
    }
}
