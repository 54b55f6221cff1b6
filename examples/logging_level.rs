//! Logs at a level of one's own. Nobody sees it, as in Python, unless the argument says so: below WARNING is quiet.

use taipan::prelude::*;

const MY_LOG_LEVEL: u32 = 25;

fn main() -> Result<(), Error> {
    logging::basic_config().level(argument::<logging::Level>(1, "WARNING")?).init()?;
    logging::add_level_name(MY_LOG_LEVEL, "MY_LOG_LEVEL");
    logging::log!(MY_LOG_LEVEL, "This is a custom log level message.");
    Ok(())
}
