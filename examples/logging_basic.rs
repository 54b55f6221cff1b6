//! Logs two messages.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    logging::basic_config().level(logging::DEBUG).init()?; // the lowest level of messages to show
    logging::info!("This is an info message");
    logging::error!("This is an error message");
    Ok(())
}
