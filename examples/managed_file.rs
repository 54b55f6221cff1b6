//! A file that is there when it is whole, and gone when something failed.

use std::io::Write;

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let filename: String = argument(1, "test.txt")?;
    managed_file(&filename).with(|f| write!(f, "Hello, World!"))?;
    println!("{}", std::fs::read_to_string(filename)?);
    Ok(())
}
