//! The code of `docs/coming-from-python.md`: each section's is the body of the function here that is named like the section.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::unnecessary_wraps, reason = "every section has the same frame")]

use std::fs;
use std::path::Path;

use taipan::prelude::*;

/// The guide's paths begin at the repository.
fn at_home() {
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
}

#[test]
fn classes() -> Result<(), Error> {
    let a = Class::build("A").create()?;
    let b = Class::build("B").base(&a).create()?;
    let c = Class::build("C").base(&a).create()?;
    let d = Class::build("D").base(&b).base(&c).create()?;
    let order: Vec<String> = d.mro().iter().map(|class| class.name().to_string()).collect();
    assert_eq!(order, ["D", "B", "C", "A", "object"]);
    Ok(())
}

#[test]
fn metaclasses() -> Result<(), Error> {
    let interface = Class::build_metaclass("InterfaceMeta")
        .new_class(|draft| {
            draft.require("required_method")?;
            draft.create()
        })
        .create()?;
    let refused = Class::build("InvalidClass").metaclass(&interface).create().unwrap_err();
    assert_eq!(refused.to_string(), "Class InvalidClass must define 'required_method'");
    Ok(())
}

#[test]
fn tasks() -> Result<(), Error> {
    use std::time::Duration;

    async fn square(n: u64) -> Result<u64, Error> {
        sleep(Duration::from_millis(n)).await;
        Ok(n * n)
    }

    let squares = run(async {
        let task = create_task(square(4));
        let mut squares = gather((0..4).map(square)).limit(2).await?;
        squares.push(timeout(Duration::from_mins(1), task).await?);
        Ok::<_, Error>(squares)
    })?;
    assert_eq!(squares, [0, 1, 4, 9, 16]);
    Ok(())
}

#[test]
fn threads_and_locks() -> Result<(), Error> {
    let total = std::sync::Mutex::new(0);
    std::thread::scope(|threads| {
        for n in 1..=4 {
            let total = &total;
            threads.spawn(move || *total.lock().unwrap() += n);
        }
    });
    assert_eq!(total.into_inner().unwrap(), 10);
    Ok(())
}

#[test]
fn pool() -> Result<(), Error> {
    let pool = Pool::new(4)?;
    assert_eq!(pool.map(0..5_i64, |x| x * x)?, [0, 1, 4, 9, 16]);
    assert_eq!(pool.starmap(vec![(1, 2), (3, 4)], |a, b| a + b)?, [3, 7]);
    let failed = pool.map(0..5, |x: i32| 10 / (x - 2)).unwrap_err();
    assert_eq!(failed.to_string(), "item 2: panicked: attempt to divide by zero");
    Ok(())
}

#[test]
fn queues() -> Result<(), Error> {
    let queue = Queue::new(100);
    let check = |item: u32| if item == 7 { Err(Error::from(std::io::Error::other("seven"))) } else { Ok(()) };
    let workers = Workers::start(3, &queue, check)?;
    (0..10).try_for_each(|item| queue.put(item))?;
    assert_eq!(workers.finish().unwrap_err().to_string(), "seven"); // joined; errors come back
    Ok(())
}

#[test]
fn durable_jobs() -> Result<(), Error> {
    use std::{sync::Arc, time::Duration};

    let jobs = DurableJobs::open(&Store::open("sqlite::memory:")?)?; // in a file, jobs survive kill -9
    let runner = Runner::new(Arc::new(jobs))
        .handle("square", |job| Ok(job.payload().as_i64().map(|n| n * n).into()))
        .start(4)?;
    let id = runner.enqueue(NewJob::new("square", 7.into()).key("the square of 7"))?;
    assert_eq!(runner.wait(id, Duration::from_mins(1))?.result, Some(49.into()));
    Ok(())
}

