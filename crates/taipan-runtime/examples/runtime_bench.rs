//! The runtime's side of `cargo xtask bench`: `runtime_bench JOB CONTENDER` does the job's work and prints
//! `{"seconds": {"part": 0.1}, "result": …}`. Contenders are `taipan` and the Rust libraries it stands on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a program that only measures")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde_json::{Value, json};
use taipan_runtime::Error;
use taipan_runtime::logging::{self, Format, Handler, get_logger};
use taipan_runtime::pool::Pool;
use taipan_runtime::queue::Queue;
use taipan_runtime::task::{create_task, gather, run};

type Seconds = BTreeMap<&'static str, f64>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--version"] {
        println!("taipan-runtime {}", env!("CARGO_PKG_VERSION"));
        return;
    }
    let [job, contender] = arguments.as_slice() else {
        eprintln!("runtime_bench JOB CONTENDER");
        std::process::exit(2);
    };
    let taipan = contender == "taipan";
    let mut seconds = Seconds::new();
    let result = match job.as_str() {
        "pool-map" => pool_map(&mut seconds, taipan),
        "tasks" => tasks(&mut seconds, taipan),
        "queue" => queue(&mut seconds, taipan),
        "log" => log(&mut seconds, taipan),
        other => panic!("no job {other}"),
    };
    println!("{}", json!({"seconds": seconds, "result": result}));
}

fn timed<R>(seconds: &mut Seconds, part: &'static str, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = black_box(work());
    seconds.insert(part, start.elapsed().as_secs_f64());
    result
}

fn square(x: u64) -> u64 {
    x * x
}

/// The FNV-1a checksum of so many bytes as the number makes: none for some, two thousand for others.
fn checksum(n: u64) -> u64 {
    let bytes = (0..n * 7919 % 2000).map(|i| ((n + i) & 255) as u32);
    u64::from(bytes.fold(2_166_136_261, |total: u32, byte| (total ^ byte).wrapping_mul(16_777_619)))
}

/// The steps of the Collatz sequence: few for some numbers, hundreds for others.
fn collatz(n: u64) -> u64 {
    (n * 1000..n * 1000 + 100)
        .map(|start| {
            let (mut n, mut steps) = (start.max(1), 0);
            while n > 1 {
                n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
                steps += 1;
            }
            steps
        })
        .sum()
}

fn pool_map(seconds: &mut Seconds, taipan: bool) -> Value {
    let pool = Pool::default();
    // The threads exist before the clock runs, on both sides.
    rayon::join(|| (), || ());
    let squares: Vec<u64> = timed(seconds, "squares", || {
        if taipan {
            return pool.map(0..10_000_000_u64, square).unwrap();
        }
        (0..10_000_000_usize).into_par_iter().map(|x| square(x as u64)).collect()
    });
    let mut uneven = |part: &'static str, task: fn(u64) -> u64| -> u64 {
        let results: Vec<u64> = timed(seconds, part, || {
            if taipan {
                return pool.map(0..10_000_u64, task).unwrap();
            }
            (0..10_000_usize).into_par_iter().map(|n| task(n as u64)).collect()
        });
        results.iter().sum()
    };
    let (checksums, steps) = (uneven("uneven", checksum), uneven("uneven, Collatz", collatz));
    json!([squares.iter().fold(0_u64, |sum, x| sum.wrapping_add(*x)), checksums, steps])
}

const TASKS: [&str; 4] = ["spawned", "gathered", "gathered, each waits once", "gathered tasks"];

async fn work(n: u64) -> Result<u64, Error> {
    Ok(n)
}

async fn waiting_work(n: u64) -> Result<u64, Error> {
    tokio::task::yield_now().await;
    Ok(n)
}

