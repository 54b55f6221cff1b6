//! `/admin/plots/{name}`: one plot, large.

use serde::Serialize;
use taipan_web::{IntoResponse, Path, Session, State as Shared};

use super::shell::{Link, Shell};
use super::{Answer, page as render, pictures, plot_path, unseen};
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
        let asker = state.access.visitor(&session);
        let plot = match state.plot_for(&asker, &name) {
            Ok(plot) => plot,
            Err(error) => return unseen(state, &error, format!("There is no plot “{name}”."), &plot_path(&name)),
        };
        let (light, dark) = pictures(&plot.name);
        let values = View {
            shell: Shell::new(state, &plot.title, &plot_path(&plot.name))?
                .of(&session, asker.user())
                .under([Link::new("Plots", "/#plots")]),
            plot: Plot { name: plot.name.clone(), title: plot.title.clone(), kind: plot.kind.clone(), light, dark },
        };
        Ok(state.templates.render("plot.html", &values)?.into_response())
    })
    .await
}
