//! Logs a division by zero, and goes on without a result.

use taipan::prelude::*;

fn divide(x: i64, y: i64) -> Option<f64> {
    if y == 0 {
        logging::error!("Attempted to divide by zero.");
        return None;
    }
    Some(x as f64 / y as f64)
}

fn main() -> Result<(), Error> {
    logging::basic_config().level(logging::ERROR).init()?;
    let result = divide(argument(1, "10")?, argument(2, "0")?);
    println!("{result:?}");
    Ok(())
}
