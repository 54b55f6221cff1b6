//! From plain code into async work and back.

use std::pin::pin;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle};

use super::context::Contained;
use super::executor::Executor;
use crate::error::{Error, Result};

/// Runs `work` on every core until it is done, then cancels what it left running and waits for that.
///
/// Errors: that of the work; [`ErrorKind::System`](crate::ErrorKind::System) when there are no threads to be had;
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when called from async work, which can simply await.
pub fn run<T, E: From<Error>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    if Handle::try_current().is_ok() {
        return Err(Error::invalid("run was called from async work: await it instead").into());
    }
    let runtime = Builder::new_multi_thread()
        .thread_name("taipan-async")
        .enable_all()
        .build()
        .map_err(|error| Error::system("the async threads could not start", error))?;
    let outcome = runtime.block_on(async {
        let executor = Executor::of(runtime.handle());
        let outcome = pin!(Contained::counted(work, Arc::clone(&executor))).await;
        executor.cancel_detached();
        executor.all_gone().await;
        outcome
    });
    // Blocking calls that go on are not waited for: nobody is left to see what they give.
    runtime.shutdown_background();
    outcome
}
