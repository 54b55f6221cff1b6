//! A diamond of classes, and the order in which a method is looked for.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let a = Class::build("A").method("method", |_, _| println!("Method in A")).create()?;
    let b = Class::build("B").base(&a).method("method", |_, _| println!("Method in B")).create()?;
    let c = Class::build("C").base(&a).method("method", |_, _| println!("Method in C")).create()?;
    let d = Class::build("D").base(&b).base(&c).create()?;
    d.instance(&[])?.call("method", &[])?; // B's, the first in the order that has it
    println!("{:?}", d.mro());
    Ok(())
}
