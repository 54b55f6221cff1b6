//! Shows the first rows of a file, and reads no more of it.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let path: String = argument(1, "examples/demo/tips.csv")?;
    println!("{}", read_csv(path)?.head(5)?);
    Ok(())
}
