//! Classes that are made while the program runs, with Python's semantics at about the cost of a virtual call.
//!
//! A [`Class`] has a name, ordered bases, a metaclass, attributes, and a method resolution order by C3:
//!
//! ```
//! use taipan_class::Class;
//!
//! let a = Class::build("A").method("name", |_, _| "A").create()?;
//! let b = Class::build("B").base(&a).method("name", |this, _| format!("B{}", this.super_call("name", &[])?).into_value()).create()?;
//! let c = Class::build("C").base(&a).method("name", |this, _| format!("C{}", this.super_call("name", &[])?).into_value()).create()?;
//! let d = Class::build("D").base(&b).base(&c).create()?;
//! assert_eq!(format!("{:?}", d.mro()), "[<class 'D'>, <class 'B'>, <class 'C'>, <class 'A'>, <class 'object'>]");
//! // The super of B is the next class in the order of the instance, so C's method runs between B's and A's.
//! assert_eq!(d.instance(&[])?.call("name", &[])?.to_string(), "BCA");
//! # use taipan_class::{Error, IntoValue};
//! # Ok::<(), Error>(())
//! ```
//!
//! A metaclass is a class of classes: it sees a [`Draft`] before the class exists, and may change or refuse it.
//!
//! ```
//! use taipan_class::Class;
//!
//! let interface = Class::build_metaclass("Interface")
//!     .new_class(|draft| {
//!         draft.require("required_method")?;
//!         draft.create()
//!     })
//!     .create()?;
//! let refused = Class::build("InvalidClass").metaclass(&interface).create();
//! assert_eq!(refused.unwrap_err().to_string(), "Class InvalidClass must define 'required_method'");
//! # Ok::<(), taipan_class::Error>(())
//! ```
//!
//! | to | see |
//! |---|---|
//! | make a class or a metaclass | [`Class::build`], [`Class::build_metaclass`], [`ClassBuilder`], [`Draft`] |
//! | write methods, properties, descriptors | [`This`], [`Args`], [`Attribute`], [`Property`], [`Descriptor`] |
//! | use an instance | [`Object`], [`Value`]; [`CallSite`] where one call is made often |
//! | change a class while it is used | [`Class::set`], [`Class::update`], [`Class::delete`] |
//! | ask what is what | [`Value::is_instance`], [`Class::is_subclass`], [`Class::register`] |
//!
//! # Threads
//!
//! Classes and instances are `Send + Sync`, and every read is lock-free. Attributes live in snapshots that writers
//! replace whole, so no reader sees half a change. Each class keeps a table of all that its order offers, which counts
//! only as long as the class's version is the same and no change is on its way: every lookup after a change sees it, and
//! so does every lookup after one that saw it. Writers of one class, or of one instance, take turns; there is no lock over
//! all classes.
//!
//! # Where it differs from Python
//!
//! - Abstract methods and [`Class::register`] work in every class; there is no need for `ABCMeta`. A class that gains the
//!   last abstract method while the program runs can be instantiated from then on.
//! - The class that `super` starts from is the one that holds the method.
//! - The bases of a class are fixed when it is created, and so is the class of an instance.
//! - Descriptors are Rust values ([`Descriptor`]), not instances with `__get__`; instances are made by the metaclass's
//!   call hook and `__init__`, there is no `__new__` of ordinary classes; calls have no keyword arguments.
//! - Memory is counted, not collected: an instance that holds itself is never freed.

mod attribute;
mod build;
mod call_site;
mod check;
mod class;
mod create;
mod error;
mod hooks;
mod lookup;
mod object;
mod order;
mod this;
mod value;

pub use attribute::{Attribute, Descriptor, Function, Property};
pub use build::ClassBuilder;
pub use call_site::CallSite;
pub use class::Class;
pub use create::Draft;
pub use error::{Error, ErrorKind, Result};
pub use hooks::ClassHook;
pub use object::Object;
pub use this::{Args, Receiver, This};
pub use value::{Callable, FromValue, IntoValue, Map, Value};
