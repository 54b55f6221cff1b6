//! A metaclass that requires a method of its classes.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let interface = Class::build_metaclass("InterfaceMeta")
        .new_class(|draft| {
            draft.require("required_method")?;
            draft.create()
        })
        .create()?;
    Class::build("MyClass")
        .metaclass(&interface)
        .method("required_method", |_, _| println!("This is required."))
        .create()?;
    // This would be refused: Class InvalidClass must define 'required_method'.
    // Class::build("InvalidClass").metaclass(&interface).create()?;
    Ok(())
}
