//! The ten employees with the highest salaries, from a database.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let store = Store::open(&argument::<String>(1, "sqlite:example.db")?)?;
    let engine = Engine::new(&EngineOptions::default().store(store))?;
    let top = Relation::parse("SELECT id, name, salary FROM employees ORDER BY salary DESC, id LIMIT 10");
    for emp in top.collect(&engine)?.rows() {
        println!("ID: {}, Name: {}, Salary: {}", emp["id"], emp["name"], emp["salary"]);
    }
    Ok(())
}
