//! Linear models, principal components and k-means on numbers drawn from a seed.

use ndarray::{Array1, Array2};
use serde_json::json;
use taipan_learn::{KMeans, Lasso, LinearRegression, LogisticRegression, Pca, RandomState, Ridge};

use crate::Report;

/// 1 M × 20: ordinary least squares and ridge.
pub(crate) fn linear(report: &mut Report) -> taipan_learn::Result<()> {
    let mut random = RandomState::new(0);
    let x = normal(&mut random, 1_000_000, 20);
    let y = target(&mut random, &x, |j| j as f64 - 9.5);
    let ols = report.time("ols", || LinearRegression::new().fit(x.view(), y.view()))?;
    let ridge = report.time("ridge", || Ridge::new().fit(x.view(), y.view()))?;
    report.result = json!({"ols": ols.coef(), "ridge": ridge.coef(), "intercept": ols.intercept()});
    Ok(())
}

/// 1 M × 20: logistic regression.
pub(crate) fn logistic(report: &mut Report) -> taipan_learn::Result<()> {
    let mut random = RandomState::new(1);
    let x = normal(&mut random, 1_000_000, 20);
    let y = target(&mut random, &x, |j| (j as f64 - 9.5) / 4.0).mapv(|v| f64::from(u8::from(v > 0.0)));
    let model = report.time("fit", || LogisticRegression::new().fit(x.view(), y.view()))?;
    // At least one evaluation a step, and one before the first.
    report.passes = model.n_iter() + 1;
    report.result = json!({"coef": model.coef().row(0).to_vec()});
    Ok(())
}

/// 100,000 × 200, of which every tenth feature counts: Lasso.
pub(crate) fn lasso(report: &mut Report) -> taipan_learn::Result<()> {
    let mut random = RandomState::new(2);
    let x = normal(&mut random, 100_000, 200);
    let y = target(&mut random, &x, |j| if j % 10 == 0 { 1.0 + j as f64 / 100.0 } else { 0.0 });
    let model = report.time("fit", || Lasso::new().alpha(0.01).fit(x.view(), y.view()))?;
    report.result = json!({"coef": model.coef(), "n_iter": model.n_iter()});
    Ok(())
}

/// 1 M × 50 → 2: principal components.
pub(crate) fn pca(report: &mut Report) -> taipan_learn::Result<()> {
    let mut random = RandomState::new(3);
    let mut x = normal(&mut random, 1_000_000, 50);
    for (j, mut column) in x.columns_mut().into_iter().enumerate() {
        let scale = 1.0 + 10.0 / (1.0 + j as f64);
        column.mapv_inplace(|v| v * scale + j as f64);
    }
    let model = report.time("fit", || Pca::new().n_components(2_usize).fit(x.view()))?;
    report.result = json!({"ratio": model.explained_variance_ratio()});
    Ok(())
}

/// 500,000 × 20, k = 20: k-means.
pub(crate) fn kmeans(report: &mut Report) -> taipan_learn::Result<()> {
    let mut random = RandomState::new(4);
    let centres = normal(&mut random, 20, 20);
    let mut x = normal(&mut random, 500_000, 20);
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        row.scaled_add(2.0, &centres.row(i % 20));
    }
    let kmeans = KMeans::new().n_clusters(20_usize).random_state(0_u32);
    let model = report.time("fit", || kmeans.fit(x.view()))?;
    report.result = json!({"inertia": model.inertia(), "n_iter": model.n_iter()});
    Ok(())
}

/// Standard normal numbers, row by row.
fn normal(random: &mut RandomState, rows: usize, features: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, features), || random.standard_normal())
}

/// The weighted sum of the features, and noise.
fn target(random: &mut RandomState, x: &Array2<f64>, weight: impl Fn(usize) -> f64) -> Array1<f64> {
    let weights: Array1<f64> = (0..x.ncols()).map(weight).collect();
    let mut y = x.dot(&weights);
    y.mapv_inplace(|v| v + random.standard_normal());
    y
}
