//! Logging in and out, the first administrator, and one's own account: password, codes, tokens.

use std::time::Duration;

use serde::Serialize;
use taipan_web::header::RETRY_AFTER;
use taipan_web::{
    ADMINISTRATORS, Denied, Fields, IntoResponse, NewUser, Peer, Problem, Query, Redirect, Response, Scope, Session,
    State as Shared, StatusCode, TokenInfo, User, blocking, format,
};

use super::shell::Shell;
use super::{Answer, page};
use crate::State;
use crate::access::Access;

/// What a form shows: what was typed, and what is wrong with it.
#[derive(Serialize, Default)]
struct Form {
    csrf: String,
    name: String,
    next: String,
    token: String,
    needs_code: bool,
    error: Option<String>,
}

#[derive(Serialize)]
struct Page {
    shell: Shell,
    form: Form,
}

#[derive(serde::Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    token: String,
}

/// A path on this site; anything else leads to the overview.
fn safe_next(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if is_path { next } else { "/" }
}

fn show(state: &State, template: &str, title: &str, here: &str, form: Form, status: StatusCode) -> Answer {
    let shell = Shell::bare(state, title, here);
    Ok(state.templates.render(template, &Page { shell, form })?.status(status).into_response())
}

pub(super) async fn login_form(Shared(state): Shared<State>, Query(asked): Query<Asked>, session: Session) -> Answer {
    let form = Form { csrf: session.csrf_token(), next: safe_next(&asked.next).to_owned(), ..Form::default() };
    show(&state, "login.html", "Log in", "/login", form, StatusCode::OK)
}

pub(super) async fn login(Shared(state): Shared<State>, session: Session, peer: Peer, fields: Fields) -> Answer {
    let text = |name: &str| fields.get(name).unwrap_or_default().to_owned();
    let (name, password, code) = (text("name"), text("password"), text("code"));
    let next = safe_next(&text("next")).to_owned();
    let accounts = state.access.accounts.clone();
    // Attempts are counted by address, which a listed proxy tells and nobody else.
    let address = peer.origin();
    let tried = (name.clone(), code.clone());
    let entered = blocking(move || accounts.login(&tried.0, &password, Some(&tried.1), &address)).await?;
    let (denied, status, needs_code) = match entered {
        Ok(user) => {
            Access::enter(&session, &user);
            return Ok(Redirect::to(&next).into_response());
        }
        Err(Denied::Failed(error)) => return Err(error.into()),
        Err(denied @ Denied::NeedsCode) => (denied, StatusCode::OK, true),
        Err(denied @ Denied::WrongCode) => (denied, StatusCode::FORBIDDEN, true),
        Err(denied @ Denied::TooMany(_)) => (denied, StatusCode::TOO_MANY_REQUESTS, !code.is_empty()),
        Err(denied) => (denied, StatusCode::FORBIDDEN, false),
    };
    let error = Some(denied.to_string());
    let form = Form { csrf: session.csrf_token(), name, next, needs_code, error, ..Form::default() };
    let mut page = show(&state, "login.html", "Log in", "/login", form, status)?;
    if let Denied::TooMany(wait) = denied {
        page.headers_mut().insert(RETRY_AFTER, wait.as_secs().saturating_add(1).into());
    }
    Ok(page)
}

pub(super) async fn logout(session: Session) -> Redirect {
    session.clear();
    Redirect::to("/")
}

pub(super) async fn setup_form(Shared(state): Shared<State>, Query(asked): Query<Asked>, session: Session) -> Answer {
    if !state.access.is_setup_token(&asked.token) {
        return Err(no_setup());
    }
    let form = Form { csrf: session.csrf_token(), token: asked.token, ..Form::default() };
    show(&state, "setup.html", "Set up an administrator", "/setup", form, StatusCode::OK)
}

pub(super) async fn setup(Shared(state): Shared<State>, session: Session, fields: Fields) -> Answer {
    let text = |name: &str| fields.get(name).unwrap_or_default().to_owned();
    let (name, password, token) = (text("name"), text("password"), text("token"));
    if !state.access.is_setup_token(&token) {
        return Err(no_setup());
    }
    let access = state.access.clone();
    let (user, used) = (NewUser::new(name.trim(), password).group(ADMINISTRATORS), token.clone());
    let made = blocking(move || {
        // Of two who come at once, one takes it.
        if !access.take_setup_token(&used) || !access.accounts.is_empty()? {
            return Ok(None);
        }
        match access.accounts.create(user) {
            Ok(user) => Ok(Some(user)),
            Err(error) => {
                access.return_setup_token(used);
                Err(error)
            }
        }
    })
    .await?;
    match made {
        Ok(Some(user)) => {
            Access::enter(&session, &user);
            session.flash("success", format!("Welcome, {}. You are the administrator.", user.name()));
            Ok(Redirect::to("/").into_response())
        }
        Ok(None) => Err(no_setup()),
        Err(error) => {
            let error = Some(wrong(&error)?);
            let form = Form { csrf: session.csrf_token(), name, token, error, ..Form::default() };
            show(&state, "setup.html", "Set up an administrator", "/setup", form, StatusCode::BAD_REQUEST)
        }
    }
}

fn no_setup() -> Problem {
    Problem::not_found("This link was used already, or is from an earlier start.")
        .hint("Where nobody has an account yet, the server prints a new link each time it starts.")
}

/// What a person can mend; other failures go on as such.
pub(super) fn wrong(error: &taipan_web::Error) -> Result<String, Problem> {
    match error.kind() {
        taipan_web::ErrorKind::Invalid { reason, .. } => {
            let mut letters = reason.chars();
            Ok(letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default())
        }
        _ => Err(Problem::internal(error)),
    }
}

