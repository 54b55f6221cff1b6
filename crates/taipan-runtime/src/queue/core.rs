//! The state of a queue, and who waits for it to change.
//!
//! The lock guards the items; the count of unfinished ones stands beside it. Who changes the state wakes at most one of
//! those that wait for the change, a thread before a task; who was woken and leaves room or items for more wakes the
//! next. A task that was woken and then dropped passes the call on. `tests/queue_loom.rs` runs this file under loom.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::{Poll, Waker};
use std::time::Instant;

use crate::sync::{AtomicUsize, Condvar, LOOKS, Mutex, MutexGuard, Ordering};

/// What holds the items, and so decides which is next.
pub(crate) trait Buffer<T>: Default {
    fn push(&mut self, item: T);
    fn pop(&mut self) -> Option<T>;
    fn len(&self) -> usize;
}

/// Why an item was neither put nor got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    ShutDown,
    /// No room, or no item, in time.
    NotNow,
}

/// How long a thread waits.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    None,
    Until(Instant),
    Endless,
}

pub(crate) struct Core<B> {
    state: Mutex<State<B>>,
    capacity: usize,
    unfinished: AtomicUsize,
    some_item: Condvar,
    some_room: Condvar,
    all_done: Condvar,
}

struct State<B> {
    buffer: B,
    open: bool,
    getters: Waiters,
    putters: Waiters,
    joiners: Waiters,
}

/// Who waits for one change.
#[derive(Default)]
struct Waiters {
    threads: usize,
    tasks: VecDeque<(u64, Waker)>,
    next: u64,
}

/// A task's place among the waiters.
pub(crate) type Ticket = Option<u64>;

