//! Lookups race with changes on eight threads: nothing stale, nothing torn, nothing lost.
//!
//! Every writer publishes in a counter what it has finished, so a reader can tell what its lookup must give at least.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

use taipan_class::{Attribute, CallSite, Class, Object, Result, Value};

const LOOKUPS: usize = 20_000;

/// Ends the writers when the readers are done, also when one of them fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is changed, and how far the changes are.
struct Race {
    top: Class,
    middle: Class,
    bottom: Class,
    object: Object,
    /// The generation whose change has begun, and the one whose change has returned.
    begun: AtomicI64,
    finished: AtomicI64,
    /// Odd while a change of `middle` is on its way; each second one is an override, the others a deletion.
    overriding: AtomicI64,
    /// How many lookups have been checked.
    looked: AtomicI64,
    done: AtomicBool,
}

/// A value that shows when it is put together from two generations.
fn generation(number: i64) -> Value {
    vec![Value::from(number); 16].into()
}

fn number(value: &Value) -> i64 {
    let Value::List(items) = value else { panic!("{value:?}") };
    let first = items[0].as_int().expect("a number");
    assert!(items.iter().all(|item| *item == first.into()), "torn: {value:?}");
    first
}

/// What one update sets together.
fn attributes(number: i64) -> [(&'static str, Attribute); 3] {
    let method = Attribute::method(move |_, _| generation(number));
    [("plain", generation(number).into()), ("method", method), ("partner", generation(number).into())]
}

impl Race {
    fn new() -> Result<Self> {
        let top = Class::build("Top").method("which", |_, _| "top").create()?;
        top.update(attributes(0))?;
        let middle = Class::build("Middle").base(&top).create()?;
        let other = Class::build("Other").base(&top).create()?;
        let below = Class::build("Below").bases([&middle, &other]).create()?;
        let bottom = Class::build("Bottom").base(&below).create()?;
        let object = bottom.instance(&[])?;
        let [begun, finished, overriding, looked] = [(); 4].map(|()| AtomicI64::new(0));
        Ok(Self { top, middle, bottom, object, begun, finished, overriding, looked, done: AtomicBool::new(false) })
    }

    fn write_generations(&self) {
        let mut next = 0;
        while !self.done.load(Ordering::Relaxed) {
            next += 1;
            self.begun.store(next, Ordering::SeqCst);
            self.top.update(attributes(next)).expect("an update");
            self.finished.store(next, Ordering::SeqCst);
            // Every second generation stands until it was looked at: what is stale then stays so, and is found.
            let looked = self.looked.load(Ordering::Relaxed);
            while next % 2 == 0 && looked == self.looked.load(Ordering::Relaxed) && !self.done.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        }
    }

    fn override_and_delete(&self) {
        let mut step = 0;
        while !self.done.load(Ordering::Relaxed) {
            self.overriding.store(step + 1, Ordering::SeqCst);
            if step % 4 == 0 {
                self.middle.set("which", Attribute::method(|_, _| "middle")).expect("an override");
            } else {
                self.middle.delete("which").expect("a deletion");
            }
            step += 2;
            self.overriding.store(step, Ordering::SeqCst);
        }
    }

    /// Runs a lookup of a generation; it must be at least what had been finished, and no more than what had begun.
    fn check(&self, least: &mut i64, lookup: impl FnOnce() -> Result<Value>) {
        let finished = self.finished.load(Ordering::SeqCst);
        let found = number(&lookup().expect("a lookup"));
        let begun = self.begun.load(Ordering::SeqCst);
        assert!(found >= finished, "stale: {found} after {finished} was finished");
        assert!(found >= *least, "{found} after {least} was seen");
        assert!(found <= begun, "{found} before it was begun ({begun})");
        *least = found;
        self.looked.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) {
        let _done = Done(&self.done);
        let [mut method, mut which] = ["method", "which"].map(CallSite::new);
        let mut least = 0;
        for round in 0..LOOKUPS {
            match round % 5 {
                0 => self.check(&mut least, || self.object.get("plain")),
                1 => self.check(&mut least, || self.object.call("method", &[])),
                2 => self.check(&mut least, || self.bottom.get("plain")),
                _ => self.check(&mut least, || method.call(&self.object, &[])),
            }
            let own = self.top.attributes();
            let [plain, partner] = ["plain", "partner"].map(|name| {
                let (_, found) = own.iter().find(|(known, _)| &**known == name).expect("an attribute");
                number(found.value().expect("a value"))
            });
            assert_eq!(plain, partner, "two generations in one snapshot");

            let before = self.overriding.load(Ordering::SeqCst);
            let found = which.call(&self.object, &[]).expect("a lookup");
            if before % 2 == 0 && self.overriding.load(Ordering::SeqCst) == before {
                let expected = if before % 4 == 2 { "middle" } else { "top" };
                assert_eq!(found, expected.into(), "step {before}");
            }
        }
    }

    /// New subclasses see what was finished before they were made, and what comes later.
    fn derive(&self) {
        let _done = Done(&self.done);
        let mut least = 0;
        for round in 0..LOOKUPS / 20 {
            let class = Class::build(format!("Derived{round}")).base(&self.bottom).create().expect("a class");
            let object = class.instance(&[]).expect("an instance");
            for _ in 0..10 {
                self.check(&mut least, || object.call("method", &[]));
            }
        }
    }

    fn count(&self) {
        for _ in 0..LOOKUPS / 10 {
            self.object.update("count", |count| (count.and_then(|count| count.as_int()).unwrap_or(0) + 1).into());
        }
    }
}

#[test]
fn lookups_are_neither_stale_nor_torn_and_no_write_is_lost() {
    let race = Race::new().expect("classes");
    thread::scope(|scope| {
        scope.spawn(|| race.write_generations());
        scope.spawn(|| race.override_and_delete());
        for _ in 0..3 {
            scope.spawn(|| race.read());
        }
        scope.spawn(|| race.derive());
        for _ in 0..2 {
            scope.spawn(|| race.count());
        }
    });
    assert_eq!(race.object.get("count").expect("the count"), (2 * (LOOKUPS / 10) as i64).into());
    assert!(race.bottom.subclasses().is_empty(), "subclasses that nobody uses are gone");
}

#[test]
fn classes_and_instances_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<Class>();
    check::<Object>();
    check::<Value>();
    check::<Attribute>();
    check::<taipan_class::Error>();
}