fn tasks(seconds: &mut Seconds, taipan: bool) -> Value {
    const SPAWNED: u64 = 1_000_000;
    const GATHERED: u64 = 100_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (spawned, gathered) = if taipan {
        let (times, results) = run(async {
            let start = Instant::now();
            let tasks: Vec<_> = (0..SPAWNED).map(|n| create_task(async move { Ok::<u64, Error>(n) })).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await?;
            }
            let spawned = start.elapsed();
            let start = Instant::now();
            let all = gather((0..GATHERED).map(work)).await?;
            let gathered = start.elapsed();
            let start = Instant::now();
            let waited = gather((0..GATHERED).map(waiting_work)).await?;
            let waiting = start.elapsed();
            let start = Instant::now();
            let tasks = gather((0..GATHERED).map(|n| create_task(work(n)))).await?;
            let sums = [all, waited, tasks].map(|numbers| numbers.iter().sum::<u64>());
            Ok::<_, Error>(([spawned, gathered, waiting, start.elapsed()], (sum, sums)))
        })
        .unwrap();
        for (part, time) in TASKS.into_iter().zip(times) {
            seconds.insert(part, time.as_secs_f64());
        }
        results
    } else {
        runtime.block_on(async {
            let start = Instant::now();
            let tasks: Vec<_> = (0..SPAWNED).map(|n| tokio::spawn(async move { Ok::<u64, Error>(n) })).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap().unwrap();
            }
            let spawned = start.elapsed();
            let start = Instant::now();
            let all = try_join_all((0..GATHERED).map(work)).await.unwrap();
            let gathered = start.elapsed();
            let start = Instant::now();
            let waited = try_join_all((0..GATHERED).map(waiting_work)).await.unwrap();
            let waiting = start.elapsed();
            let start = Instant::now();
            let tasks = (0..GATHERED).map(|n| tokio::spawn(async move { n }));
            let tasks = try_join_all(tasks).await.unwrap();
            for (part, time) in TASKS.into_iter().zip([spawned, gathered, waiting, start.elapsed()]) {
                seconds.insert(part, time.as_secs_f64());
            }
            (sum, [all, waited, tasks].map(|numbers| numbers.iter().sum::<u64>()))
        })
    };
    if taipan {
        seconds.insert("timer p99 while all cores compute", delay_of_timers());
    }
    json!([spawned, gathered[0], gathered[1], gathered[2]])
}

/// How late the 99th of a hundred timers is while the pool computes on every core.
fn delay_of_timers() -> f64 {
    let stop = taipan_runtime::CancelToken::new();
    let busy = {
        let stop = stop.clone();
        thread::spawn(move || {
            let threads = Pool::default().threads();
            Pool::default().map(0..threads, |_| {
                let mut n = 1_u64;
                while !stop.is_cancelled() {
                    n = black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                }
                n
            })
        })
    };
    let mut late: Vec<Duration> = run(async {
        let mut late = Vec::new();
        for _ in 0..2000 {
            let wanted = Duration::from_millis(1);
            let start = Instant::now();
            tokio::time::sleep(wanted).await;
            // A timer of tokio's is due at the next millisecond at the earliest.
            late.push(start.elapsed().saturating_sub(wanted));
        }
        Ok::<_, Error>(late)
    })
    .unwrap();
    stop.cancel();
    busy.join().unwrap().unwrap();
    late.sort_unstable();
    late[late.len() * 99 / 100].as_secs_f64()
}

