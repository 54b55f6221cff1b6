//! Accounts: users with passwords, groups with permissions, tokens for programs, all kept in a database.
//!
//! ```
//! use taipan_store::Store;
//! use taipan_web::{Accounts, NewUser, Scope};
//! let accounts = Accounts::new(Store::open("sqlite::memory:")?);
//! accounts.create(NewUser::new("ada", "a long password").group("staff"))?;
//! assert!(accounts.login("ada", "a long password", None, "127.0.0.1").is_ok());
//! let token = accounts.create_token("ada", "import", &[Scope::Read], None)?;
//! assert_eq!(accounts.by_token(&token)?.unwrap().name(), "ada");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod password;
mod totp;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use taipan_store::{Artifact, Store};

use crate::limit::{Limit, RateLimit};
use crate::secret::{random_token, token_hash};
use crate::session::now;
use crate::{Error, ErrorKind, Result};

const USERS: &str = "web.user";
const GROUPS: &str = "web.group";
const TOKENS: &str = "web.token";
const RESETS: &str = "web.reset";

/// The group whose members may do everything.
pub const ADMINISTRATORS: &str = "administrators";

/// The accounts of a site. Cloning gives another handle of the same.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    /// One change at a time, so that none is lost.
    changes: Arc<Mutex<()>>,
    by_user: Arc<RateLimit>,
    by_address: Arc<RateLimit>,
    cost: password::Cost,
    /// What a name that is not there is compared with, so that the time does not tell that.
    nobody: Arc<Mutex<Option<String>>>,
}

/// Somebody to be added.
#[derive(Debug, Clone)]
#[must_use]
pub struct NewUser {
    name: String,
    password: String,
    groups: BTreeSet<String>,
}

/// Somebody who has an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    groups: BTreeSet<String>,
    permissions: BTreeSet<String>,
    active: bool,
    has_totp: bool,
    created: u64,
    /// What a token lets its bearer do; none for somebody who logged in.
    scopes: Option<BTreeSet<Scope>>,
    generation: u64,
}

/// What a token lets its bearer do, of what its user may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Scope {
    /// Read.
    Read,
    /// Change data.
    Write,
    /// Manage accounts and the application.
    Admin,
}

/// A token as its owner sees it; the token itself is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TokenInfo {
    /// By which it is revoked.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it is for.
    pub label: String,
    /// What it lets its bearer do.
    pub scopes: Vec<Scope>,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it ends, if it does.
    pub until: Option<u64>,
}

