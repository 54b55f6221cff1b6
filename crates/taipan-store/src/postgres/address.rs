//! Where a PostgreSQL server is, read from a URL: `postgres://user:password@host:5432/database?sslmode=verify-full`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};

/// How long a connection may take to be made, unless the URL says otherwise.
const CONNECT: Duration = Duration::from_secs(10);

/// Where a server is, and as whom to speak to it.
#[derive(Clone)]
pub(crate) struct Address {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) database: String,
    pub(super) tls: Tls,
    /// A file of certificates to trust instead of the system's.
    pub(super) root: Option<PathBuf>,
    pub(super) connect: Duration,
    /// The most connections kept for short work.
    pub(super) most: usize,
    /// The schema whose tables are meant; the user's own first one without.
    pub(super) schema: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    /// A folder with the server's socket.
    Folder(PathBuf),
}

/// How much the connection is protected, as libpq's `sslmode` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    Disable,
    /// Encrypted where the server can, to whoever answers.
    Prefer,
    /// Encrypted, to whoever answers.
    Require,
    /// Encrypted, to a server whose certificate is trusted and of this host.
    Verify,
}

impl Address {
    /// Reads a URL. What it does not say is taken from `PGUSER` and `PGPASSWORD`.
    pub(crate) fn parse(url: &str) -> Result<Address> {
        let refused = |what: String| Error::unsupported(format!("postgres://…: {what}"));
        let Some((_, rest)) = url.split_once("://") else { return Err(refused("not a URL".to_owned())) };
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        let text = |part: &str| decoded(part).ok_or_else(|| refused("a part of the URL is badly escaped".to_owned()));
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let host = match text(host)? {
            host if host.is_empty() => Host::Name("localhost".to_owned()),
            host if host.starts_with('/') => Host::Folder(host.into()),
            host => Host::Name(host),
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| refused(format!("\"{port}\" is not a port")))?,
            None => 5432,
        };
        let user = match text(user)? {
            user if user.is_empty() => std::env::var("PGUSER").or_else(|_| std::env::var("USER")).unwrap_or_default(),
            user => user,
        };
        if user.is_empty() {
            return Err(refused("no user is named; give one, as in postgres://user@host/database".to_owned()));
        }
        let password = password.map(text).transpose()?.or_else(|| std::env::var("PGPASSWORD").ok());
        let database = match text(database)? {
            database if database.is_empty() => user.clone(),
            database => database,
        };
        let tls = if matches!(host, Host::Folder(_)) { Tls::Disable } else { Tls::Prefer };
        let mut address =
            Address { host, port, user, password, database, tls, root: None, connect: CONNECT, most: 10, schema: None };
        for (name, value) in options
            .split('&')
            .filter(|option| !option.is_empty())
            .map(|option| option.split_once('=').unwrap_or((option, "")))
        {
            let value = text(value)?;
            let number = || value.parse::<u64>().map_err(|_| refused(format!("{name}={value} is not a number")));
            match name {
                "host" if value.starts_with('/') => {
                    address.host = Host::Folder(value.into());
                    address.tls = Tls::Disable;
                }
                "sslmode" => {
                    address.tls = match &*value {
                        "disable" => Tls::Disable,
                        "allow" | "prefer" => Tls::Prefer,
                        "require" => Tls::Require,
                        "verify-ca" | "verify-full" => Tls::Verify,
                        _ => {
                            let known = "disable, prefer, require or verify-full";
                            return Err(refused(format!("sslmode={value} is not one of {known}")));
                        }
                    }
                }
                "sslrootcert" => address.root = Some(value.into()),
                "connect_timeout" => address.connect = Duration::from_secs(number()?.max(1)),
                "schema" => address.schema = Some(value),
                "pool" => address.most = (number()? as usize).clamp(1, 1000),
                _ => return Err(refused(format!("the option \"{name}\" is not known"))),
            }
        }
        Ok(address)
    }

    /// As it may be shown: without the password.
    pub(crate) fn shown(&self) -> String {
        match &self.host {
            Host::Name(host) if host.contains(':') => format!("postgres://[{host}]:{}/{}", self.port, self.database),
            Host::Name(host) => format!("postgres://{host}:{}/{}", self.port, self.database),
            Host::Folder(folder) => format!("postgres://{}:{}/{}", folder.display(), self.port, self.database),
        }
    }

    /// What PostgreSQL's own programs need to reach the same database, as environment variables.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let host = match &self.host {
            Host::Name(host) => host.clone(),
            Host::Folder(folder) => folder.to_string_lossy().into_owned(),
        };
        let mode = match self.tls {
            Tls::Disable => "disable",
            Tls::Prefer => "prefer",
            Tls::Require => "require",
            Tls::Verify => "verify-full",
        };
        let mut set = vec![
            ("PGHOST", host),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", self.user.clone()),
            ("PGDATABASE", self.database.clone()),
            ("PGSSLMODE", mode.to_owned()),
        ];
        set.extend(self.password.clone().map(|password| ("PGPASSWORD", password)));
        set.extend(self.root.as_ref().map(|root| ("PGSSLROOTCERT", root.to_string_lossy().into_owned())));
        set
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// A part of a URL with its `%xx` resolved.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        if *byte == b'%' {
            let (digits, tail) = tail.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(*byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let shown = |url: &str| Address::parse(url).map_or_else(|error| error.to_string(), |address| address.shown());
        let cases = [
            ("postgres://me:secret@db.example:6543/shop", "postgres://db.example:6543/shop"),
            ("postgresql://me@db/shop", "postgres://db:5432/shop"),
            ("postgres://me@localhost", "postgres://localhost:5432/me"),
            ("postgres://me@[::1]:77/x", "postgres://[::1]:77/x"),
            ("postgres://me@%2Frun%2Fpg/x", "postgres:///run/pg:5432/x"),
            ("postgres://me@/x?host=/run/pg", "postgres:///run/pg:5432/x"),
            ("postgres://me@h:port/x", "postgres://…: \"port\" is not a port"),
            ("postgres://me@h/%zz", "postgres://…: a part of the URL is badly escaped"),
            ("postgres://me@h/x?ssl=1", "postgres://…: the option \"ssl\" is not known"),
            (
                "postgres://me@h/x?sslmode=on",
                "postgres://…: sslmode=on is not one of disable, prefer, require or verify-full",
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn a_password_is_read_and_never_shown() {
        let address = Address::parse("postgres://me:s%40cret@h/x?sslmode=require").unwrap();
        assert_eq!(address.password.as_deref(), Some("s@cret"));
        assert_eq!(address.tls, Tls::Require);
        assert!(!format!("{address:?}").contains("cret"));
    }
}
