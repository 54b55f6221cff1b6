//! The root logger belongs to the process, so this test has a process of its own.

use std::fs;
use std::time::Duration;

use taipan_runtime::logging;

#[test]
fn one_line_sets_logging_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second] = ["first.log", "second.log"].map(|name| folder.path().join(name));
    let read = |path| {
        assert!(logging::flush(Duration::from_mins(1)));
        fs::read_to_string(path).expect("a file")
    };

    let wrong = logging::basic_config().format("{name").init().expect_err("a fault");
    assert_eq!(wrong.to_string(), "log format '{name': a '{' is never closed; '{{' writes one");

    logging::basic_config().level(logging::INFO).filename(&first).init().expect("a file");
    logging::debug!("too fine");
    logging::info!("an info {}", 1);
    logging::error!(code = 7, "an error");
    logging::log!(25, "between");
    logging::log!(15, "too fine");
    logging::critical!("the end");
    let expected = "INFO:root:an info 1\nERROR:root:an error code=7\nLevel 25:root:between\nCRITICAL:root:the end\n";
    assert_eq!(read(&first), expected);

    // The second time changes nothing unless it is forced.
    logging::basic_config().filename(&second).init().expect("nothing");
    assert!(!second.exists());
    logging::basic_config().filename(&second).format("{message}").force().init().expect("a file");
    logging::info!("below WARNING");
    logging::warning!("a warning");
    assert_eq!(read(&first), expected);
    assert_eq!(read(&second), "a warning\n");
    assert_eq!(logging::dropped(), 0);
}