impl Waiters {
    /// The call for the next one: for a thread through the condition, for a task by its waker.
    fn call(&mut self) -> Call {
        if self.threads > 0 {
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

    /// Whether the ticket was still waiting.
    fn strike(&mut self, ticket: &mut Ticket) -> bool {
        let place = ticket.take().and_then(|ticket| self.tasks.iter().position(|(other, _)| *other == ticket));
        place.and_then(|place| self.tasks.remove(place)).is_some()
    }
}

enum Call {
    Nobody,
    Thread,
    Task(Waker),
}

impl Call {
    fn make(self, condition: &Condvar) {
        match self {
            Self::Nobody => {}
            Self::Thread => condition.notify_one(),
            Self::Task(waker) => waker.wake(),
        }
    }
}

impl<B> Core<B> {
    /// A queue that holds up to `capacity` items.
    pub(crate) fn new(capacity: usize) -> Self
    where
        B: Default,
    {
        let waiters = Waiters::default;
        let state =
            State { buffer: B::default(), open: true, getters: waiters(), putters: waiters(), joiners: waiters() };
        Self {
            state: Mutex::new(state),
            capacity,
            unfinished: AtomicUsize::new(0),
            some_item: Condvar::new(),
            some_room: Condvar::new(),
            all_done: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item, when there is room; else it is handed back.
    pub(crate) fn put<T>(&self, item: T, patience: Patience) -> Result<(), (T, Refusal)>
    where
        B: Buffer<T>,
    {
        let mut item = Some(item);
        let put = self.wait(patience, &self.some_room, |state| &mut state.putters, |state| self.push(state, &mut item));
        match (put, item) {
            (Err(refusal), Some(item)) => Err((item, refusal)),
            _ => Ok(()),
        }
    }

    /// Takes the next item; after the shutdown, what is left.
    pub(crate) fn get<T>(&self, patience: Patience) -> Result<T, Refusal>
    where
        B: Buffer<T>,
    {
        self.wait(patience, &self.some_item, |state| &mut state.getters, Self::pop)
    }

    /// Puts for a task, which is called when it may try again.
    pub(crate) fn poll_put<T>(
        &self,
        item: &mut Option<T>,
        ticket: &mut Ticket,
        waker: &Waker,
    ) -> Poll<Result<(), Refusal>>
    where
        B: Buffer<T>,
    {
        let mut state = self.lock();
        let Some((outcome, calls)) = self.push(&mut state, item) else {
            state.putters.enlist(ticket, waker);
            return Poll::Pending;
        };
        state.putters.strike(ticket);
        drop(state);
        self.make(calls);
        Poll::Ready(outcome)
    }

    /// Takes for a task, which is called when it may try again.
    pub(crate) fn poll_get<T>(&self, ticket: &mut Ticket, waker: &Waker) -> Poll<Result<T, Refusal>>
    where
        B: Buffer<T>,
    {
        let mut state = self.lock();
        let Some((outcome, calls)) = Self::pop(&mut state) else {
            state.getters.enlist(ticket, waker);
            return Poll::Pending;
        };
        state.getters.strike(ticket);
        drop(state);
        self.make(calls);
        Poll::Ready(outcome)
    }

    /// Takes back a task's wish to put; a call it has had is passed on.
    pub(crate) fn give_up_put(&self, ticket: &mut Ticket) {
        if ticket.is_some() {
            let mut state = self.lock();
            if !state.putters.strike(ticket) {
                let call = state.putters.call();
                drop(state);
                call.make(&self.some_room);
            }
        }
    }

    /// Takes back a task's wish to get; a call it has had is passed on.
    pub(crate) fn give_up_get(&self, ticket: &mut Ticket) {
        if ticket.is_some() {
            let mut state = self.lock();
            if !state.getters.strike(ticket) {
                let call = state.getters.call();
                drop(state);
                call.make(&self.some_item);
            }
        }
    }

    /// Says that an item which was got is done. False when there was none left to be done.
    pub(crate) fn task_done(&self) -> bool {
        let before = self.unfinished.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| count.checked_sub(1));
        if before == Ok(1) {
            // Whoever saw the count before waits by the time the lock is free.
            let tasks = std::mem::take(&mut self.lock().joiners.tasks);
            self.all_done.notify_all();
            for (_, waker) in tasks {
                waker.wake();
            }
        }
        before.is_ok()
    }

    /// Waits until all that was put is done. False when that took too long.
    pub(crate) fn join(&self, patience: Patience) -> bool {
        let done = |_: &mut State<B>| (self.unfinished() == 0).then_some((Ok(()), Calls::NONE));
        self.wait(patience, &self.all_done, |state| &mut state.joiners, done).is_ok()
    }

    /// Waits for the same as a task.
    pub(crate) fn poll_join(&self, ticket: &mut Ticket, waker: &Waker) -> Poll<()> {
        let mut state = self.lock();
        if self.unfinished() == 0 {
            state.joiners.strike(ticket);
            return Poll::Ready(());
        }
        state.joiners.enlist(ticket, waker);
        Poll::Pending
    }

    /// Takes back a task's wish to join.
    pub(crate) fn give_up_join(&self, ticket: &mut Ticket) {
        if ticket.is_some() {
            self.lock().joiners.strike(ticket);
        }
    }

    /// How many items were put and are not done.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished.load(Ordering::Acquire)
    }

    pub(crate) fn len<T>(&self) -> usize
    where
        B: Buffer<T>,
    {
        self.lock().buffer.len()
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        !self.lock().open
    }

    /// Lets nothing more in, and tells all who wait.
    pub(crate) fn shut_down(&self) {
        let mut state = self.lock();
        state.open = false;
        let getters = std::mem::take(&mut state.getters.tasks);
        let putters = std::mem::take(&mut state.putters.tasks);
        drop(state);
        self.some_item.notify_all();
        self.some_room.notify_all();
        for (_, waker) in getters.into_iter().chain(putters) {
            waker.wake();
        }
    }

    /// Lets nothing more in and takes out what nobody has got; that counts as done.
    pub(crate) fn drain<T>(&self) -> Vec<T>
    where
        B: Buffer<T>,
    {
        let mut state = self.lock();
        state.open = false;
        let items: Vec<T> = std::iter::from_fn(|| state.buffer.pop()).collect();
        drop(state);
        self.shut_down();
        for _ in &items {
            self.task_done();
        }
        items
    }

    fn push<T>(&self, state: &mut State<B>, item: &mut Option<T>) -> Option<(Result<(), Refusal>, Calls)>
    where
        B: Buffer<T>,
    {
        if !state.open {
            return Some((Err(Refusal::ShutDown), Calls::NONE));
        }
        if state.buffer.len() >= self.capacity {
            return None;
        }
        if let Some(item) = item.take() {
            self.unfinished.fetch_add(1, Ordering::AcqRel);
            state.buffer.push(item);
        }
        let room_left = state.buffer.len() < self.capacity;
        let room = if room_left { state.putters.call() } else { Call::Nobody };
        Some((Ok(()), Calls { item: state.getters.call(), room }))
    }

    fn pop<T>(state: &mut State<B>) -> Option<(Result<T, Refusal>, Calls)>
    where
        B: Buffer<T>,
    {
        match state.buffer.pop() {
            Some(item) => {
                let items_left = state.buffer.len() > 0;
                let next = if items_left { state.getters.call() } else { Call::Nobody };
                Some((Ok(item), Calls { item: next, room: state.putters.call() }))
            }
            None if !state.open => Some((Err(Refusal::ShutDown), Calls::NONE)),
            None => None,
        }
    }

    fn make(&self, calls: Calls) {
        calls.item.make(&self.some_item);
        calls.room.make(&self.some_room);
    }

    /// Tries until it is done or patience ends.
    fn wait<R>(
        &self,
        patience: Patience,
        condition: &Condvar,
        waiters: impl Fn(&mut State<B>) -> &mut Waiters,
        mut attempt: impl FnMut(&mut State<B>) -> Option<(Result<R, Refusal>, Calls)>,
    ) -> Result<R, Refusal> {
        let mut looks = 0;
        let mut state = self.lock();
        loop {
            if let Some((outcome, calls)) = attempt(&mut state) {
                drop(state);
                self.make(calls);
                return outcome;
            }
            let left = match patience {
                Patience::None => return Err(Refusal::NotNow),
                Patience::Endless => None,
                Patience::Until(end) => match end.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => Some(left),
                    _ => return Err(Refusal::NotNow),
                },
            };
            if looks != LOOKS {
                looks += 1;
                drop(state);
                std::thread::yield_now();
                state = self.lock();
                continue;
            }
            waiters(&mut state).threads += 1;
            state = match left {
                None => condition.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => condition.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
            waiters(&mut state).threads -= 1;
        }
    }
}

/// Whom to call once the lock is free.
struct Calls {
    item: Call,
    room: Call,
}

impl Calls {
    const NONE: Self = Self { item: Call::Nobody, room: Call::Nobody };
}
