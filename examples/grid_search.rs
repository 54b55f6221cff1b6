//! Searches for the best parameters of a forest.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let iris: String = argument(1, "examples/demo/iris.csv")?;
    let engine = Engine::new(&EngineOptions::default())?;
    let options = TrainOptions::new("RandomForestClassifier", "species")
        .random_state(Some(42))
        .grid("n_estimators", [50, 100, 200].map(ParamValue::Integer).into())
        .grid("max_depth", [3, 5, 7].map(ParamValue::Integer).into())
        .cv(Some(5))
        .test_size(0.0);
    let found = search(&engine, &Relation::parse(&iris), &options)?;
    println!("Best Parameters: {}", found.best_params());
    Ok(())
}
