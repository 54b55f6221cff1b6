//! The models, plots and queries that somebody may see. What was made of rows tells of them, so it is for those who may read all the
//! tables that it was made of, whole.

use std::sync::Arc;

use taipan::{NamedModel, NamedPlot, NamedQuery};
use taipan_web::{HeaderMap, axum::http::Extensions};

use crate::State;
use crate::access::Verb;
use crate::error::Result;
use crate::rights::Asker;

impl State {
    /// Whoever wants to read something.
    ///
    /// # Errors
    /// 401 for a token that is not, or no longer, worth anything.
    pub(crate) fn reader(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Asker> {
        self.access.asker(headers, extensions, Verb::Read)
    }

    /// The models that are shown to somebody.
    pub(crate) fn models_for(&self, asker: &Asker) -> Vec<Arc<NamedModel>> {
        let mut models = self.project.models();
        models.retain(|model| asker.reads_whole(self.project.store(), &model.reads));
        models
    }

    /// The plots that are shown to somebody.
    pub(crate) fn plots_for(&self, asker: &Asker) -> Vec<Arc<NamedPlot>> {
        let mut plots = self.project.plots();
        plots.retain(|plot| asker.reads_whole(self.project.store(), &plot.reads));
        plots
    }

    /// The queries that somebody may ask.
    ///
    /// # Errors
    /// The tables cannot be listed.
    pub(crate) fn queries_for(&self, asker: &Asker) -> Result<Vec<NamedQuery>> {
        let mut queries = self.project.named_queries()?;
        queries.retain(|query| asker.reads_whole(self.project.store(), &query.reads));
        Ok(queries)
    }

    /// A model by its name.
    ///
    /// # Errors
    /// 404, with the nearest name that is shown; 401 or 403 for a model of rows that may not be read.
    pub(crate) fn model_for(&self, asker: &Asker, name: &str) -> Result<Arc<NamedModel>> {
        let model = self.project.model(name)?;
        if asker.reads_whole(self.project.store(), &model.reads) {
            return Ok(model);
        }
        Err(asker
            .refused(&format!("model {name}"), Verb::Read)
            .details("It was learnt from rows that you may not read."))
    }

    /// A plot by its name.
    ///
    /// # Errors
    /// 404, with the nearest name that is shown; 401 or 403 for a plot of rows that may not be read.
    pub(crate) fn plot_for(&self, asker: &Asker, name: &str) -> Result<Arc<NamedPlot>> {
        let plot = self.project.plot(name)?;
        if asker.reads_whole(self.project.store(), &plot.reads) {
            return Ok(plot);
        }
        Err(asker.refused(&format!("plot {name}"), Verb::Read).details("It shows rows that you may not read."))
    }
}
