//! Sets the elements of an array that meet a condition.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let mut arr = arange(argument(1, "10")?);
    arr.assign_where(&arr.mask(|x| x % 2 == 0), -1);
    println!("{arr}");
    Ok(())
}
