//! Squares on four threads, in order.

use taipan::prelude::*;

fn square(x: i64) -> i64 {
    x * x
}

fn main() -> Result<(), Error> {
    let results = Pool::new(4)?.map(0..argument(1, "10")?, square)?;
    println!("{results:?}");
    Ok(())
}
