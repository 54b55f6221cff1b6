//! `taipan jobs`

use anyhow::{Result, bail};
use taipan::runtime::jobs::{Job, State};
use taipan::{Project, ProjectOptions, Task, cancel_job, job_json, job_percent, latest_jobs};

use crate::args::{Jobs, Report};

pub(crate) fn run(args: &Jobs) -> Result<()> {
    let project = Project::open(&ProjectOptions::new([&args.app]).database(args.db.clone()))?;
    let jobs = match args.cancel {
        Some(id) => vec![cancel_job(&project, id)?],
        None => latest_jobs(&project, state(args.state.as_deref())?, args.limit)?,
    };
    match args.format {
        Report::Json => {
            println!("{}", serde_json::to_string_pretty(&jobs.iter().map(job_json).collect::<Vec<_>>())?);
        }
        Report::Text => jobs.iter().for_each(|job| println!("{}", line(job))),
    }
    Ok(())
}

fn state(name: Option<&str>) -> Result<Option<State>> {
    let Some(name) = name else { return Ok(None) };
    match State::of_name(name) {
        Some(state) => Ok(Some(state)),
        None => bail!("no job is ever '{name}'; the states are waiting, running, done, failed and cancelled"),
    }
}

/// A job for people.
fn line(job: &Job) -> String {
    let task = Task::of(&job.job).map_or_else(|| job.job.kind.clone(), |task| task.to_string());
    let parts = [
        Some(format!("{:>5}  {:<9}  {task}", job.id, job.state.name())),
        job_percent(job).map(|percent| format!("{percent} %")),
        (job.attempts > 1).then(|| format!("attempt {}", job.attempts)),
        job.error.clone().filter(|_| job.state != State::Done),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}