/// Why somebody was not let in. To those who ask, the first three are one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Denied {
    /// The name or the password is wrong, or the account is closed.
    Wrong,
    /// A code of the authenticator app is needed as well.
    NeedsCode,
    /// The code is wrong or was used already.
    WrongCode,
    /// Too many attempts; try again after this time.
    TooMany(Duration),
    /// The accounts cannot be read.
    Failed(Error),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct UserRecord {
    name: String,
    hash: String,
    groups: BTreeSet<String>,
    active: bool,
    created: u64,
    /// Sessions of an earlier one are over.
    generation: u64,
    #[serde(default)]
    totp: Option<String>,
    /// The last step of which a code was used.
    #[serde(default)]
    totp_used: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TokenRecord {
    user: String,
    label: String,
    scopes: BTreeSet<Scope>,
    created: u64,
    until: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ResetRecord {
    user: String,
    until: u64,
    generation: u64,
}

impl NewUser {
    /// A user with a password, in no group.
    pub fn new(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { name: name.into(), password: password.into(), groups: BTreeSet::new() }
    }

    /// Adds the user to a group.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.insert(group.into());
        self
    }
}

impl User {
    /// The name by which the user logs in.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The groups that the user is in.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(String::as_str)
    }

    /// Whether the user is in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.contains(group)
    }

    /// Whether the user may do everything, and this is not a token that may less.
    pub fn is_administrator(&self) -> bool {
        self.is_in(ADMINISTRATORS) && self.has_scope(Scope::Admin)
    }

    /// Whether the user has a permission, by one of the groups or as an administrator.
    pub fn may(&self, permission: &str) -> bool {
        self.is_in(ADMINISTRATORS) || self.permissions.contains(permission)
    }

    /// Whether the login or token reaches so far.
    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }

    /// Whether the user can log in.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Whether a code of an authenticator app is asked for.
    pub fn has_totp(&self) -> bool {
        self.has_totp
    }

    /// When the account was made, in seconds since 1970.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// Changes with the password, so that older logins can be told to be over.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl Accounts {
    /// The accounts in a database.
    pub fn new(store: Store) -> Self {
        let limit = |burst, every| Arc::new(RateLimit::new(Limit::new(burst, every)));
        Self {
            store,
            changes: Arc::default(),
            by_user: limit(10, Duration::from_mins(1)),
            by_address: limit(50, Duration::from_secs(12)),
            cost: password::USUAL,
            nobody: Arc::default(),
        }
    }

    /// The same with hashes that are quick to make, and to guess: for tests.
    #[must_use]
    pub fn with_quick_hashes(mut self) -> Self {
        self.cost = password::Cost { memory: 64, passes: 1 };
        self
    }

    /// Adds a user.
    ///
    /// # Errors
    /// `Invalid` for a name that is taken or no name, and for a password that is too short.
    pub fn create(&self, user: NewUser) -> Result<User> {
        let valid = !user.name.is_empty()
            && user.name.len() <= 100
            && user.name.chars().all(|c| c.is_alphanumeric() || "._-@+".contains(c));
        if !valid {
            return Err(Error::invalid("name", "use letters, digits and . _ - @ +, 100 at most"));
        }
        check_password(&user.password)?;
        let hash = password::hash(&user.password, self.cost)?;
        let _guard = self.guard();
        if self.record(&user.name)?.is_some() {
            return Err(Error::invalid("name", "there is a user of this name already"));
        }
        let NewUser { name, groups, .. } = user;
        let record =
            UserRecord { name, hash, groups, active: true, created: now(), generation: 0, totp: None, totp_used: 0 };
        self.put(USERS, &record.name.to_lowercase(), &record)?;
        self.user(record, None)
    }

    /// The user of this name, in whatever case.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<User>> {
        self.record(name)?.map(|record| self.user(record, None)).transpose()
    }

    /// All users by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn all(&self) -> Result<Vec<User>> {
        let records = self.store.artifacts(USERS)?;
        let read = records.iter().filter_map(|artifact| serde_json::from_slice(&artifact.bytes).ok());
        read.map(|record| self.user(record, None)).collect()
    }

    /// Whether anybody has an account.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.store.artifacts(USERS)?.is_empty())
    }

    /// Lets somebody in who knows the password, and the code of the authenticator app where one is set up. Attempts are
    /// counted by name and by the address that they come from.
    ///
    /// # Errors
    /// Why not.
    pub fn login(&self, name: &str, password: &str, code: Option<&str>, address: &str) -> Result<User, Denied> {
        let key = name.to_lowercase();
        for (limit, key) in [(&self.by_address, address), (&self.by_user, key.as_str())] {
            limit.check(key).map_err(Denied::TooMany)?;
        }
        let record = self.record(name).map_err(Denied::Failed)?;
        let hash = match &record {
            Some(record) => record.hash.clone(),
            None => self.nobody().map_err(Denied::Failed)?,
        };
        let is_right = password.len() <= password::LONGEST && password::verify(password, &hash);
        let Some(record) = record.filter(|record| is_right && record.active) else { return Err(Denied::Wrong) };
        let record = self.check_code(record, code)?;
        self.by_user.forgive(&key);
        self.user(record, None).map_err(Denied::Failed)
    }

    fn check_code(&self, record: UserRecord, code: Option<&str>) -> Result<UserRecord, Denied> {
        let Some(totp) = record.totp.clone() else { return Ok(record) };
        let Some(code) = code.filter(|code| !code.is_empty()) else { return Err(Denied::NeedsCode) };
        let _guard = self.guard();
        let record = self.record(&record.name).map_err(Denied::Failed)?.ok_or(Denied::Wrong)?;
        match totp::verify(&totp, code, now()) {
            Some(step) if step > record.totp_used => {
                let record = UserRecord { totp_used: step, ..record };
                self.put(USERS, &record.name.to_lowercase(), &record).map_err(Denied::Failed)?;
                Ok(record)
            }
            _ => Err(Denied::WrongCode),
        }
    }

    /// Changes somebody's password; logins and reset links from before are over.
    ///
    /// # Errors
    /// `Invalid` for a password that is too short, or where there is no such user.
    pub fn set_password(&self, name: &str, password: &str) -> Result<()> {
        check_password(password)?;
        let hash = password::hash(password, self.cost)?;
        self.change(name, |record| {
            record.hash = hash;
            record.generation += 1;
        })
    }

    /// Opens or closes an account; the logins of a closed one are over.
    ///
    /// # Errors
    /// `Invalid` where there is no such user, or no other administrator would be left.
    pub fn set_active(&self, name: &str, active: bool) -> Result<()> {
        self.keep_an_administrator(name, !active)?;
        self.change(name, |record| {
            record.active = active;
            record.generation += u64::from(!active);
        })
    }

    /// Sets the groups that somebody is in.
    ///
    /// # Errors
    /// `Invalid` where there is no such user, or no administrator would be left.
    pub fn set_groups(&self, name: &str, groups: impl IntoIterator<Item = String>) -> Result<()> {
        let groups: BTreeSet<String> = groups.into_iter().filter(|group| !group.is_empty()).collect();
        self.keep_an_administrator(name, !groups.contains(ADMINISTRATORS))?;
        self.change(name, |record| record.groups = groups)
    }

    /// Removes an account with its tokens.
    ///
    /// # Errors
    /// `Invalid` where there is no such user, or no administrator would be left.
    pub fn remove(&self, name: &str) -> Result<()> {
        self.keep_an_administrator(name, true)?;
        let _guard = self.guard();
        let record = self.record(name)?.ok_or_else(|| no_such_user(name))?;
        for token in self.tokens(&record.name)? {
            self.store.drop_artifact(TOKENS, &token.id)?;
        }
        self.store.drop_artifact(USERS, &record.name.to_lowercase())?;
        Ok(())
    }

    /// Sets what the members of a group may do.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn set_permissions(&self, group: &str, permissions: &[&str]) -> Result<()> {
        let _guard = self.guard();
        self.put(GROUPS, group, &permissions)
    }

    /// A key for an authenticator app, not yet in force, and the address that a QR code for it holds.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn new_totp(&self, site: &str, name: &str) -> Result<(String, String)> {
        let key = totp::new_key()?;
        let address = totp::address(&key, site, name);
        Ok((key, address))
    }

    /// Asks for codes of this key from now on, once a first one shows that the app has it.
    ///
    /// # Errors
    /// `Invalid` for a wrong code or where there is no such user.
    pub fn enable_totp(&self, name: &str, key: &str, code: &str) -> Result<()> {
        let step = totp::verify(key, code, now()).ok_or_else(|| Error::invalid("code", "the code is wrong"))?;
        self.change(name, |record| {
            record.totp = Some(key.to_owned());
            record.totp_used = step;
        })
    }

    /// Asks for no codes any more.
    ///
    /// # Errors
    /// `Invalid` where there is no such user.
    pub fn disable_totp(&self, name: &str) -> Result<()> {
        self.change(name, |record| record.totp = None)
    }

    /// The code that an app would show now: for tests.
    pub fn totp_code(key: &str) -> Option<String> {
        totp::code_at(key, now())
    }

    /// A token with which a new password can be set once, within an hour.
    ///
    /// # Errors
    /// `Invalid` where there is no such user.
    pub fn reset_token(&self, name: &str) -> Result<String> {
        let record = self.record(name)?.ok_or_else(|| no_such_user(name))?;
        let token = random_token()?;
        let reset = ResetRecord { user: record.name, until: now() + 3600, generation: record.generation };
        self.put(RESETS, &token_hash(&token), &reset)?;
        Ok(token)
    }

    /// Sets a password by such a token, which is worth nothing afterwards. Returns whose.
    ///
    /// # Errors
    /// `Invalid` for a token that was used, is too old or never was one, and for a password that is too short.
    pub fn reset_password(&self, token: &str, password: &str) -> Result<String> {
        check_password(password)?;
        let key = token_hash(token);
        let worthless = || Error::invalid("token", "this link was used already or is too old; ask for another");
        let artifact = self.store.artifact(RESETS, &key)?.ok_or_else(worthless)?;
        let reset: ResetRecord = serde_json::from_slice(&artifact.bytes).map_err(|_| worthless())?;
        // Whoever drops it may use it.
        let was_there = self.store.drop_artifact(RESETS, &key)?;
        let record = self.record(&reset.user)?.ok_or_else(worthless)?;
        if !was_there || reset.until < now() || reset.generation != record.generation {
            return Err(worthless());
        }
        self.set_password(&reset.user, password)?;
        Ok(reset.user)
    }

    /// Makes a token for programs, and returns it: it cannot be read again.
    ///
    /// # Errors
    /// `Invalid` where there is no such user.
    pub fn create_token(
        &self,
        user: &str,
        label: &str,
        scopes: &[Scope],
        lifetime: Option<Duration>,
    ) -> Result<String> {
        let user = self.record(user)?.ok_or_else(|| no_such_user(user))?.name;
        let token = format!("tpn_{}", random_token()?);
        let until = lifetime.map(|lifetime| now() + lifetime.as_secs());
        let scopes = scopes.iter().copied().collect();
        let record = TokenRecord { user, label: label.to_owned(), scopes, created: now(), until };
        self.put(TOKENS, &token_hash(&token), &record)?;
        Ok(token)
    }

    /// The user whose token this is, with no more than its scopes; none for a token that is not there or has ended.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn by_token(&self, token: &str) -> Result<Option<User>> {
        if !token.starts_with("tpn_") || token.len() > 100 {
            return Ok(None);
        }
        let Some(artifact) = self.store.artifact(TOKENS, &token_hash(token))? else { return Ok(None) };
        let Ok(token) = serde_json::from_slice::<TokenRecord>(&artifact.bytes) else { return Ok(None) };
        if token.until.is_some_and(|until| until <= now()) {
            return Ok(None);
        }
        let record = self.record(&token.user)?.filter(|record| record.active);
        record.map(|record| self.user(record, Some(token.scopes))).transpose()
    }

    /// The tokens of a user.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tokens(&self, user: &str) -> Result<Vec<TokenInfo>> {
        let artifacts = self.store.artifacts(TOKENS)?;
        let info = |artifact: Artifact| {
            let token: TokenRecord = serde_json::from_slice(&artifact.bytes).ok()?;
            let TokenRecord { user, label, scopes, created, until } = token;
            Some(TokenInfo { id: artifact.name, user, label, scopes: scopes.into_iter().collect(), created, until })
        };
        let mut tokens: Vec<TokenInfo> =
            artifacts.into_iter().filter_map(info).filter(|token| token.user == user).collect();
        tokens.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        Ok(tokens)
    }

    /// Ends a token; true if that user had it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn revoke(&self, user: &str, id: &str) -> Result<bool> {
        let has = self.tokens(user)?.iter().any(|token| token.id == id);
        Ok(has && self.store.drop_artifact(TOKENS, id)?)
    }

    fn guard(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A hash of what nobody knows.
    fn nobody(&self) -> Result<String> {
        let mut nobody = self.nobody.lock().unwrap_or_else(PoisonError::into_inner);
        match &*nobody {
            Some(hash) => Ok(hash.clone()),
            None => Ok(nobody.insert(password::hash(&random_token()?, self.cost)?).clone()),
        }
    }

    fn record(&self, name: &str) -> Result<Option<UserRecord>> {
        let artifact = self.store.artifact(USERS, &name.to_lowercase())?;
        Ok(artifact.and_then(|artifact| serde_json::from_slice(&artifact.bytes).ok()))
    }

    fn put(&self, kind: &str, name: &str, value: &impl Serialize) -> Result<()> {
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        let (kind, name, fingerprint) = (kind.to_owned(), name.to_owned(), String::new());
        Ok(self.store.put_artifact(&Artifact { kind, name, fingerprint, bytes })?)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut UserRecord)) -> Result<()> {
        let _guard = self.guard();
        let mut record = self.record(name)?.ok_or_else(|| no_such_user(name))?;
        change(&mut record);
        self.put(USERS, &record.name.to_lowercase(), &record)
    }

    fn keep_an_administrator(&self, name: &str, leaves: bool) -> Result<()> {
        if !leaves || !self.get(name)?.is_some_and(|user| user.is_in(ADMINISTRATORS)) {
            return Ok(());
        }
        let others = self.all()?.into_iter().filter(|user| user.active && !user.name.eq_ignore_ascii_case(name));
        if others.into_iter().any(|user| user.is_in(ADMINISTRATORS)) {
            return Ok(());
        }
        Err(Error::invalid("name", "this is the only administrator; make another first"))
    }

    fn user(&self, record: UserRecord, scopes: Option<BTreeSet<Scope>>) -> Result<User> {
        let mut permissions = BTreeSet::new();
        for group in &record.groups {
            if let Some(artifact) = self.store.artifact(GROUPS, group)? {
                permissions.extend(serde_json::from_slice::<Vec<String>>(&artifact.bytes).unwrap_or_default());
            }
        }
        Ok(User {
            name: record.name,
            groups: record.groups,
            permissions,
            active: record.active,
            has_totp: record.totp.is_some(),
            created: record.created,
            scopes,
            generation: record.generation,
        })
    }
}

fn check_password(password: &str) -> Result<()> {
    if password.chars().count() < password::SHORTEST {
        return Err(Error::invalid("password", format!("use {} characters at least", password::SHORTEST)));
    }
    if password.len() > password::LONGEST {
        return Err(Error::invalid("password", format!("use {} bytes at most", password::LONGEST)));
    }
    Ok(())
}

fn no_such_user(name: &str) -> Error {
    Error::invalid("name", format!("there is no user “{name}”"))
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("store", &self.store).finish_non_exhaustive()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => f.write_str("The name or the password is wrong."),
            Self::NeedsCode => f.write_str("Enter the code that your authenticator app shows."),
            Self::WrongCode => f.write_str("The code is wrong or was used already."),
            Self::TooMany(wait) => {
                let seconds = wait.as_secs().max(1);
                write!(f, "Too many attempts; try again in {}.", crate::format::plural(seconds, "second"))
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Denied {}

impl From<taipan_store::Error> for Error {
    fn from(error: taipan_store::Error) -> Self {
        Self::with_source(ErrorKind::Store(error.to_string()), error)
    }
}

#[cfg(test)]
mod tests;
