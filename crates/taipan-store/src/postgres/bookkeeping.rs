//! Taipan's own tables, made by the first write that needs them: where tables came from, and artifacts.

use crate::artifact::Artifact;
use crate::calendar;
use crate::error::Result;
use crate::origin::Origin;
use crate::postgres::Database;
use crate::postgres::connection::{Connection, Param, Row, Statement};
use crate::postgres::failure::Failure;

const SOURCES: &str = "CREATE TABLE IF NOT EXISTS _taipan_sources (\"table\" text PRIMARY KEY, source text NOT NULL, \
                       fingerprint text NOT NULL, rows bigint NOT NULL, imported_at text NOT NULL)";
const ARTIFACTS: &str = "CREATE TABLE IF NOT EXISTS _taipan_artifacts (kind text NOT NULL COLLATE \"C\", name text NOT NULL \
                         COLLATE \"C\", fingerprint text NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (kind, name))";

/// Records where a table came from.
pub(super) fn keep_origin(
    connection: &mut Connection,
    table: &str,
    origin: Origin,
    written: u64,
) -> Result<(), Failure> {
    if !has(connection, "_taipan_sources")? {
        connection.batch(SOURCES)?;
    }
    let Origin { source, fingerprint, rows, imported_at } = origin;
    let rows = if rows == 0 { written } else { rows };
    let imported_at = if imported_at.is_empty() { calendar::now() } else { imported_at };
    let params = vec![
        Param::text(table),
        Param::text(source),
        Param::text(fingerprint),
        Param::integer(i64::try_from(rows).unwrap_or(i64::MAX)),
        Param::text(imported_at),
    ];
    let sql = "INSERT INTO _taipan_sources VALUES ($1, $2, $3, $4, $5) ON CONFLICT (\"table\") DO UPDATE SET \
               source = excluded.source, fingerprint = excluded.fingerprint, rows = excluded.rows, \
               imported_at = excluded.imported_at";
    connection.execute(Statement::with(sql, params)).map(drop)
}

/// Keeps an artifact, in place of one of the same kind and name.
pub(super) fn keep_artifact(connection: &mut Connection, artifact: &Artifact) -> Result<(), Failure> {
    if !has(connection, "_taipan_artifacts")? {
        connection.batch(ARTIFACTS)?;
    }
    let Artifact { kind, name, fingerprint, bytes } = artifact;
    let sql = "INSERT INTO _taipan_artifacts VALUES ($1, $2, $3, $4) ON CONFLICT (kind, name) DO UPDATE SET \
               fingerprint = excluded.fingerprint, bytes = excluded.bytes";
    let texts = [kind, name, fingerprint].map(|text| Param::text(text.clone()));
    let params = texts.into_iter().chain([Param::bytes(bytes)]).collect();
    connection.execute(Statement::with(sql, params)).map(drop)
}

/// Forgets where a table came from.
pub(super) fn forget_origin(connection: &mut Connection, table: &str) -> Result<(), Failure> {
    if has(connection, "_taipan_sources")? {
        let sql = "DELETE FROM _taipan_sources WHERE \"table\" = $1";
        connection.execute(Statement::with(sql, vec![Param::text(table)]))?;
    }
    Ok(())
}

/// Whether one of Taipan's own tables is there.
pub(super) fn has(connection: &mut Connection, table: &str) -> Result<bool, Failure> {
    let sql = "SELECT 1 WHERE to_regclass($1) IS NOT NULL";
    Ok(connection.execute(Statement::with(sql, vec![Param::text(table)]))? == 1)
}

impl Database {
    pub(crate) fn origin(&self, table: &str) -> Result<Option<Origin>> {
        let sql = "SELECT source, fingerprint, rows, imported_at FROM _taipan_sources WHERE \"table\" = $1";
        let found = self.own("_taipan_sources", sql, &[table], |row| Origin {
            source: row.text(0).unwrap_or_default(),
            fingerprint: row.text(1).unwrap_or_default(),
            rows: row.integer(2).unwrap_or(0).unsigned_abs(),
            imported_at: row.text(3).unwrap_or_default(),
        })?;
        Ok(found.into_iter().next())
    }

    pub(crate) fn artifact(&self, kind: &str, name: &str) -> Result<Option<Artifact>> {
        let sql = "SELECT kind, name, fingerprint, bytes FROM _taipan_artifacts WHERE kind = $1 AND name = $2";
        Ok(self.own("_taipan_artifacts", sql, &[kind, name], artifact)?.into_iter().next())
    }

    pub(crate) fn artifacts(&self, kind: &str) -> Result<Vec<Artifact>> {
        let sql = "SELECT kind, name, fingerprint, bytes FROM _taipan_artifacts WHERE kind = $1 ORDER BY name";
        self.own("_taipan_artifacts", sql, &[kind], artifact)
    }

    pub(crate) fn put_artifact(&self, artifact: &Artifact) -> Result<()> {
        self.with(|connection| keep_artifact(connection, artifact))
    }

    pub(crate) fn drop_artifact(&self, kind: &str, name: &str) -> Result<bool> {
        self.with(|connection| {
            if !has(connection, "_taipan_artifacts")? {
                return Ok(false);
            }
            let sql = "DELETE FROM _taipan_artifacts WHERE kind = $1 AND name = $2";
            Ok(connection.execute(Statement::with(sql, vec![Param::text(kind), Param::text(name)]))? > 0)
        })
    }

    /// Rows of one of Taipan's own tables; none if it is not there.
    fn own<T>(&self, table: &str, sql: &str, names: &[&str], read: impl Fn(Row<'_>) -> T) -> Result<Vec<T>> {
        self.with(|connection| {
            let mut found = Vec::new();
            if has(connection, table)? {
                let params = names.iter().map(|name| Param::text(*name)).collect();
                connection.run(&[Statement::with(sql, params)], |_, row| {
                    found.push(read(row));
                    Ok(())
                })?;
            }
            Ok(found)
        })
    }
}

fn artifact(row: Row<'_>) -> Artifact {
    let bytes = row.cells().nth(3).flatten().unwrap_or_default().to_vec();
    Artifact {
        kind: row.text(0).unwrap_or_default(),
        name: row.text(1).unwrap_or_default(),
        fingerprint: row.text(2).unwrap_or_default(),
        bytes,
    }
}