#[derive(Serialize)]
struct AccountPage {
    shell: Shell,
    csrf: String,
    name: String,
    groups: Vec<String>,
    has_totp: bool,
    totp: Option<Totp>,
    tokens: Vec<Token>,
    new_token: Option<String>,
    messages: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Totp {
    key: String,
    address: String,
}

#[derive(Serialize)]
struct Token {
    id: String,
    label: String,
    scopes: String,
    created: String,
    until: Option<String>,
}

/// Who is logged in, or where that is done.
pub(super) fn known(state: &State, session: &Session, here: &str) -> Result<User, Box<Response>> {
    state
        .access
        .logged_in(session)
        .ok_or_else(|| Box::new(Redirect::to(&format!("/login?next={}", format::url_part(here))).into_response()))
}

pub(super) async fn account(Shared(state): Shared<State>, session: Session) -> Answer {
    page(state, move |state| {
        let user = match known(state, &session, "/account") {
            Ok(user) => user,
            Err(login) => return Ok(*login),
        };
        let accounts = &state.access.accounts;
        let key: Option<String> = session.get("totp");
        let totp = match (user.has_totp(), key) {
            (false, Some(key)) => {
                let site = format::url_part(state.project.name());
                let address =
                    format!("otpauth://totp/{site}:{}?secret={key}&issuer={site}", format::url_part(user.name()));
                Some(Totp { key, address })
            }
            _ => None,
        };
        let values = AccountPage {
            shell: Shell::new(state, "Account", "/account")?.of(&session, Some(&user)),
            csrf: session.csrf_token(),
            name: user.name().to_owned(),
            groups: user.groups().map(str::to_owned).collect(),
            has_totp: user.has_totp(),
            totp,
            tokens: accounts.tokens(user.name())?.into_iter().map(Token::of).collect(),
            new_token: session.take("new_token"),
            messages: session.flashes(),
        };
        Ok(state.templates.render("account.html", &values)?.into_response())
    })
    .await
}

impl Token {
    fn of(info: TokenInfo) -> Self {
        let scopes: Vec<&str> = info
            .scopes
            .iter()
            .map(|scope| match scope {
                Scope::Read => "read",
                Scope::Write => "write",
                _ => "admin",
            })
            .collect();
        Self {
            id: info.id,
            label: info.label,
            scopes: scopes.join(", "),
            created: super::users::day(info.created),
            until: info.until.map(super::users::day),
        }
    }
}

/// What the forms of the account page do; each says which by its field `do`.
pub(super) async fn change_account(Shared(state): Shared<State>, session: Session, fields: Fields) -> Answer {
    page(state, move |state| {
        let user = match known(state, &session, "/account") {
            Ok(user) => user,
            Err(login) => return Ok(*login),
        };
        let accounts = &state.access.accounts;
        let text = |name: &str| fields.get(name).unwrap_or_default().trim().to_owned();
        let raw = |name: &str| fields.get(name).unwrap_or_default().to_owned();
        let done = match text("do").as_str() {
            "password" => match accounts.login(user.name(), &raw("old"), Some(&text("code")), "account") {
                Ok(_) => accounts.set_password(user.name(), &raw("new")).map(|()| "The password is changed."),
                Err(Denied::Failed(error)) => Err(error),
                Err(denied) => {
                    session.flash("error", denied.to_string());
                    return Ok(Redirect::to("/account").into_response());
                }
            },
            "totp-new" => accounts.new_totp(state.project.name(), user.name()).map(|(key, _)| {
                session.set("totp", &key);
                "Enter the key into your app, then its code below."
            }),
            "totp-on" => {
                let key: String = session.get("totp").unwrap_or_default();
                accounts.enable_totp(user.name(), &key, &text("code")).map(|()| {
                    let _: Option<String> = session.take("totp");
                    "Codes are asked for from now on."
                })
            }
            "totp-off" => accounts.disable_totp(user.name()).map(|()| "Codes are not asked for any more."),
            "token" => {
                let scopes: Vec<Scope> = [("read", Scope::Read), ("write", Scope::Write), ("admin", Scope::Admin)]
                    .into_iter()
                    .filter(|(name, _)| fields.all("scope").contains(name))
                    .map(|(_, scope)| scope)
                    .collect();
                let days = text("days").parse::<u64>().ok().filter(|days| *days > 0);
                let lifetime = days.map(|days| Duration::from_secs(days.min(3650) * 86_400));
                accounts.create_token(user.name(), &text("label"), &scopes, lifetime).map(|token| {
                    session.set("new_token", &token);
                    "Copy the token now; it is shown once."
                })
            }
            "revoke" => accounts.revoke(user.name(), &text("id")).map(|_| "The token is worth nothing any more."),
            _ => return Err(Problem::of(StatusCode::BAD_REQUEST)),
        };
        match done {
            Ok(message) => {
                if let Some(user) = accounts.get(user.name())? {
                    // A changed password ends the other logins, not this one.
                    session.set("generation", &user.generation());
                }
                session.flash("success", message);
            }
            Err(error) => session.flash("error", wrong(&error)?),
        }
        Ok(Redirect::to("/account").into_response())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (next, expected) in [
            ("/admin?a=b", "/admin?a=b"),
            ("", "/"),
            ("https://evil.example", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("javascript:alert(1)", "/"),
        ] {
            assert_eq!(safe_next(next), expected, "{next}");
        }
    }
}
