//! The grid search over random forests on iris.

use ndarray::{Array1, Array2};
use serde_json::{Map, json};
use taipan_learn::model_selection::{GridSearchCV, ParamGrid};
use taipan_learn::registry;

use crate::Report;

/// Four measures and the species of each of 150 flowers.
const IRIS: &str = include_str!("../../../../examples/demo/iris.csv");

pub(crate) fn run(report: &mut Report) -> taipan_learn::Result<()> {
    let (x, y) = iris();
    let mut forest = registry::estimator("RandomForestClassifier")?;
    forest.set_param("random_state", 42.into())?;
    let grid = ParamGrid::new().values("n_estimators", [50, 100, 200]).values("max_depth", [3, 5, 7]);
    let search = GridSearchCV::new(&*forest, grid).cv(5);
    let found = report.time("search", || search.fit(x.view(), y.view()))?;
    let best: Map<_, _> = found.best().params.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let importances = found.best_model().and_then(|model| {
        let mut attributes = model.attributes().into_iter();
        attributes.find(|(name, _)| *name == "feature_importances").map(|(_, value)| value.numbers())
    });
    report.result = json!({
        "best": best,
        "mean": found.candidates.iter().map(|candidate| candidate.mean).collect::<Vec<_>>(),
        "rank": found.candidates.iter().map(|candidate| candidate.rank).collect::<Vec<_>>(),
        "importances": importances,
    });
    Ok(())
}

/// The classes are numbered by their first appearance, which is their alphabetical order too.
fn iris() -> (Array2<f64>, Array1<f64>) {
    let mut species: Vec<&str> = Vec::new();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for line in IRIS.lines().skip(1) {
        let (measures, name) = line.rsplit_once(',').unwrap_or_default();
        x.extend(measures.split(',').map(|value| value.parse().unwrap_or(f64::NAN)));
        let class = species.iter().position(|known| *known == name).unwrap_or_else(|| {
            species.push(name);
            species.len() - 1
        });
        y.push(class as f64);
    }
    let x = Array2::from_shape_vec((y.len(), 4), x).unwrap_or_default();
    (x, y.into())
}
