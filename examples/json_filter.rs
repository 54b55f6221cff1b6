//! Keeps the records of a large JSON file whose value is large, in bounded memory.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let input: String = argument(1, "large_file.json")?;
    let output: String = argument(2, "filtered_file.json")?;
    let threshold: f64 = argument(3, "100")?;
    filter_file(&input, &output, &format!("value > {threshold}"), &ReadOptions::default())?;
    Ok(())
}