fn queue(seconds: &mut Seconds, taipan: bool) -> Value {
    const SIDES: u64 = 4;
    const ITEMS: u64 = 5_000_000;
    let sum: u64 = timed(seconds, "queue", || {
        if taipan {
            let queue: Queue<u64> = Queue::new(1024);
            thread::scope(|scope| {
                let workers: Vec<_> = (0..SIDES)
                    .map(|_| {
                        scope.spawn(|| {
                            let mut sum = 0;
                            while let Ok(item) = queue.get() {
                                sum += item;
                                queue.task_done().unwrap();
                            }
                            sum
                        })
                    })
                    .collect();
                let producers: Vec<_> = (0..SIDES)
                    .map(|side| {
                        let queue = &queue;
                        scope.spawn(move || (0..ITEMS / SIDES).for_each(|n| queue.put(n * SIDES + side).unwrap()))
                    })
                    .collect();
                for producer in producers {
                    producer.join().unwrap();
                }
                queue.join();
                queue.shutdown();
                workers.into_iter().map(|worker| worker.join().unwrap()).sum()
            })
        } else {
            let (sender, receiver) = crossbeam_channel::bounded::<u64>(1024);
            thread::scope(|scope| {
                let workers: Vec<_> = (0..SIDES)
                    .map(|_| {
                        let receiver = receiver.clone();
                        scope.spawn(move || receiver.iter().sum::<u64>())
                    })
                    .collect();
                for side in 0..SIDES {
                    let sender = sender.clone();
                    scope.spawn(move || (0..ITEMS / SIDES).for_each(|n| sender.send(n * SIDES + side).unwrap()));
                }
                drop(sender);
                workers.into_iter().map(|worker| worker.join().unwrap()).sum()
            })
        }
    });
    json!(sum)
}

const DISABLED: u32 = 10_000_000;
const RECORDS: u32 = 400_000;

fn log(seconds: &mut Seconds, taipan: bool) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.log");
    if taipan {
        log_here(seconds, &path);
    } else {
        log_by_tracing(seconds, folder.path());
    }
    json!(std::fs::read_to_string(&path).unwrap().lines().count())
}

/// From as many threads, the same number each.
fn from_threads(threads: u32, record: impl Fn(u32) + Sync) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..RECORDS / threads).for_each(&record));
        }
    });
}

fn log_here(seconds: &mut Seconds, path: &Path) {
    let handler = Handler::file(path)
        .format(Format::text("{asctime} {levelname} {name} {message}").unwrap())
        .buffer(256 << 20)
        .build()
        .unwrap();
    logging::basic_config().level(logging::INFO).handler(handler.clone()).init().unwrap();
    timed(seconds, "disabled", || (0..DISABLED).for_each(|n| logging::debug!("record {}", black_box(n))));
    for (part, waits, threads) in
        [("file, 1 thread", "what 1 thread waits for", 1), ("file, 8 threads", "what 8 threads wait for", 8)]
    {
        let start = Instant::now();
        from_threads(threads, |n| logging::info!("record {}", n));
        seconds.insert(waits, start.elapsed().as_secs_f64());
        assert!(handler.flush(Duration::from_mins(1)));
        seconds.insert(part, start.elapsed().as_secs_f64());
    }
    assert_eq!(handler.dropped(), 0);
    let logger = get_logger("app.db");
    timed(seconds, "10,000,000 disabled records of a logger", || {
        (0..DISABLED).for_each(|n| logger.debug(black_box(n)));
    });
}

fn log_by_tracing(seconds: &mut Seconds, folder: &Path) {
    let open = || {
        let (writer, guard) = tracing_appender::non_blocking::NonBlockingBuilder::default()
            .lossy(false)
            .buffered_lines_limit(10_000_000)
            .finish(tracing_appender::rolling::never(folder, "bench.log"));
        let subscriber =
            tracing_subscriber::fmt().with_writer(writer).with_max_level(tracing::Level::INFO).with_ansi(false);
        (tracing::Dispatch::new(subscriber.finish()), guard)
    };
    let (dispatch, _guard) = open();
    tracing::dispatcher::with_default(&dispatch, || {
        timed(seconds, "disabled", || (0..DISABLED).for_each(|n| tracing::debug!("record {}", black_box(n))));
    });
    for (part, threads) in [("file, 1 thread", 1), ("file, 8 threads", 8)] {
        let (dispatch, guard) = open();
        timed(seconds, part, || {
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        tracing::dispatcher::with_default(&dispatch, || {
                            (0..RECORDS / threads).for_each(|n| tracing::info!("record {}", n));
                        });
                    });
                }
            });
            // Dropped, it waits until all is written.
            drop(guard);
        });
    }
}
