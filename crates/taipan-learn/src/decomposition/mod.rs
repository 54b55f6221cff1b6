//! Fewer features that say nearly as much.

mod components;
mod pca;
mod spectrum;

use crate::registry::{Entry, entry};

pub use components::Components;
pub use pca::{PCA as Pca, PcaPredictor, SvdSolver};

use pca::PCA;

pub(crate) const ENTRIES: &[Entry] = &[entry!(PCA, PcaPredictor)];
