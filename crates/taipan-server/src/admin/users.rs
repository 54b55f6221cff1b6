//! `/admin/users`: accounts, for administrators.

use serde::Serialize;
use taipan_web::{
    ADMINISTRATORS, Fields, IntoResponse, NewUser, Problem, Redirect, Session, State as Shared, StatusCode,
};

use super::account::{known, wrong};
use super::shell::Shell;
use super::{Answer, page};
use crate::State;
use crate::access::STAFF;

#[derive(Serialize)]
struct View {
    shell: Shell,
    csrf: String,
    users: Vec<Entry>,
    messages: Vec<(String, String)>,
    link: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    role: &'static str,
    groups: String,
    active: bool,
    has_totp: bool,
    created: String,
    is_self: bool,
}

pub(super) async fn list(Shared(state): Shared<State>, session: Session) -> Answer {
    page(state, move |state| {
        let user = match known(state, &session, "/admin/users") {
            Ok(user) => user,
            Err(login) => return Ok(*login),
        };
        if !user.is_administrator() {
            return Err(only_administrators());
        }
        let users = state.access.accounts.all()?.into_iter().map(|entry| Entry {
            name: entry.name().to_owned(),
            role: role(entry.is_in(ADMINISTRATORS), entry.is_in(STAFF)),
            groups: entry.groups().collect::<Vec<_>>().join(", "),
            active: entry.is_active(),
            has_totp: entry.has_totp(),
            created: day(entry.created()),
            is_self: entry.name() == user.name(),
        });
        let values = View {
            shell: Shell::new(state, "Users", "/admin/users")?.of(&session, Some(&user)),
            csrf: session.csrf_token(),
            users: users.collect(),
            messages: session.flashes(),
            link: session.take("reset_link"),
        };
        Ok(state.templates.render("users.html", &values)?.into_response())
    })
    .await
}

fn role(is_administrator: bool, is_staff: bool) -> &'static str {
    match (is_administrator, is_staff) {
        (true, _) => "administrator",
        (false, true) => "staff",
        (false, false) => "reader",
    }
}

fn only_administrators() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "Only administrators manage users.")
}

/// What the forms of the page do; each says which by its field `do`.
pub(super) async fn change(Shared(state): Shared<State>, session: Session, fields: Fields) -> Answer {
    page(state, move |state| {
        let user = match known(state, &session, "/admin/users") {
            Ok(user) => user,
            Err(login) => return Ok(*login),
        };
        if !user.is_administrator() {
            return Err(only_administrators());
        }
        let accounts = &state.access.accounts;
        let text = |name: &str| fields.get(name).unwrap_or_default().trim().to_owned();
        let name = text("name");
        let groups = || -> Vec<String> {
            match text("role").as_str() {
                "administrator" => vec![ADMINISTRATORS.to_owned()],
                "staff" => vec![STAFF.to_owned()],
                _ => Vec::new(),
            }
        };
        let done = match text("do").as_str() {
            "create" => {
                let password = fields.get("password").unwrap_or_default();
                let new = groups().into_iter().fold(NewUser::new(&name, password), NewUser::group);
                accounts.create(new).map(|user| format!("{} can log in now.", user.name()))
            }
            "role" => accounts.set_groups(&name, groups()).map(|()| format!("{name} has another role now.")),
            "close" => accounts.set_active(&name, false).map(|()| format!("{name} can no longer log in.")),
            "open" => accounts.set_active(&name, true).map(|()| format!("{name} can log in again.")),
            "remove" => accounts.remove(&name).map(|()| format!("{name} is removed.")),
            "reset" => accounts.reset_token(&name).map(|token| {
                session.set("reset_link", &format!("/reset?token={token}"));
                format!("Give {name} the link below; it is good for an hour, once.")
            }),
            _ => return Err(Problem::of(StatusCode::BAD_REQUEST)),
        };
        match done {
            Ok(message) => session.flash("success", message),
            Err(error) => session.flash("error", wrong(&error)?),
        }
        Ok(Redirect::to("/admin/users").into_response())
    })
    .await
}

#[derive(Serialize)]
struct Reset {
    shell: Shell,
    csrf: String,
    token: String,
    error: Option<String>,
}

#[derive(serde::Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    token: String,
}

pub(super) async fn reset_form(
    Shared(state): Shared<State>,
    taipan_web::Query(asked): taipan_web::Query<Asked>,
    session: Session,
) -> Answer {
    let shell = Shell::bare(&state, "Set a new password", "/reset");
    let values = Reset { shell, csrf: session.csrf_token(), token: asked.token, error: None };
    Ok(state.templates.render("reset.html", &values)?.into_response())
}

pub(super) async fn reset(Shared(state): Shared<State>, session: Session, fields: Fields) -> Answer {
    page(state, move |state| {
        let text = |name: &str| fields.get(name).unwrap_or_default().to_owned();
        match state.access.accounts.reset_password(&text("token"), &text("password")) {
            Ok(_) => Ok(Redirect::to("/login").into_response()),
            Err(error) => {
                let shell = Shell::bare(state, "Set a new password", "/reset");
                let error = Some(wrong(&error)?);
                let values = Reset { shell, csrf: session.csrf_token(), token: text("token"), error };
                let page = state.templates.render("reset.html", &values)?;
                Ok(page.status(StatusCode::BAD_REQUEST).into_response())
            }
        }
    })
    .await
}

/// A day from seconds since 1970, as `2026-11-22` (the civil calendar by Howard Hinnant's algorithm).
pub(super) fn day(seconds: u64) -> String {
    let days = i64::try_from(seconds / 86_400).unwrap_or_default() + 719_468;
    let (era, rest) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (rest - rest / 1460 + rest / 36_524 - rest / 146_096) / 365;
    let day_of_year = rest - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_305_600, "2026-11-22"),
            (4_102_444_800, "2100-01-01"),
        ] {
            assert_eq!(day(seconds), expected);
        }
    }
}
