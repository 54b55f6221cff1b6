//! Long reads: a body sent while its rows are read, in the memory of a few chunks however slow the client is.
//!
//! The read runs on a thread of its own and waits where the client does. The first chunk is there before the status is
//! sent, so that what fails at once has a proper status; a failure after that cuts the connection, because an answer
//! that ends in good order would pass for complete.

use std::error::Error as StdError;
use std::future::ready;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use taipan::store::{Opening, Part, Store};
use taipan_web::{Body, Bytes, Response};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::read::Read;
use crate::error::{Error, Result};
use crate::work;

/// The chunks read ahead of the client.
const AHEAD: usize = 2;

/// How long a client may take no chunk. Others wait for the place that it holds, and the database's log cannot be
/// shortened past the moment that it reads.
const STALL: Duration = Duration::from_mins(1);

type Message = Result<Part>;

/// Runs a read that may be long, and answers when its first chunk is there.
pub(super) async fn respond(read: Read, store: Store) -> Result<Response> {
    let read = Arc::new(read);
    let mut place = None;
    loop {
        let mut parts = start(Arc::clone(&read), store.clone()).await?;
        let opening = match parts.recv().await {
            Some(Ok(Part::Whole(Opening { body, rows, total }))) => {
                return read.answer(Some(body.into()), rows, total);
            }
            Some(Ok(Part::First(opening))) => opening,
            Some(Err(error)) => return Err(error),
            Some(Ok(Part::Next(_) | Part::Last(_))) | None => return Err(Error::internal(ended_early())),
        };
        if read.is_head() {
            return read.answer(None, opening.rows, opening.total);
        }
        match place.take().or_else(work::try_stream_place) {
            Some(place) => {
                let body = body(opening.body, parts, place);
                return read.answer(Some(body), opening.rows, opening.total);
            }
            // Waiting for a place, it must not keep the turn that a short read could use: it starts again then.
            None => drop(parts),
        }
        place = Some(work::stream_place().await?);
    }
}

/// Starts to read; the parts come as they are asked for.
async fn start(read: Arc<Read>, store: Store) -> Result<Receiver<Message>> {
    let (sender, receiver) = channel(AHEAD);
    work::start(move || {
        let asked = sender.clone();
        let ended = read.stream(&store, move || asked.is_closed(), |part| send(&sender, Ok(part)));
        if let Err(error) = ended {
            let _ = send(&sender, Err(error));
        }
    })
    .await?;
    Ok(receiver)
}

/// Hands a part over, and waits for room. Ends the read where the client has gone or stalled.
fn send(sender: &Sender<Message>, message: Message) -> ControlFlow<()> {
    let sent = match sender.try_send(message) {
        Ok(()) => true,
        Err(TrySendError::Closed(_)) => false,
        Err(TrySendError::Full(message)) => Handle::current().block_on(sender.send_timeout(message, STALL)).is_ok(),
    };
    if sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// The body: the first chunk, then those to come. It ends well only after the last one.
fn body(first: Vec<u8>, parts: Receiver<Message>, place: OwnedSemaphorePermit) -> Body {
    type Chunk = std::result::Result<Bytes, Box<dyn StdError + Send + Sync>>;
    let rest = stream::try_unfold(Some((parts, place)), async |state| {
        let Some((mut parts, place)) = state else { return Ok(None) };
        match parts.recv().await {
            Some(Ok(Part::Next(bytes))) => Ok(Some((Bytes::from(bytes), Some((parts, place))))),
            Some(Ok(Part::Last(bytes))) => Ok(Some((Bytes::from(bytes), None))),
            Some(Err(error)) => Err(error.reason().into()),
            Some(Ok(Part::Whole(_) | Part::First(_))) | None => Err(ended_early().into()),
        }
    });
    let first: Chunk = Ok(first.into());
    Body::from_stream(stream::once(ready(first)).chain(rest))
}

fn ended_early() -> &'static str {
    "a read ended before its last part"
}
