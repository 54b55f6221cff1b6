//! Prints the records of a large XML file whose value is large, in bounded memory.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let path: String = argument(1, "large_file.xml")?;
    let threshold: i64 = argument(2, "100")?;
    let records = ReadOptions::default().record("YourTagName")?;
    filter_file(&path, "-", &format!("YourChildTagName > {threshold}"), &records)?;
    Ok(())
}
