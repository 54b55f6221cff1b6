//! Groups of rows that are near each other.

mod assign;
mod k_means;
mod lloyd;
mod points;
mod seeding;

use crate::registry::{Entry, entry};

pub use k_means::{Init, KMeans, KMeansAlgorithm, KMeansPredictor};

pub(crate) const ENTRIES: &[Entry] = &[entry!(KMeans, KMeansPredictor)];
