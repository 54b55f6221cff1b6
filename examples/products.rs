//! Puts products into a database and asks for the dear ones.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let store = Store::open(&argument::<String>(1, "sqlite:example.db")?)?;
    let products = DataFrame::new([
        ("id", [1, 2, 3].into()),
        ("name", ["Laptop", "Mouse", "Keyboard"].into()),
        ("price", [999.99, 49.99, 149.99].into()),
    ])?;
    products.to_sql(&store, "products")?; // one transaction
    let engine = Engine::new(&EngineOptions::default().store(store))?;
    for row in Relation::parse("SELECT * FROM products WHERE price > 100").collect(&engine)?.rows() {
        println!("{row}");
    }
    Ok(())
}