#[test]
fn context_managers() -> Result<(), Error> {
    use std::io::Write;

    let path = std::env::temp_dir().join(format!("coming-from-python-{}.txt", std::process::id()));
    managed_file(&path).with(|file| write!(file, "whole or not at all"))?;
    let begin = || Ok::<_, Error>(std::time::Instant::now());
    let timed = scope(begin, |start, exit| {
        println!("{:?} after {:?}", exit.is_success(), start.elapsed());
        Ok(())
    });
    let text = timed.with(|_| Ok(std::fs::read_to_string(&path)?))?;
    assert_eq!(text, "whole or not at all");
    std::fs::remove_file(path)?;
    Ok(())
}

#[test]
fn logging() -> Result<(), Error> {
    logging::basic_config().level(logging::INFO).format("{asctime} {levelname:<8} {name}: {message}{fields}").init()?;
    logging::add_level_name(25, "NOTICE");
    logging::info!(rows = 3, "read {}", "employees.csv");
    logging::log!(25, "between INFO and WARNING");
    logging::get_logger("app.db").set_level(logging::ERROR);
    Ok(())
}

#[test]
fn arrays() -> Result<(), Error> {
    let mut array = arange(10);
    array.assign_where(&array.mask(|x| x % 2 == 0), -1);
    assert_eq!(array.to_string(), "[-1, 1, -1, 3, -1, 5, -1, 7, -1, 9]");
    Ok(())
}

#[test]
fn frames() -> Result<(), Error> {
    let df = DataFrame::new([("Name", ["Alice", "Bob", "Charlie"].into()), ("Score", [45, 85, 60].into())])?;
    let good = df.filter(col("Score").gt(50).and(col("Name").ne("Bob")))?;
    assert_eq!(good.to_string(), "Name     Score\nCharlie     60");
    Ok(())
}

#[test]
fn files() -> Result<(), Error> {
    at_home();
    assert_eq!(read_csv("examples/demo/tips.csv")?.head(5)?.shape(), (5, 7));
    let engine = Engine::new(&EngineOptions::default())?;
    let days = Relation::parse("SELECT day, avg(tip) AS tip FROM 'examples/demo/tips.csv' GROUP BY day ORDER BY day");
    assert_eq!(days.collect(&engine)?.len(), 4);
    Ok(())
}

/// Reaches beyond this machine: it is compiled only.
#[allow(dead_code, reason = "compiled only")]
fn the_web() -> Result<(), Error> {
    let fetcher = Fetcher::new(FetchOptions::default().concurrency(20))?;
    for page in fetcher.fetch(["https://example.com", "https://example.org"].map(String::from)) {
        println!("{}: {} bytes", page.url, page.bytes); // in the order given
    }
    Ok(())
}

#[test]
fn databases() -> Result<(), Error> {
    at_home();
    let store = Store::open("sqlite::memory:")?;
    let file = std::path::Path::new("examples/demo/employees.csv");
    import_file(&store, file, &ImportOptions::default(), &|_, _| ())?; // one transaction
    let engine = Engine::new(&EngineOptions::default().store(store))?;
    let top = Relation::parse("SELECT name, salary FROM employees ORDER BY salary DESC LIMIT 10");
    assert_eq!(top.collect(&engine)?.shape(), (10, 2));
    Ok(())
}

#[test]
fn transactions_and_indexes() -> Result<(), Error> {
    use taipan::store::{TransactionOptions, Value};

    let store = Store::open("sqlite::memory:")?;
    store.transaction(&TransactionOptions::default(), |tx| {
        tx.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER)", &[])?;
        tx.execute("CREATE INDEX accounts_owner ON accounts (owner)", &[])?;
        tx.insert("accounts", &[("owner", Value::Text("Ann".into())), ("balance", Value::Integer(100))])
    })?;
    assert_eq!(store.table("accounts")?.columns.len(), 3);
    Ok(())
}

