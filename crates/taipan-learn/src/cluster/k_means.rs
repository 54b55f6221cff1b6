//! K-means.

use ndarray::{Array1, Array2, ArrayView2};

use super::assign::{distances, labels};
use super::lloyd::{Found, search};
use super::points::Points;
use super::seeding;
use crate::error::{Error, Result};
use crate::estimator::{Attribute, Estimator, Predictor, Training, choices, estimator};
use crate::input::{Nan, check_predict, check_training};
use crate::linear::check_weights;
use crate::onnx::{Answer, Graph, Tensor};
use crate::param::{Auto, Range};
use crate::random::RandomState;
use crate::state::State;
use crate::warning::Warning;

estimator! {
    /// K-means: `n_clusters` centres such that the squared distances of rows to their nearest centre add up to little
    /// (Lloyd, 1982). `transform` gives the distance to each centre.
    ///
    /// Parity with scikit-learn: same optimum, from the same starts. Clusters have no order; they come out in
    /// scikit-learn's.
    pub struct KMeans: Clusterer -> KMeansPredictor {
        /// Number of clusters.
        n_clusters: usize = 8_usize, Range::integer_from(1);
        /// Where to start: k-means++ or random.
        init: Init = Init::PlusPlus, Init::RANGE;
        /// How many starts to try; auto is 1 for k-means++ and 10 for random.
        n_init: Auto<usize> = Auto::Auto, Range::any_of(STARTS);
        /// Most passes over the rows from each start.
        max_iter: usize = 300_usize, Range::integer_from(1);
        /// Least squared movement of the centres, as a share of the mean variance of the features.
        tol: f64 = 1e-4, Range::at_least(0.0);
        /// Seed of the starts.
        random_state: Option<u32> = None, Range::SEED;
        /// How the search leaves out comparisons: lloyd or elkan; the clusters are the same.
        algorithm: KMeansAlgorithm = KMeansAlgorithm::Lloyd, KMeansAlgorithm::RANGE;
    }
}

const STARTS: &[Range] = &[Range::one_of(&["auto"]), Range::integer_from(1)];

choices! {
    /// Where [`KMeans`] starts.
    pub enum Init {
        /// Rows far from each other.
        PlusPlus = "k-means++",
        /// Any rows.
        Random = "random",
    }
}

choices! {
    /// The names that scikit-learn has for two ways to the same clusters. Here both leave out what bounds on distances
    /// prove useless, as elkan does there.
    pub enum KMeansAlgorithm {
        /// Lloyd's algorithm.
        Lloyd = "lloyd",
        /// The same.
        Elkan = "elkan",
    }
}

impl KMeans {
    /// Finds the clusters.
    ///
    /// # Errors
    /// See [`Estimator::fit_on`]; `InvalidParam` when there are fewer rows than clusters.
    pub fn fit_on(&self, data: &Training<'_>) -> Result<KMeansPredictor> {
        self.check_params()?;
        check_training(data, Nan::Refused)?;
        check_weights(self.name(), data.sample_weight)?;
        let (rows, features) = data.x.dim();
        if rows < self.n_clusters {
            let allowed = format!("at most the number of rows, {rows}");
            return Err(Error::invalid(self.name(), "n_clusters", self.n_clusters, allowed));
        }
        let weights = data.sample_weight.map(|weights| weights.to_vec());
        let points = Points::centred(data.x, weights.as_deref());
        let (variance, greatest) = points.spread();
        if !variance.is_finite() {
            return Err(Error::overflow("the fit"));
        }
        let tolerance = self.tol * variance;
        let mut random = RandomState::from_seed(self.random_state);
        let starts = match (self.n_init, self.init) {
            (Auto::Given(starts), _) => starts,
            (Auto::Auto, Init::PlusPlus) => 1,
            (Auto::Auto, Init::Random) => 10,
        };
        let mut best: Option<Found> = None;
        for _ in 0..starts {
            let start = match self.init {
                Init::PlusPlus => seeding::plus_plus,
                Init::Random => seeding::at_random,
            };
            let centres = start(&points, self.n_clusters, &mut random)?;
            let found = search(&points, centres, self.max_iter, tolerance, greatest);
            let better = best.as_ref().is_none_or(|best| {
                found.inertia < best.inertia && !same_clusters(&found.labels, &best.labels, self.n_clusters)
            });
            if better {
                best = Some(found);
            }
        }
        let Some(Found { centres, labels, inertia, n_iter }) = best else {
            return Err(Error::empty("no start was tried"));
        };
        let mut centres = Array2::from_shape_fn((self.n_clusters, features), |(k, j)| centres[k][j]);
        centres += &Array1::from(points.means().to_vec());
        if !inertia.is_finite() || centres.iter().any(|v| !v.is_finite()) {
            return Err(Error::overflow("the fit"));
        }
        let mut seen = vec![false; self.n_clusters];
        for label in &labels {
            seen[*label as usize] = true;
        }
        let distinct = seen.into_iter().filter(|seen| *seen).count();
        let few = Warning::FewDistinctRows { found: distinct, expected: self.n_clusters };
        Ok(KMeansPredictor {
            centres,
            labels,
            inertia,
            n_iter,
            warnings: if distinct < self.n_clusters { vec![few] } else { vec![] },
        })
    }
}

