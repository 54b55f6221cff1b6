//! The silhouette: how much nearer samples are to their own cluster than to the next.

use ndarray::{Array1, ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::targets::{check_labels, finite, position, unique};
use crate::error::{Error, Result};
use crate::estimator::Training;
use crate::input::{Nan, check_supervised};
use crate::sum::mean;

/// The silhouette of each sample, from −1 to 1: (b − a) / max(a, b), where a is its mean Euclidean distance to the other
/// samples of its cluster and b the least mean distance to another cluster; 0 for a sample alone in its cluster
/// (Rousseeuw, 1987). Time grows with the square of the samples, memory does not.
///
/// # Errors
/// `Empty`, `Shape`, `NonFinite`, `Malformed` as for the other metrics; `InvalidParam` unless there are at least two
/// clusters and fewer clusters than samples.
pub fn silhouette_samples(x: ArrayView2<'_, f64>, labels: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
    check_supervised(&Training::supervised(x, labels), Nan::Refused)?;
    check_labels("labels", labels)?;
    let clusters = unique(labels);
    let (n, k) = (labels.len(), clusters.len());
    if k < 2 || k >= n {
        let allowed = format!("at least 2 and fewer than the samples, {n}");
        return Err(Error::invalid("silhouette_score", "number of clusters", k, allowed));
    }
    let codes: Vec<usize> = labels.iter().filter_map(|label| position(&clusters, *label)).collect();
    let mut sizes = vec![0.0; k];
    for &code in &codes {
        sizes[code] += 1.0;
    }
    let x = x.as_standard_layout();
    let rows = x.as_slice().unwrap_or_default();
    let features = x.ncols();
    let row = |i: usize| &rows[i * features..(i + 1) * features];
    let samples: Vec<f64> = (0..n)
        .into_par_iter()
        .map(|i| {
            let mut distances = vec![0.0; k];
            for (j, &code) in codes.iter().enumerate() {
                let squares = row(i).iter().zip(row(j)).map(|(a, b)| (a - b) * (a - b));
                distances[code] += squares.sum::<f64>().sqrt();
            }
            let own = codes[i];
            if sizes[own] < 2.0 {
                return 0.0;
            }
            let a = distances[own] / (sizes[own] - 1.0);
            let others = (0..k).filter(|&cluster| cluster != own);
            let b = others.map(|cluster| distances[cluster] / sizes[cluster]).fold(f64::INFINITY, f64::min);
            let silhouette = (b - a) / a.max(b);
            if silhouette.is_nan() { 0.0 } else { silhouette }
        })
        .collect();
    Ok(samples.into())
}

/// The mean [silhouette](silhouette_samples) of all samples.
///
/// # Errors
/// Those of [`silhouette_samples`].
pub fn silhouette_score(x: ArrayView2<'_, f64>, labels: ArrayView1<'_, f64>) -> Result<f64> {
    let samples = silhouette_samples(x, labels)?;
    finite("silhouette_score", mean(samples.len(), |i| samples[i]))
}

#[cfg(test)]
mod tests {
    use ndarray::{array, aview1};

    use super::*;

    #[test]
    fn too_few_or_too_many_clusters_are_refused() {
        let x = array![[0.0], [1.0], [5.0]];
        for (labels, k) in [([0.0, 0.0, 0.0], 1), ([0.0, 1.0, 2.0], 3)] {
            assert_eq!(
                silhouette_score(x.view(), aview1(&labels)).unwrap_err().to_string(),
                format!(
                    "silhouette_score: number of clusters = {k} is not allowed; it must be at least 2 and fewer than the \
                     samples, 3"
                )
            );
        }
    }
}
