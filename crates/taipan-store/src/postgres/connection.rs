//! One session with a server: login, statements sent in a pipeline and answered in turn, COPY, and cancelling.
//!
//! The extended query protocol ("Frontend/Backend Protocol" in PostgreSQL's manual), with statements kept prepared.
//! Values go as text with their type named, rows come in binary.

mod login;
mod statement;

use std::collections::HashMap;
use std::io;

use crate::postgres::address::Address;
use crate::postgres::failure::Failure;
use crate::postgres::wire::Channel;

pub(super) use statement::{Param, Row, Statement};

/// The statements a session keeps prepared.
const STATEMENTS: usize = 256;
/// A column of an answer to a statement that nobody prepared for.
pub(super) struct Described {
    pub(super) name: String,
    pub(super) oid: u32,
}

/// A session.
pub(super) struct Connection {
    channel: Channel,
    address: std::sync::Arc<Address>,
    process: [u8; 4],
    secret: [u8; 4],
    statements: HashMap<String, String>,
    named: u64,
    /// `I`dle, in a `T`ransaction, or in one that fail`E`d.
    status: u8,
    /// Whether the two sides do not agree any more on who speaks.
    broken: bool,
    pub(super) version: u32,
    /// Whether something of it was cancelled: the cancelling may come late, and must not hit what comes next.
    pub(super) is_cancelled: bool,
    /// Whether it served before, and may have been closed by the server since.
    pub(super) is_used: bool,
}

/// Ends a running statement from another thread.
#[derive(Clone)]
pub(super) struct Cancel {
    address: std::sync::Arc<Address>,
    key: [u8; 8],
}

impl Connection {
    /// Connects, logs in and sets the session up.
    pub(super) fn open(address: &std::sync::Arc<Address>) -> Result<Self, Failure> {
        let channel = Channel::connect(address).map_err(Failure::Unreachable)?;
        let mut connection = Connection {
            channel,
            address: std::sync::Arc::clone(address),
            process: [0; 4],
            secret: [0; 4],
            statements: HashMap::new(),
            named: 0,
            status: b'I',
            broken: true,
            version: 0,
            is_cancelled: false,
            is_used: false,
        };
        connection.log_in()?;
        connection.broken = false;
        connection.channel.set_timeout(None)?;
        Ok(connection)
    }

    /// Whether it can be used again: both sides idle, in no transaction.
    pub(super) fn is_clean(&self) -> bool {
        !self.broken && !self.is_cancelled && self.status == b'I'
    }

    /// Whether it cannot be used any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether a statement of the open transaction failed, so that it can only be undone.
    pub(super) fn has_failed(&self) -> bool {
        self.status == b'E'
    }

