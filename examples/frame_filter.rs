//! Keeps the rows of a table that meet a condition.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let df = DataFrame::new([("Name", ["Alice", "Bob", "Charlie"].into()), ("Score", [45, 85, 60].into())])?;
    let filtered_df = df.filter(col("Score").gt(argument::<i64>(1, "50")?))?;
    println!("{filtered_df}");
    Ok(())
}
