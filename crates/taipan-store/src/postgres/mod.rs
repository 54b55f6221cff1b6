//! PostgreSQL behind the store's face: a pool of sessions, each spoken to by the thread that uses it.
//!
//! The client is Taipan's own, on blocking sockets: the store's calls wait for the database by their nature, rows go from
//! the socket's buffer into the answer without a copy between, and nothing asks for an async runtime.
//!
//! What a table looks like is known from the last look at it. Every read sends, ahead of itself and in the same message,
//! a question whether that is still so ([`catalog::MARK`]); where it is not, the table is looked at again.

mod address;
mod bookkeeping;
mod catalog;
mod cell;
mod connection;
mod console;
mod copy;
mod document;
mod failure;
mod insert;
mod mutation;
mod pool;
mod read;
mod stream;
mod tls;
mod transact;
mod wire;

use std::sync::{Arc, PoisonError, RwLock};

use crate::error::{Error, ErrorKind, Result, nearest};
use crate::postgres::address::Address;
use crate::postgres::catalog::{Catalog, Known};
use crate::postgres::connection::Connection;
use crate::postgres::failure::Failure;
use crate::postgres::pool::{Loan, Pool};
use crate::table::Table;

pub(crate) use insert::{check_length, type_name};

/// How often a table is looked at anew for one read, before it is said to change too often.
const LOOKS: usize = 4;

/// An open database.
pub(crate) struct Database {
    pool: Arc<Pool>,
    catalog: RwLock<Arc<Catalog>>,
    queue: mutation::Queue,
    name: Arc<str>,
}

impl Database {
    /// Connects to a server.
    pub(crate) fn open(url: &str) -> Result<Self> {
        let address = Address::parse(url)?;
        let name = address.shown().into();
        let pool = Arc::new(Pool::new(address));
        let database = Database { pool, catalog: RwLock::default(), queue: mutation::Queue::default(), name };
        let mut connection = database.take()?;
        database.reflect(&mut connection).map_err(|failure| database.failure(failure, ""))?;
        drop(connection);
        Ok(database)
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What PostgreSQL's own programs need to reach it, as environment variables.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        self.pool.address.environment()
    }

    /// The schema whose tables are meant.
    pub(crate) fn schema(&self) -> &str {
        self.pool.address.schema.as_deref().unwrap_or("public")
    }

    pub(crate) fn tables(&self) -> Result<Vec<Arc<Table>>> {
        self.with(|connection| self.reflect(connection)).map(|catalog| catalog.tables().cloned().collect())
    }

    pub(crate) fn table(&self, name: &str) -> Result<Arc<Table>> {
        let catalog = self.with(|connection| self.reflect(connection))?;
        catalog.find(name).map(|known| Arc::clone(&known.table)).ok_or_else(|| unknown(&catalog, name))
    }

    pub(crate) fn known_table(&self, name: &str) -> Option<Arc<Table>> {
        self.catalog().find(name).map(|known| Arc::clone(&known.table))
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn reflect(&self, connection: &mut Connection) -> Result<Arc<Catalog>, Failure> {
        let catalog = Arc::new(Catalog::reflect(connection)?);
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&catalog);
        Ok(catalog)
    }

    fn take(&self) -> Result<Loan> {
        self.pool.take().map_err(|failure| self.failure(failure, ""))
    }

    /// Runs something that may be run again, on another connection where the one from the pool turns out to be dead.
    fn with<T>(&self, run: impl FnMut(&mut Connection) -> Result<T, Failure>) -> Result<T> {
        let mut loan = self.take()?;
        self.retried(&mut loan, run).map_err(|failure| self.failure(failure, ""))
    }

    fn retried<T>(
        &self,
        loan: &mut Loan,
        mut run: impl FnMut(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match run(loan) {
            Err(Failure::Lost(_)) if loan.is_used => {
                // A server that was restarted closed all of them.
                self.pool.close();
                self.pool.renew(loan)?;
                run(loan)
            }
            Err(Failure::Refused(refusal)) if loan.is_used && refusal.code == "57P01" => {
                self.pool.close();
                self.pool.renew(loan)?;
                run(loan)
            }
            other => other,
        }
    }

    /// Runs a read of a table as it is: `run` is given what is known of it, and is run again with what is found where
    /// that is out of date.
    fn read<T>(
        &self,
        loan: &mut Loan,
        name: &str,
        mut run: impl FnMut(&mut Connection, &Known) -> Result<T, Failure>,
    ) -> Result<T> {
        let outcome = self.retried(loan, |connection| {
            let mut catalog = self.catalog();
            for look in 0..LOOKS {
                let known = match catalog.find(name) {
                    Some(known) => known.clone(),
                    None if look > 0 => return Err(Failure::Own(unknown(&catalog, name))),
                    None => {
                        catalog = self.reflect(connection)?;
                        continue;
                    }
                };
                match run(connection, &known) {
                    Err(Failure::Stale) => catalog = self.reflect(connection)?,
                    Err(Failure::Refused(refusal)) if look == 0 && refusal.names_nothing() => {
                        catalog = self.reflect(connection)?;
                    }
                    // A name that is not in the table may be in it by now.
                    Err(Failure::Own(error))
                        if look == 0
                            && matches!(
                                error.kind(),
                                ErrorKind::UnknownColumn { .. } | ErrorKind::UnknownTable { .. }
                            ) =>
                    {
                        catalog = self.reflect(connection)?;
                    }
                    other => return other,
                }
            }
            Err(Failure::Stale)
        });
        outcome.map_err(|failure| self.failure(failure, name))
    }

    fn failure(&self, failure: Failure, table: &str) -> Error {
        if let Failure::Own(error) = failure {
            return error;
        }
        let error = failure.error(table);
        match error.kind() {
            ErrorKind::Constraint { .. } | ErrorKind::InvalidValue { .. } => error,
            _ => error.in_database(&self.name),
        }
    }
}

fn unknown(catalog: &Catalog, name: &str) -> Error {
    let nearest = nearest(name, catalog.tables().map(|table| table.name.as_str()));
    Error::new(ErrorKind::UnknownTable { name: name.to_owned(), nearest })
}