/// Whether two labellings are the same but for the names of the clusters.
fn same_clusters(a: &[u32], b: &[u32], count: usize) -> bool {
    let mut names = vec![u32::MAX; count];
    a.iter().zip(b).all(|(a, b)| {
        let name = &mut names[*a as usize];
        if *name == u32::MAX {
            *name = *b;
        }
        name == b
    })
}

/// A fitted [`KMeans`].
#[derive(Debug, Clone, PartialEq)]
pub struct KMeansPredictor {
    centres: Array2<f64>,
    labels: Vec<u32>,
    inertia: f64,
    n_iter: usize,
    warnings: Vec<Warning>,
}

impl KMeansPredictor {
    /// One row per centre.
    pub fn cluster_centers(&self) -> ArrayView2<'_, f64> {
        self.centres.view()
    }

    /// The cluster of each row of the training data; empty for a model from a file.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The sum of the squared distances of the training rows to their centres, weighted.
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// Passes made from the best start.
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    fn places(&self) -> Vec<Vec<f64>> {
        self.centres.rows().into_iter().map(|centre| centre.to_vec()).collect()
    }

    pub(crate) fn from_state(mut state: State) -> Result<Self> {
        let centres = state.take_matrix("cluster_centers")?;
        let inertia = state.take_scalar("inertia")?;
        let n_iter = state.take_count("n_iter")?;
        state.finish()?;
        if centres.is_empty() || inertia < 0.0 {
            return Err(Error::malformed("there are no centres, or their inertia is negative"));
        }
        Ok(Self { centres, labels: vec![], inertia, n_iter, warnings: vec![] })
    }
}

impl Predictor for KMeansPredictor {
    fn n_features(&self) -> usize {
        self.centres.ncols()
    }

    fn n_outputs(&self) -> usize {
        0
    }

    fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        check_predict(x, self.centres.ncols(), Nan::Refused)?;
        Ok(labels(&Points::plain(x), &self.places()).into_iter().map(f64::from).collect())
    }

    fn transform(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_predict(x, self.centres.ncols(), Nan::Refused)?;
        let out = distances(&Points::plain(x), &self.places());
        let out = Array2::from_shape_vec((x.nrows(), self.centres.nrows()), out).unwrap_or_default();
        if out.iter().all(|v| v.is_finite()) { Ok(out) } else { Err(Error::overflow("a distance")) }
    }

    fn feature_names_out(&self, features: &[String]) -> Result<Vec<String>> {
        if features.len() != self.centres.ncols() {
            let what = "another number of names than features";
            return Err(Error::shape(what, features.len(), self.centres.ncols()));
        }
        Ok((0..self.centres.nrows()).map(|k| format!("kmeans{k}")).collect())
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![
            ("cluster_centers", Attribute::Matrix(self.centres.clone())),
            ("inertia", Attribute::Scalar(self.inertia)),
            ("n_iter", Attribute::Scalar(self.n_iter as f64)),
        ]
    }

    fn state(&self) -> State {
        State::new()
            .with_matrix("cluster_centers", &self.centres)
            .with_scalar("inertia", self.inertia)
            .with_integer("n_iter", self.n_iter as i64)
    }

    fn onnx(&self, graph: &mut Graph, x: &Tensor) -> Result<Answer> {
        // The nearest centre has the greatest x·c − c²/2.
        let halves: Vec<f64> = self.centres.rows().into_iter().map(|centre| -centre.dot(&centre) / 2.0).collect();
        let nearness = graph.weighed(x, self.centres.view(), &halves);
        Ok(Answer::Cluster(graph.greatest(&nearness)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn two_heaps_are_told_apart() {
        let x = array![[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]];
        let model = KMeans::new().n_clusters(2_usize).random_state(0_u32).fit(x.view()).unwrap();
        let mut centres: Vec<Vec<f64>> = model.cluster_centers().rows().into_iter().map(|c| c.to_vec()).collect();
        centres.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(centres, [[1.0, 2.0], [10.0, 2.0]]);
        assert_eq!(model.inertia(), 16.0);
        let near = model.predict(array![[0.0, 0.0], [12.0, 3.0]].view()).unwrap();
        assert!(near[0] == f64::from(model.labels()[0]) && near[1] == f64::from(model.labels()[3]));
        let distances = model.transform(array![[1.0, 2.0]].view()).unwrap();
        assert_eq!((distances[(0, near[0] as usize)], distances[(0, near[1] as usize)]), (0.0, 9.0));
    }

    #[test]
    fn fewer_rows_than_clusters_are_refused_and_duplicates_warned_of() {
        let x = array![[1.0], [1.0], [2.0]];
        assert_eq!(
            KMeans::new().n_clusters(4_usize).fit(x.view()).unwrap_err().to_string(),
            "KMeans: n_clusters = 4 is not allowed; it must be at most the number of rows, 3"
        );
        let model = KMeans::new().n_clusters(3_usize).random_state(0_u32).fit(x.view()).unwrap();
        assert_eq!(model.warnings(), [Warning::FewDistinctRows { found: 2, expected: 3 }]);
    }

    #[test]
    fn clusters_may_go_by_other_names() {
        assert!(same_clusters(&[0, 1, 1, 2], &[2, 0, 0, 1], 3));
        assert!(!same_clusters(&[0, 1, 1, 2], &[2, 0, 1, 1], 3));
    }
}
