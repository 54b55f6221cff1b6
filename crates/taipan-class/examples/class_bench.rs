//! One side of `cargo xtask bench class-call`: calls methods and makes classes, and prints as JSON what each took.
//!
//! `class_bench taipan` does it with classes at run time, `class_bench dyn` and `plain-dyn` call the
//! same method of a trait object.

#![allow(clippy::print_stdout, reason = "its job")]

use std::hint::black_box;
use std::time::Instant;

use taipan_class::{CallSite, Class, Result, Value};

const CALLS: i64 = 10_000_000;
const CREATIONS: u32 = 20_000;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("--version") => println!("taipan-class {}", env!("CARGO_PKG_VERSION")),
        Some("taipan") => taipan()?,
        Some("dyn") => dispatch()?,
        Some("plain-dyn") => plain_dispatch(),
        _ => return Err(taipan_class::Error::new("usage: class_bench taipan|dyn|plain-dyn")),
    }
    Ok(())
}

/// A method of the topmost of four classes, called on an instance of the lowest, `n` times.
fn taipan() -> Result<()> {
    let top = Class::build("A").method("step", |_, args| Ok(args.at::<i64>(0)? + 1)).create()?;
    let mut lowest = top.clone();
    for name in ["B", "C", "D"] {
        lowest = Class::build(name).base(&lowest).create()?;
    }
    let object = lowest.instance(&[])?;

    let start = Instant::now();
    let mut site = CallSite::new("step");
    let one = [Value::from(1)];
    let mut total = 0;
    for _ in 0..CALLS {
        total += site.call(black_box(&object), black_box(&one))?.to::<i64>()?;
    }
    let call = start.elapsed().as_secs_f64() / CALLS as f64;

    let start = Instant::now();
    let mut by_name = 0;
    for _ in 0..CALLS {
        by_name += black_box(&object).call("step", black_box(&one))?.to::<i64>()?;
    }
    let named = start.elapsed().as_secs_f64() / CALLS as f64;

    let bases: Vec<Class> = (0..5).map(|base| Class::build(format!("Base{base}")).create()).collect::<Result<_>>()?;
    let start = Instant::now();
    for _ in 0..CREATIONS {
        black_box(Class::build("E").bases(&bases).method("step", |_, _| 1).set("x", 1).create()?);
    }
    let create = start.elapsed().as_secs_f64() / f64::from(CREATIONS);
    println!(
        "{{\"seconds\": {{\"call\": {call:e}, \"call by name\": {named:e}, \"create\": {create:e}}}, \
         \"result\": [{total}, {by_name}]}}"
    );
    Ok(())
}

trait Step {
    fn step(&self, args: &[Value]) -> Result<Value> {
        Ok((args.first().map_or(Ok(0), Value::to::<i64>)? + 1).into())
    }

    fn plain_step(&self, number: i64) -> i64 {
        number + 1
    }
}

struct D;

impl Step for D {}

/// The same method of a trait object, with the same values.
fn dispatch() -> Result<()> {
    let object: Box<dyn Step> = Box::new(D);
    let one = [Value::from(1)];
    let start = Instant::now();
    let mut total = 0;
    for _ in 0..CALLS {
        total += black_box(&*object).step(black_box(&one))?.to::<i64>()?;
    }
    print_calls(start, total);
    Ok(())
}

/// The same with integers that the compiler knows.
fn plain_dispatch() {
    let object: Box<dyn Step> = Box::new(D);
    let start = Instant::now();
    let mut total = 0;
    for _ in 0..CALLS {
        total += black_box(&*object).plain_step(black_box(1));
    }
    print_calls(start, total);
}

fn print_calls(start: Instant, total: i64) {
    let call = start.elapsed().as_secs_f64() / CALLS as f64;
    println!("{{\"seconds\": {{\"call\": {call:e}, \"call by name\": {call:e}}}, \"result\": [{total}, {total}]}}");
}
