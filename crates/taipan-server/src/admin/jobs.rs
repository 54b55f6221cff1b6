//! `/admin/jobs`: what the application was asked to do, how far it is, and buttons to ask for more.

use serde::Serialize;
use serde_json::Value;
use taipan::runtime::jobs::{Job, State as Stage};
use taipan::{Task, job_percent};
use taipan_web::{Fields, IntoResponse, Problem, Redirect, Session, State as Shared, StatusCode, User, format};

use super::account::known;
use super::shell::Shell;
use super::{Answer, page, refusal};
use crate::State;
use crate::access::Verb;
use crate::error::Error;

const HERE: &str = "/admin/jobs";
/// Jobs shown; the interface lists more.
const SHOWN: usize = 50;

#[derive(Serialize)]
struct View {
    shell: Shell,
    csrf: String,
    jobs: Vec<Entry>,
    choices: Vec<Choice>,
    messages: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Entry {
    id: u64,
    task: String,
    state: &'static str,
    is_over: bool,
    percent: Option<u64>,
    attempts: u32,
    outcome: String,
}

/// A task that can be asked for.
#[derive(Debug, PartialEq, Serialize)]
struct Choice {
    /// As it is sent.
    task: String,
    label: String,
}

pub(super) async fn list(Shared(state): Shared<State>, session: Session) -> Answer {
    page(state, move |state| {
        let user = match known(state, &session, HERE) {
            Ok(user) => user,
            Err(login) => return Ok(*login),
        };
        allow(state, &user)?;
        let jobs = state.tasks.jobs(None, SHOWN).map_err(|error| refusal(&Error::from(error)))?;
        let values = View {
            shell: Shell::new(state, "Jobs", HERE)?.of(&session, Some(&user)),
            csrf: session.csrf_token(),
            jobs: jobs.iter().map(shown).collect(),
            choices: state.tasks.choices().iter().map(choice).collect(),
            messages: session.flashes(),
        };
        Ok(state.templates.render("jobs.html", &values)?.into_response())
    })
    .await
}

fn allow(state: &State, user: &User) -> Result<(), Problem> {
    if state.access.allows(Some(user), Verb::Write) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "Only those who may write ask for jobs."))
}

/// What the forms of the page do: ask for a task, or cancel a job.
pub(super) async fn change(Shared(state): Shared<State>, session: Session, fields: Fields) -> Answer {
    page(state, move |state| {
        let user = match known(state, &session, HERE) {
            Ok(user) => user,
            Err(login) => return Ok(*login),
        };
        allow(state, &user)?;
        let bad = || Problem::of(StatusCode::BAD_REQUEST);
        let done = if let Some(id) = fields.get("cancel") {
            let id: u64 = id.parse().map_err(|_| bad())?;
            state.tasks.cancel(id).map(|()| format!("Job {id} is asked to stop."))
        } else {
            let task: Task = serde_json::from_str(fields.get("task").unwrap_or_default()).map_err(|_| bad())?;
            state.tasks.ask(&task, None).map(|id| format!("Job {id}: {task}."))
        };
        match done {
            Ok(message) => session.flash("success", message),
            Err(error) => session.flash("error", refusal(&Error::from(error)).message().to_owned()),
        }
        Ok(Redirect::to(HERE).into_response())
    })
    .await
}

fn choice(task: &Task) -> Choice {
    let label = match task {
        Task::Import { table: Some(table) } => format!("Import {table}"),
        Task::Train { model: Some(model) } => format!("Train {model}"),
        _ => "Everything that changed".to_owned(),
    };
    Choice { task: serde_json::to_string(task).unwrap_or_default(), label }
}

fn shown(job: &Job) -> Entry {
    let outcome = match (job.state, &job.result, &job.error) {
        (Stage::Done, Some(result), _) => told(result),
        (Stage::Running, ..) if job.cancel_requested => "stopping".to_owned(),
        (_, _, Some(error)) => error.clone(),
        _ => String::new(),
    };
    Entry {
        id: job.id,
        task: Task::of(&job.job).map_or_else(|| job.job.kind.clone(), |task| task.to_string()),
        state: job.state.name(),
        is_over: job.state.is_final(),
        percent: job_percent(job),
        attempts: job.attempts,
        outcome,
    }
}

/// What came of a job, in words.
fn told(result: &Value) -> String {
    let list = |name: &str| result[name].as_array().map_or(&[][..], Vec::as_slice);
    let is_new = |entry: &&Value| entry["changed"] == true;
    let mut parts: Vec<String> = Vec::new();
    for table in list("tables").iter().filter(is_new) {
        let rows = format::thousands(&table["rows"].as_u64().unwrap_or_default().to_string());
        parts.push(format!("{}: {rows} rows", table["name"].as_str().unwrap_or_default()));
    }
    for model in list("models").iter().filter(is_new) {
        let text = |name: &str| model[name].as_str().unwrap_or_default();
        parts.push(format!("{}: {}", text("name"), text("score")));
    }
    if parts.is_empty() { "nothing had changed".to_owned() } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_of_a_job_is_told_in_words() {
        let table = |rows: u64, changed: bool| json!({ "name": "tips", "rows": rows, "changed": changed });
        for (result, words) in [
            (json!({}), "nothing had changed"),
            (json!({ "tables": [table(244, false)] }), "nothing had changed"),
            (json!({ "tables": [table(1_244, true)] }), "tips: 1,244 rows"),
            (
                json!({ "tables": [table(2, true)], "models": [{ "name": "m", "score": "R² 0.5", "changed": true }] }),
                "tips: 2 rows; m: R² 0.5",
            ),
        ] {
            assert_eq!(told(&result), words);
        }
    }
}
