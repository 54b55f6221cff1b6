//! `/admin/plots/{name}`: one plot, large.

use serde::Serialize;
use taipan_web::{IntoResponse, Path, Session, State as Shared};

use super::shell::{Link, Shell};
use super::{Answer, missing, page as render, pictures, plot_path};
use crate::State;

#[derive(Serialize)]
struct View {
    shell: Shell,
    plot: Plot,
}

#[derive(Serialize)]
struct Plot {
    name: String,
    title: String,
    kind: String,
    light: String,
    dark: String,
}

pub(super) async fn page(Shared(state): Shared<State>, Path(name): Path<String>, session: Session) -> Answer {
    render(state, move |state| {
        let user = state.access.logged_in(&session);
        let plot = match state.project.plot(&name) {
            Ok(plot) => plot,
            Err(error) => {
                let hint = error.hint().map(super::sentence);
                return missing(state, format!("There is no plot “{name}”."), hint, None);
            }
        };
        let (light, dark) = pictures(&plot.name);
        let values = View {
            shell: Shell::new(state, &plot.title, &plot_path(&plot.name))?
                .of(&session, user.as_ref())
                .under([Link::new("Plots", "/#plots")]),
            plot: Plot { name: plot.name.clone(), title: plot.title.clone(), kind: plot.kind.clone(), light, dark },
        };
        Ok(state.templates.render("plot.html", &values)?.into_response())
    })
    .await
}