#[test]
fn learning() -> Result<(), Error> {
    at_home();
    let df = read_csv("examples/demo/houses.csv")?.collect()?;
    let split = train_test_split(df.len(), TestSize::Fraction(0.2), Some(42))?;
    let train = df.take(&split.train)?;
    let model = LinearRegression::new().fit(train.matrix(&["Area"])?.view(), train.vector("Price")?.view())?;
    assert!((model.coef()[0] - 128.271_028_037_383_2).abs() < 1e-9);

    let engine = Engine::new(&EngineOptions::default())?;
    let forest = TrainOptions::new("RandomForestClassifier", "species").random_state(Some(42));
    let search_for = forest.grid("max_depth", [1, 3].map(ParamValue::Integer).into()).cv(Some(3));
    let found = search(&engine, &Relation::parse("examples/demo/iris.csv"), &search_for)?;
    println!("{}", found.best_params());
    Ok(())
}

#[test]
fn unsupervised_learning() -> Result<(), Error> {
    at_home();
    let iris = read_csv("examples/demo/iris.csv")?.collect()?;
    let x = iris.matrix(&["petal_length", "petal_width"])?;
    let clusters = taipan::learn::KMeans::new().n_clusters(3).random_state(42).fit(x.view())?;
    assert_eq!(clusters.labels().len(), iris.len());
    Ok(())
}

#[test]
fn regularisation() -> Result<(), Error> {
    at_home();
    let df = read_csv("examples/demo/houses.csv")?.collect()?;
    let (x, y) = (df.matrix(&["Area"])?, df.vector("Price")?);
    let free = LinearRegression::new().fit(x.view(), y.view())?;
    let held = taipan::learn::Ridge::new().alpha(1e6).fit(x.view(), y.view())?;
    assert!(held.coef()[0] < free.coef()[0]);
    Ok(())
}

#[test]
fn bagging_and_boosting() -> Result<(), Error> {
    at_home();
    let engine = Engine::new(&EngineOptions::default())?;
    let iris = Relation::parse("examples/demo/iris.csv");
    for estimator in ["RandomForestClassifier", "GradientBoostingClassifier"] {
        let options = TrainOptions::new(estimator, "species").random_state(Some(42));
        println!("{estimator}: {:?}", evaluate(&engine, &train(&engine, &iris, &options)?, &iris)?);
    }
    Ok(())
}

#[test]
fn precision_and_recall() -> Result<(), Error> {
    use taipan::learn::metrics::{ScoreOptions, precision_score, recall_score};

    let (truth, answer) = (array![1., 1., 0., 0.], array![1., 0., 0., 0.]);
    let options = ScoreOptions::new();
    assert!((precision_score(truth.view(), answer.view(), &options)? - 1.0).abs() < 1e-12);
    assert!((recall_score(truth.view(), answer.view(), &options)? - 0.5).abs() < 1e-12);
    Ok(())
}

#[test]
fn plots() -> Result<(), Error> {
    at_home();
    let tips = read_csv("examples/demo/tips.csv")?.collect()?;
    let scatter = PlotOptions::new(PlotKind::Scatter).x("total_bill").y("tip");
    let svg = tips.plot(&scatter)?.svg();
    assert!(svg.starts_with("<svg"));
    Ok(())
}

/// The guide's code by section, and the functions' here.
#[test]
fn the_guide_shows_what_is_run_here() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = fs::read_to_string(home.join("docs/coming-from-python.md")).unwrap();
    let here = fs::read_to_string(home.join("examples/tests/guide.rs")).unwrap();
    let mut shown = 0;
    for section in guide.split("\n## ").skip(1) {
        let (title, text) = section.split_once('\n').unwrap();
        let name = title.to_lowercase().replace(' ', "_");
        let code = text.split_once("```rust\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
        let body = here.split_once(&format!("fn {name}() -> Result<(), Error> {{\n"));
        let body =
            body.and_then(|(_, rest)| rest.split_once("    Ok(())\n}\n")).unwrap_or_else(|| panic!("no fn {name}")).0;
        let body: String = body
            .lines()
            .map(|line| line.strip_prefix("    ").unwrap_or(line))
            .filter(|line| *line != "at_home();")
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_eq!(code, body, "{title}");
        shown += 1;
    }
    assert_eq!(shown, here.matches("() -> Result<(), Error> {\n").count(), "each function here is a section");
}