    /// Whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        self.status != b'I'
    }

    pub(super) fn cancel(&self) -> Cancel {
        let mut key = [0; 8];
        key[..4].copy_from_slice(&self.process);
        key[4..].copy_from_slice(&self.secret);
        Cancel { address: std::sync::Arc::clone(&self.address), key }
    }

    /// Sets a test that is made while an answer is waited for: once it is true, the statement is cancelled.
    pub(super) fn give_up_when(&mut self, given_up: Option<Box<dyn FnMut() -> bool + Send>>) -> Result<(), Failure> {
        Ok(self.channel.give_up_when(given_up)?)
    }

    /// Runs a statement that gives no rows, or whose rows do not matter; returns the rows it changed.
    pub(super) fn execute(&mut self, statement: Statement<'_>) -> Result<u64, Failure> {
        self.run(&[statement], |_, _| Ok(()))
    }

    /// Runs statements without values, such as `BEGIN`, in one message.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Failure> {
        self.channel.put(b'Q', |out| put_text(out, sql));
        self.flush()?;
        self.until_ready(|_, _| Ok(())).map(|_| ())
    }

    /// Runs statements one after the other, all sent before the first is answered. `sink` gets each row with its
    /// statement's place. The first that fails ends the run, and so does an error of the sink. Returns the rows that the
    /// last one changed or gave.
    pub(super) fn run(
        &mut self,
        statements: &[Statement<'_>],
        sink: impl FnMut(usize, Row<'_>) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        let mut fresh = Vec::new();
        for statement in statements {
            let name = self.prepare(statement, &mut fresh);
            self.bind("", &name, statement);
            self.put_execute("", 0);
        }
        self.channel.put(b'S', |_| ());
        self.flush()?;
        let ran = self.until_ready(sink);
        if ran.is_err() {
            self.forget(fresh);
        }
        ran
    }

    /// Runs a statement whose columns are not known: `described` gets them before the rows.
    pub(super) fn run_described(
        &mut self,
        statement: &Statement<'_>,
        mut described: impl FnMut(Vec<Described>),
        mut sink: impl FnMut(Row<'_>) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        self.parse("", statement);
        self.bind("", "", statement);
        self.channel.put(b'D', |out| out.extend_from_slice(b"P\0"));
        self.put_execute("", 0);
        self.channel.put(b'S', |_| ());
        self.flush()?;
        let mut changed = 0;
        let mut outcome = Ok(());
        loop {
            let message = match self.channel.receive() {
                Ok(message) => message,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.is_cancelled = true;
                    self.cancel().send();
                    continue;
                }
                Err(error) => {
                    self.broken = true;
                    return Err(error.into());
                }
            };
            match message.tag {
                b'T' => described(columns(message.body)),
                b'D' if outcome.is_ok() => outcome = sink(Row(message.body)),
                b'C' => changed = rows_of(message.body),
                b'E' => outcome = Err(Failure::refused(message.body)),
                b'Z' => {
                    self.status = message.body.first().copied().unwrap_or(b'I');
                    return outcome.map(|()| changed);
                }
                _ => {}
            }
        }
    }

    /// Opens a named portal: a statement whose rows are fetched some at a time, within a transaction.
    pub(super) fn open_portal(&mut self, portal: &str, statement: &Statement<'_>) -> Result<(), Failure> {
        let mut fresh = Vec::new();
        let name = self.prepare(statement, &mut fresh);
        self.bind(portal, &name, statement);
        self.channel.put(b'S', |_| ());
        self.flush()?;
        let opened = self.until_ready(|_, _| Ok(()));
        if opened.is_err() {
            self.forget(fresh);
        }
        opened.map(|_| ())
    }

    /// Fetches rows of a portal; true if there may be more.
    pub(super) fn fetch(
        &mut self,
        portal: &str,
        most: u32,
        mut sink: impl FnMut(Row<'_>) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        self.put_execute(portal, most);
        self.channel.put(b'S', |_| ());
        self.flush()?;
        let mut fetched = 0_u32;
        self.until_ready(|_, row| {
            fetched += 1;
            sink(row)
        })?;
        Ok(fetched >= most)
    }

    /// Begins to send rows: `sql` is a `COPY … FROM STDIN`.
    pub(super) fn copy_in(&mut self, sql: &str) -> Result<(), Failure> {
        self.channel.put(b'Q', |out| put_text(out, sql));
        self.flush()?;
        loop {
            let message = self.channel.receive().inspect_err(|_| self.broken = true)?;
            match message.tag {
                b'G' => return Ok(()),
                b'E' => {
                    let refused = Failure::refused(message.body);
                    self.until_ready(|_, _| Ok(()))?;
                    return Err(refused);
                }
                _ => {}
            }
        }
    }

    /// Sends a part of the rows, as long as `fill` makes it.
    pub(super) fn copy_data(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), Failure> {
        self.channel.put(b'd', fill);
        match self.channel.flush_if_long() {
            Ok(()) => Ok(()),
            Err(error) => {
                self.broken = true;
                Err(error.into())
            }
        }
    }

    /// Ends the rows; returns their number.
    pub(super) fn copy_done(&mut self) -> Result<u64, Failure> {
        self.channel.put(b'c', |_| ());
        self.flush()?;
        self.until_ready(|_, _| Ok(()))
    }

    /// Ends the rows so that none is kept.
    pub(super) fn copy_fail(&mut self) -> Result<(), Failure> {
        self.channel.put(b'f', |out| put_text(out, "given up"));
        self.flush()?;
        match self.until_ready(|_, _| Ok(())) {
            Ok(_) | Err(Failure::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads answers until the server is ready again.
    fn until_ready(&mut self, mut sink: impl FnMut(usize, Row<'_>) -> Result<(), Failure>) -> Result<u64, Failure> {
        let (mut at, mut changed) = (0, 0);
        let mut outcome = Ok(());
        loop {
            let message = match self.channel.receive() {
                Ok(message) => message,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    // Given up: the server ends the statement, which is then read as its failure.
                    self.is_cancelled = true;
                    self.cancel().send();
                    continue;
                }
                Err(error) => {
                    self.broken = true;
                    return Err(error.into());
                }
            };
            match message.tag {
                b'D' if outcome.is_ok() => {
                    outcome = sink(at, Row(message.body));
                    if outcome.is_err() {
                        // The rest would be read in vain.
                        self.is_cancelled = true;
                        self.cancel().send();
                    }
                }
                b'C' => {
                    changed = rows_of(message.body);
                    at += 1;
                }
                b'I' | b's' => at += 1,
                b'E' => {
                    let refused = Failure::refused(message.body);
                    if outcome.is_ok() {
                        outcome = Err(refused);
                    }
                }
                b'Z' => {
                    self.status = message.body.first().copied().unwrap_or(b'I');
                    return outcome.map(|()| changed);
                }
                // A COPY that nobody asked for.
                b'G' => {
                    self.broken = true;
                    return Err(Failure::garbled());
                }
                _ => {}
            }
        }
    }

    /// The name of the prepared statement, which is prepared if it is not yet.
    fn prepare(&mut self, statement: &Statement<'_>, fresh: &mut Vec<String>) -> String {
        // The types of the values are part of what was prepared.
        let mut key = String::with_capacity(statement.sql.len() + 8 * statement.params.len());
        key.push_str(statement.sql);
        for param in &statement.params {
            key.push('\0');
            key.push_str(&param.oid.to_string());
        }
        if let Some(name) = self.statements.get(&key) {
            return name.clone();
        }
        if self.statements.len() >= STATEMENTS
            && let Some(oldest) = self.statements.keys().next().cloned()
            && let Some(name) = self.statements.remove(&oldest)
        {
            self.close_statement(&name);
        }
        self.named += 1;
        let name = format!("t{}", self.named);
        self.parse(&name, statement);
        self.statements.insert(key.clone(), name.clone());
        fresh.push(key);
        name
    }

    /// Forgets statements that may not have been prepared.
    fn forget(&mut self, fresh: Vec<String>) {
        for key in fresh {
            if let Some(name) = self.statements.remove(&key) {
                // Closing one that is not there is no error; it goes with the next message.
                self.close_statement(&name);
            }
        }
    }

    fn close_statement(&mut self, name: &str) {
        self.channel.put(b'C', |out| {
            out.push(b'S');
            put_text(out, name);
        });
    }

    fn parse(&mut self, name: &str, statement: &Statement<'_>) {
        self.channel.put(b'P', |out| {
            put_text(out, name);
            put_text(out, statement.sql);
            out.extend_from_slice(&(statement.params.len() as u16).to_be_bytes());
            for param in &statement.params {
                out.extend_from_slice(&param.oid.to_be_bytes());
            }
        });
    }

    fn bind(&mut self, portal: &str, name: &str, statement: &Statement<'_>) {
        self.channel.put(b'B', |out| {
            put_text(out, portal);
            put_text(out, name);
            let count = (statement.params.len() as u16).to_be_bytes();
            out.extend_from_slice(&count);
            for param in &statement.params {
                out.extend_from_slice(&u16::from(param.is_binary).to_be_bytes());
            }
            out.extend_from_slice(&count);
            for param in &statement.params {
                match &param.text {
                    Some(text) => {
                        out.extend_from_slice(&(text.len() as u32).to_be_bytes());
                        out.extend_from_slice(text);
                    }
                    None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
                }
            }
            out.extend_from_slice(&1_u16.to_be_bytes());
            out.extend_from_slice(&u16::from(!statement.as_text).to_be_bytes());
        });
    }

    fn put_execute(&mut self, portal: &str, most: u32) {
        self.channel.put(b'E', |out| {
            put_text(out, portal);
            out.extend_from_slice(&most.to_be_bytes());
        });
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.broken {
            return Err(Failure::Lost(io::Error::new(io::ErrorKind::NotConnected, "the connection is lost")));
        }
        self.channel.flush().map_err(|error| {
            self.broken = true;
            Failure::Lost(error)
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.broken {
            self.channel.put(b'X', |_| ());
            // Nobody is left to tell.
            let _ = self.channel.flush();
        }
    }
}

impl Cancel {
    /// Asks the server to end what the session runs. It may be too late; nobody is told.
    pub(super) fn send(&self) {
        const REQUEST: u32 = 80_877_102;
        let send = || -> io::Result<()> {
            let mut channel = Channel::connect(&self.address)?;
            channel.put_untagged(|out| {
                out.extend_from_slice(&REQUEST.to_be_bytes());
                out.extend_from_slice(&self.key);
            });
            channel.flush()?;
            // It closes the connection once the request is passed on.
            let _ = channel.receive();
            Ok(())
        };
        let _ = send();
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    // A NUL would end it early; names with one are refused long before.
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

/// The rows that a command's tag tells, as in `INSERT 0 5`.
fn rows_of(tag: &[u8]) -> u64 {
    let tag = tag.strip_suffix(&[0]).unwrap_or(tag);
    let last = tag.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(last).ok().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The columns of a row description.
fn columns(body: &[u8]) -> Vec<Described> {
    let mut columns = Vec::new();
    let mut rest = body.get(2..).unwrap_or_default();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        // After the name: table, column, type, its size, its modifier, format.
        let Some(facts) = rest.get(end + 1..end + 19) else { break };
        let oid = u32::from_be_bytes([facts[6], facts[7], facts[8], facts[9]]);
        columns.push(Described { name, oid });
        rest = &rest[end + 19..];
    }
    columns
}
