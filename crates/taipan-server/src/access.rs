//! Who may do what. A request is made by somebody who logged in (a session's cookie), by a program with a token
//! (`Authorization: Bearer …`), or by nobody known.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use taipan::store::resource::{Classes, Declared};
use taipan_web::axum::http::Extensions;
use taipan_web::{Accounts, HeaderMap, Problem, Scope, Session, StatusCode, User, header, random_token};

use crate::error::{Error, Result};
use crate::rights::Asker;

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Who {
    /// Nobody.
    Nobody,
    /// Those who logged in and, for writing, are in the group `staff` or are administrators; and their tokens.
    Users,
    /// Everybody who reaches the server.
    Everybody,
}

/// What is done to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Write,
}

impl Verb {
    /// The scope that a token needs for it, and its name.
    pub(crate) fn scope(self) -> (Scope, &'static str) {
        match self {
            Self::Read => (Scope::Read, "read"),
            Self::Write => (Scope::Write, "write"),
        }
    }
}

/// The group whose members may write.
pub(crate) const STAFF: &str = "staff";

/// The rules of an application, and its accounts. In one piece, since each request has its own handle: one count of
/// handles is shared by all threads, not one for each part.
#[derive(Debug, Clone)]
pub(crate) struct Access(Arc<Rules>);

#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) read: Who,
    pub(crate) write: Who,
    pub(crate) accounts: Accounts,
    /// The classes of the application, whose tables have rules of their own.
    pub(crate) classes: Classes,
    setup: Mutex<Option<String>>,
}

impl Deref for Access {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.0
    }
}

impl Access {
    pub(crate) fn new(read: Who, write: Who, accounts: Accounts, classes: Classes) -> Self {
        Self(Arc::new(Rules { read, write, accounts, classes, setup: Mutex::default() }))
    }

    /// The class of a table, if it has one.
    pub(crate) fn class_of(&self, table: &str) -> Option<&Declared> {
        self.classes.of_table(table)
    }

    /// Whoever sends a request. Where it makes no difference who reads, nobody is looked up.
    ///
    /// # Errors
    /// As [`user`](Self::user).
    pub(crate) fn asker(&self, headers: &HeaderMap, extensions: &Extensions, verb: Verb) -> Result<Asker> {
        let is_open = verb == Verb::Read && self.read == Who::Everybody && self.classes.is_empty();
        let user = if is_open && !headers.contains_key(header::AUTHORIZATION) {
            None
        } else {
            self.user(headers, extensions)?
        };
        Ok(Asker::new(self, user))
    }

    /// Whoever logged in, or nobody.
    pub(crate) fn visitor(&self, session: &Session) -> Asker {
        Asker::new(self, self.logged_in(session))
    }

    /// Who sends a request, if that is known.
    ///
    /// # Errors
    /// 401 for a token that is not, or no longer, worth anything.
    pub(crate) fn user(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Option<User>> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(|text| text.split_once(' '));
            let token =
                token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
            let user = token.map(|token| self.accounts.by_token(token)).transpose()?.flatten();
            return user.map(Some).ok_or_else(Error::invalid_token);
        }
        Ok(extensions.get::<Session>().and_then(|session| self.logged_in(session)))
    }

    /// Who logged in, unless the account was closed or its password changed since.
    pub(crate) fn logged_in(&self, session: &Session) -> Option<User> {
        let name: String = session.get("user")?;
        let user = self.accounts.get(&name).ok()??;
        let is_current = session.get::<u64>("generation") == Some(user.generation());
        (is_current && user.is_active()).then_some(user)
    }

    /// Lets somebody in: the session gets another name, and theirs.
    pub(crate) fn enter(session: &Session, user: &User) {
        session.rotate();
        session.set("user", &user.name());
        session.set("generation", &user.generation());
    }

    /// Whether whoever sends a request may do this.
    ///
    /// # Errors
    /// 401 for those who would have to log in, 403 for those who did.
    pub(crate) fn check(&self, headers: &HeaderMap, extensions: &Extensions, verb: Verb) -> Result<()> {
        let who = match verb {
            Verb::Read => self.read,
            Verb::Write => self.write,
        };
        if who == Who::Everybody && !headers.contains_key(header::AUTHORIZATION) {
            return Ok(());
        }
        let user = self.user(headers, extensions)?;
        if self.allows(user.as_ref(), verb) {
            return Ok(());
        }
        Err(refused(user.as_ref(), verb, "permission denied".to_owned()))
    }

    /// Whether somebody may do this.
    pub(crate) fn allows(&self, user: Option<&User>, verb: Verb) -> bool {
        let (who, scope) = match verb {
            Verb::Read => (self.read, Scope::Read),
            Verb::Write => (self.write, Scope::Write),
        };
        match (who, user) {
            (Who::Everybody, None) => true,
            (Who::Everybody, Some(user)) => user.has_scope(scope),
            (Who::Users, Some(user)) => {
                let may = verb == Verb::Read || user.may(STAFF) || user.is_in(STAFF);
                may && user.has_scope(scope)
            }
            (Who::Nobody, _) | (Who::Users, None) => false,
        }
    }

    /// A token with which the first administrator can be made; none where there are accounts already.
    pub(crate) fn new_setup_token(&self) -> Option<String> {
        if !self.accounts.is_empty().unwrap_or(false) {
            return None;
        }
        let token = random_token().ok()?;
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Some(token)
    }

    /// Whether this is the token.
    pub(crate) fn is_setup_token(&self, token: &str) -> bool {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(token)
    }

    /// Makes a token good again, where nothing came of it.
    pub(crate) fn return_setup_token(&self, token: String) {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// Uses the token up; true for the one who does.
    pub(crate) fn take_setup_token(&self, token: &str) -> bool {
        let mut setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = setup.as_deref() == Some(token);
        if is_right {
            *setup = None;
        }
        is_right
    }
}

/// That somebody may not do something: 401 for those who are not known, 403 for those who are. A token that is of too
/// little is told of what it would have to be.
pub(crate) fn refused(user: Option<&User>, verb: Verb, message: String) -> Error {
    let Some(user) = user else { return Error::unknown_asker(message) };
    let error = Error::new(StatusCode::FORBIDDEN, "42501", message);
    let (scope, name) = verb.scope();
    if user.has_scope(scope) {
        return error;
    }
    error.hint(format!("The token lacks the scope {name}; make one with it on your account page."))
}

/// Sends a person who has to log in to where that is done, and back afterwards.
pub(crate) fn to_login(path: &str) -> Problem {
    Problem::of(StatusCode::UNAUTHORIZED).hint(format!("Log in at /login?next={}", taipan_web::format::url_part(path)))
}
