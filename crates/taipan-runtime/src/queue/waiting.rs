//! Who waits for a queue to change.
//!
//! Who waits says so first, and then looks at the queue once more; who changes the queue looks after that whether
//! anybody waits. Both are in the one order of `SeqCst`, so one of the two sees the other: nobody waits for what has
//! happened already, and where nobody waits, a change costs one look.
//!
//! A change calls one of those that wait, a thread before a task. Until the thread that was called is there, others are
//! not called: it calls the next, if it leaves something for it. Tasks may be long in coming, so for them nobody waits.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::{Poll, Waker};
use std::time::Instant;

use crate::sync::{AtomicUsize, Condvar, LOOKS, Mutex, MutexGuard, Ordering, before_a_look, fence, look_away};

/// How long a thread waits.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    None,
    Until(Instant),
    Endless,
}

/// A task's place among the waiters.
pub(crate) type Ticket = Option<u64>;

/// Those that wait for one change.
pub(crate) struct Waiters {
    /// How many of them there are to be called.
    callable: AtomicUsize,
    list: Mutex<List>,
    condition: Condvar,
}

#[derive(Default)]
struct List {
    threads: usize,
    /// Whether one of the threads was called and is not there yet.
    is_called: bool,
    tasks: VecDeque<(u64, Waker)>,
    next: u64,
}

enum Call {
    Nobody,
    Thread,
    Task(Waker),
}

impl List {
    fn call(&mut self) -> Call {
        if self.is_called {
            Call::Nobody
        } else if self.threads > 0 {
            self.is_called = true;
            Call::Thread
        } else {
            self.tasks.pop_front().map_or(Call::Nobody, |(_, waker)| Call::Task(waker))
        }
    }

    fn enlist(&mut self, ticket: &mut Ticket, waker: &Waker) {
        let known = ticket.and_then(|ticket| self.tasks.iter_mut().find(|(other, _)| *other == ticket));
        if let Some((_, known)) = known {
            known.clone_from(waker);
        } else {
            self.next += 1;
            *ticket = Some(self.next);
            self.tasks.push_back((self.next, waker.clone()));
        }
    }

    fn strike(&mut self, ticket: &mut Ticket) {
        let place = ticket.take().and_then(|ticket| self.tasks.iter().position(|(other, _)| *other == ticket));
        if let Some(place) = place {
            self.tasks.remove(place);
        }
    }
}

impl Waiters {
    pub(crate) fn new() -> Self {
        Self { callable: AtomicUsize::new(0), list: Mutex::new(List::default()), condition: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what the list says known to those that change the queue.
    fn publish(&self, list: &List) {
        let callable = if list.is_called { 0 } else { list.threads + list.tasks.len() };
        self.callable.store(callable, Ordering::SeqCst);
    }

    /// Whether there is anybody to be called, after a change.
    #[inline]
    pub(crate) fn is_somebody(&self) -> bool {
        before_a_look();
        self.callable.load(Ordering::SeqCst) > 0
    }

    /// Calls one, after a change.
    #[inline]
    pub(crate) fn call_one(&self) {
        if self.is_somebody() {
            self.call();
        }
    }

    #[cold]
    fn call(&self) {
        let mut list = self.lock();
        let call = list.call();
        self.publish(&list);
        drop(list);
        match call {
            Call::Nobody => {}
            Call::Thread => self.condition.notify_one(),
            Call::Task(waker) => waker.wake(),
        }
    }

    /// Calls all, after a change that concerns all.
    pub(crate) fn call_all(&self) {
        let mut list = self.lock();
        let tasks = std::mem::take(&mut list.tasks);
        list.is_called = false;
        self.publish(&list);
        drop(list);
        self.condition.notify_all();
        for (_, waker) in tasks {
            waker.wake();
        }
    }

    /// Attempts something, which was attempted once in vain, until it is done, or patience ends: then it is `None`.
    /// `is_left` says whether the next of those that wait may succeed, too.
    pub(crate) fn wait<R>(
        &self,
        patience: Patience,
        mut attempt: impl FnMut() -> Option<R>,
        is_left: impl Fn() -> bool,
    ) -> Option<R> {
        if matches!(patience, Patience::None) {
            return None;
        }
        let looked = (0..LOOKS).find_map(|look| {
            look_away(look);
            attempt()
        });
        if looked.is_some() {
            return looked;
        }
        let mut list = self.lock();
        list.threads += 1;
        let done = loop {
            self.publish(&list);
            fence(Ordering::SeqCst);
            if let Some(done) = attempt() {
                break Some(done);
            }
            list = match patience {
                Patience::None => break None,
                Patience::Endless => self.condition.wait(list).unwrap_or_else(PoisonError::into_inner),
                Patience::Until(end) => match end.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => {
                        self.condition.wait_timeout(list, left).unwrap_or_else(PoisonError::into_inner).0
                    }
                    _ => break None,
                },
            };
            // Called or not: it is there now, and makes the attempt that the call was for.
            list.is_called = false;
        };
        list.threads -= 1;
        self.publish(&list);
        drop(list);
        self.pass_on(is_left);
        done
    }

    /// Attempts something for a task, which is called when it may try again.
    pub(crate) fn poll<R>(
        &self,
        ticket: &mut Ticket,
        waker: &Waker,
        mut attempt: impl FnMut() -> Option<R>,
        is_left: impl Fn() -> bool,
    ) -> Poll<R> {
        let mut done = attempt();
        if done.is_some() && ticket.is_none() {
            return done.map_or(Poll::Pending, Poll::Ready);
        }
        let mut list = self.lock();
        if done.is_none() {
            list.enlist(ticket, waker);
            self.publish(&list);
            fence(Ordering::SeqCst);
            done = attempt();
        }
        let Some(done) = done else { return Poll::Pending };
        list.strike(ticket);
        self.publish(&list);
        drop(list);
        self.pass_on(is_left);
        Poll::Ready(done)
    }

    /// Takes a task off the list; a call that it has had is passed on.
    pub(crate) fn give_up(&self, ticket: &mut Ticket, is_left: impl Fn() -> bool) {
        if ticket.is_some() {
            let mut list = self.lock();
            list.strike(ticket);
            self.publish(&list);
            drop(list);
            self.pass_on(is_left);
        }
    }

    /// Calls the next, if something is left for it.
    fn pass_on(&self, is_left: impl Fn() -> bool) {
        if self.is_somebody() && is_left() {
            self.call_one();
        }
    }
}
