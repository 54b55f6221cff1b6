//! Three workers work off a queue.

use std::time::Duration;

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let work = Duration::from_secs_f64(argument(1, "1")?);
    let q = Queue::new(0);
    let workers = Workers::start(3, &q, move |item: u32| {
        println!("Processing {item}");
        std::thread::sleep(work); // Simulating work
        Ok::<_, Error>(())
    })?;
    for item in 0..10 {
        q.put(item)?;
    }
    workers.finish()?; // Blocks until all is done
    Ok(())
}
