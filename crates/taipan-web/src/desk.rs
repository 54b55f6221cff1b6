//! Connections shared out among the threads that serve them.
//!
//! Each thread takes connections from the one listener, and a connection stays where it is served first. Whoever happens
//! to be awake would take most of them, and the others idle: so a thread hands on what another has more room for.

use std::net::{IpAddr, TcpStream as Plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where one thread serves.
pub(crate) struct Desk {
    all: Arc<[Tray]>,
    own: usize,
    handed: UnboundedReceiver<Handed>,
}

/// What others know of a desk.
struct Tray {
    connections: AtomicUsize,
    hand: UnboundedSender<Handed>,
}

type Handed = (Plain, IpAddr, Seat);

/// A connection's place at a desk, until it is dropped.
pub(crate) struct Seat {
    all: Arc<[Tray]>,
    at: usize,
}

impl Desk {
    /// So many beside each other.
    pub(crate) fn several(number: usize) -> Vec<Self> {
        let (hands, handed): (Vec<_>, Vec<_>) = (0..number).map(|_| unbounded_channel()).unzip();
        let all: Arc<[Tray]> = hands.into_iter().map(|hand| Tray { connections: AtomicUsize::new(0), hand }).collect();
        handed.into_iter().enumerate().map(|(own, handed)| Self { all: Arc::clone(&all), own, handed }).collect()
    }

    /// Takes a connection that was accepted here, or hands it to the desk that has the fewest: then there is none.
    pub(crate) fn share(&self, stream: TcpStream, address: IpAddr) -> Option<(TcpStream, Seat)> {
        let connections = |at: &usize| self.all[*at].connections.load(Ordering::Relaxed);
        let fewest = (0..self.all.len()).min_by_key(connections).unwrap_or(self.own);
        let at = if connections(&fewest) < connections(&self.own) { fewest } else { self.own };
        let seat = Seat::at(&self.all, at);
        if at == self.own {
            return Some((stream, seat));
        }
        // One that cannot be handed on is gone, as for its client.
        let stream = stream.into_std().ok()?;
        let (stream, _, _) = self.all[at].hand.send((stream, address, seat)).err()?.0;
        // Nobody serves there any more.
        Some((TcpStream::from_std(stream).ok()?, Seat::at(&self.all, self.own)))
    }

    /// The next connection that another desk hands to this one.
    pub(crate) async fn handed(&mut self) -> (TcpStream, IpAddr, Seat) {
        loop {
            match self.handed.recv().await {
                Some((stream, address, seat)) => {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        return (stream, address, seat);
                    }
                }
                None => std::future::pending().await,
            }
        }
    }
}

impl Seat {
    fn at(all: &Arc<[Tray]>, at: usize) -> Self {
        all[at].connections.fetch_add(1, Ordering::Relaxed);
        Self { all: Arc::clone(all), at }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.all[self.at].connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn each_desk_has_as_many_connections_as_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut desks = Desk::several(3);
        let (mut clients, mut kept, mut handed) = (Vec::new(), Vec::new(), Vec::new());
        // All come to the first.
        for _ in 0..9 {
            clients.push(TcpStream::connect(address).await.unwrap());
            let (stream, from) = listener.accept().await.unwrap();
            kept.extend(desks[0].share(stream, from.ip()));
        }
        assert_eq!(kept.len(), 3);
        for desk in &mut desks[1..] {
            for _ in 0..3 {
                handed.push(desk.handed().await);
            }
        }
        let connections = |desks: &[Desk]| -> Vec<usize> {
            desks[0].all.iter().map(|tray| tray.connections.load(Ordering::Relaxed)).collect()
        };
        assert_eq!(connections(&desks), [3, 3, 3]);
        // Where some have ended there is room for others.
        handed.truncate(3);
        assert_eq!(connections(&desks), [3, 3, 0]);
        // A desk that is closed is passed over.
        drop(desks.pop());
        let (stream, from) = {
            clients.push(TcpStream::connect(address).await.unwrap());
            listener.accept().await.unwrap()
        };
        let last = desks[0].share(stream, from.ip());
        assert!(last.is_some());
        assert_eq!(connections(&desks), [4, 3, 0]);
        drop((kept, handed, last));
        assert_eq!(connections(&desks), [0, 0, 0]);
    }
}
