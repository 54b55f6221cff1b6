//! The rules of the object model, one test each: lookup, super, metaclasses, descriptors, checks, changes.

use std::sync::{Arc, Mutex};

use taipan_class::{Attribute, CallSite, Class, Descriptor, Error, ErrorKind, Property, Result, This, Value};

type Log = Arc<Mutex<Vec<String>>>;

fn log(log: &Log, line: impl Into<String>) {
    log.lock().expect("log").push(line.into());
}

fn lines(log: &Log) -> Vec<String> {
    log.lock().expect("log").clone()
}

fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.expect_err("refused").to_string()
}

#[test]
fn the_order_is_c3() -> Result<()> {
    let a = Class::build("A").create()?;
    let b = Class::build("B").base(&a).create()?;
    let c = Class::build("C").base(&a).create()?;
    let d = Class::build("D").bases([&b, &c]).create()?;
    let names: Vec<_> = d.mro().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["D", "B", "C", "A", "object"]);
    assert_eq!(d.bases(), [b.clone(), c.clone()]);
    assert_eq!(a.subclasses(), [b.clone(), c.clone()]);
    assert_eq!(Class::type_().mro(), [Class::type_().clone(), Class::object().clone()]);
    assert_eq!(Class::object().mro(), [Class::object().clone()]);
    assert_eq!(Class::object().metaclass(), Class::type_());
    assert_eq!(Class::type_().metaclass(), Class::type_());
    assert_eq!(
        refusal(Class::build("E").bases([&a, &b]).create()),
        "Cannot create a consistent method resolution order (MRO) for bases A, B"
    );
    assert_eq!(refusal(Class::build("F").bases([&a, &b, &a]).create()), "duplicate base class A");
    let error = Class::build("F").bases([&a, &a]).create().expect_err("refused");
    assert_eq!(error.class(), Some("F"));
    assert_eq!(error.kind(), &ErrorKind::DuplicateBase { base: "A".into() });
    Ok(())
}

#[test]
fn metaclasses_derive_or_conflict() -> Result<()> {
    let m1 = Class::build_metaclass("M1").create()?;
    let m2 = Class::build_metaclass("M2").create()?;
    let m3 = Class::build_metaclass("M3").bases([&m1, &m2]).create()?;
    let a = Class::build("A").metaclass(&m1).create()?;
    let b = Class::build("B").metaclass(&m2).create()?;
    let c = Class::build("C").metaclass(&m3).create()?;
    assert_eq!(Class::build("D").base(&a).create()?.metaclass(), &m1);
    assert_eq!(Class::build("D").bases([&a, &c]).create()?.metaclass(), &m3);
    assert_eq!(Class::build("D").bases([&a, &b]).metaclass(&m3).create()?.metaclass(), &m3);
    let conflict = "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the \
                    metaclasses of all its bases";
    assert_eq!(refusal(Class::build("D").bases([&a, &b]).create()), conflict);
    assert_eq!(refusal(Class::build("D").base(&a).metaclass(&m2).create()), conflict);
    assert_eq!(refusal(Class::build("D").metaclass(&a).create()), "A is no metaclass: it does not derive from type");
    assert_eq!(
        refusal(Class::build("D").new_class(taipan_class::Draft::create).create()),
        "Class D has hooks of a metaclass, and does not derive from type"
    );
    assert_eq!(refusal(m1.instance(&[])), "M1 is a metaclass: its classes are made by Class::build");
    Ok(())
}

struct Named(Log);

impl Descriptor for Named {
    fn get(&self, _: &This<'_>) -> Result<Value> {
        Ok("named".into())
    }

    fn is_data(&self) -> bool {
        false
    }

    fn set_name(&self, owner: &Class, name: &str) -> Result<()> {
        log(&self.0, format!("set-name {owner}.{name}"));
        Ok(())
    }
}

#[test]
fn hooks_run_in_pythons_order_and_reach_the_next_metaclass() -> Result<()> {
    let seen = Log::default();
    let hooks = |name: &'static str, base: Option<&Class>| {
        let [prepare, new, init, call] = [(); 4].map(|()| seen.clone());
        let builder = Class::build_metaclass(name)
            .prepare_class(move |draft| {
                log(&prepare, format!("{name} prepare {} {}", draft.name(), draft.attributes().count()));
                draft.set(format!("from_{name}"), 1);
                draft.next_prepare()
            })
            .new_class(move |mut draft| {
                let names: Vec<_> = draft.attributes().map(|(name, _)| name.to_owned()).collect();
                log(&new, format!("{name} new {}", names.join(" ")));
                draft.take_keyword(name);
                draft.create()
            })
            .init_class(move |class, keywords| {
                log(&init, format!("{name} init {} {}", class.name(), keywords.len()));
                class.next_init(keywords)
            })
            .call_class(move |class, args| {
                log(&call, format!("{name} call {}", class.name()));
                class.next_call(&args)
            });
        base.into_iter().fold(builder, taipan_class::ClassBuilder::base).create()
    };
    let m = hooks("M", None)?;
    let n = hooks("N", Some(&m))?;
    let told = seen.clone();
    let base = Class::build("Base")
        .init_subclass(move |this, keywords| {
            log(&told, format!("init-subclass {} {keywords:?}", this.class()));
        })
        .create()?;
    let (made, named) = (seen.clone(), Named(seen.clone()));
    let class = Class::build("C")
        .base(&base)
        .metaclass(&n)
        .keyword("M", 1)
        .keyword("table", "cs")
        .descriptor("x", named)
        .init(move |_, _| log(&made, "init of the instance"))
        .create()?;
    class.instance(&[])?;
    assert_eq!(
        lines(&seen),
        [
            "N prepare C 0",
            "M prepare C 1",
            "N new from_N from_M x __init__",
            "M new from_N from_M x __init__",
            "set-name C.x",
            "init-subclass C Map([(\"table\", 'cs')])",
            "N init C 2",
            "M init C 2",
            "N call C",
            "M call C",
            "init of the instance",
        ]
    );
    assert_eq!(class.get("from_M")?, 1.into());
    Ok(())
}

#[test]
fn a_metaclass_changes_refuses_and_registers() -> Result<()> {
    let registry = Log::default();
    let known = registry.clone();
    let meta = Class::build_metaclass("Meta")
        .new_class(|mut draft| {
            draft.require("required_method")?;
            draft.set("added", 42);
            draft.remove("dropped");
            draft.create()
        })
        .init_class(move |class, _| {
            log(&known, class.name());
            Ok(())
        })
        .create()?;
    let good = Class::build("Good").metaclass(&meta).method("required_method", |_, _| ()).set("dropped", 1).create()?;
    assert_eq!(good.get("added")?, 42.into());
    assert_eq!(refusal(good.get("dropped")), "type object 'Good' has no attribute 'dropped'");
    let refused = Class::build("InvalidClass").metaclass(&meta).create().expect_err("refused");
    assert_eq!(refused.to_string(), "Class InvalidClass must define 'required_method'");
    assert_eq!(refused.class(), Some("InvalidClass"));
    assert_eq!(lines(&registry), ["Good"]);
    Ok(())
}

#[test]
fn calling_may_be_customised() -> Result<()> {
    let only: Mutex<Option<Value>> = Mutex::new(None);
    let singleton = Class::build_metaclass("Singleton")
        .call_class(move |class, args| {
            let mut only = only.lock().map_err(|_| Error::new("poisoned"))?;
            if only.is_none() {
                *only = Some(class.next_call(&args)?);
            }
            Ok(only.clone())
        })
        .create()?;
    let config = Class::build("Config").metaclass(&singleton).create()?;
    assert_eq!(config.instance(&[])?, config.instance(&[])?);
    let seven = Class::build_metaclass("Seven").call_class(|_, _| 7).create()?;
    let odd = Class::build("Odd").metaclass(&seven).create()?;
    assert_eq!(odd.construct(&[])?, 7.into());
    assert_eq!(refusal(odd.instance(&[])), "calling Odd gave a int, no instance");
    Ok(())
}

#[test]
fn attributes_are_looked_up_in_pythons_order() -> Result<()> {
    let read_only = Property::new(|_| "data");
    let class = Class::build("C")
        .descriptor("data", read_only)
        .descriptor("other", Named(Log::default()))
        .set("plain", "of the class")
        .method("method", |_, _| "method")
        .getattr(|_, name| format!("no {name}"))
        .create()?;
    let object = class.instance(&[])?;
    for (name, expected) in [("data", "data"), ("other", "named"), ("plain", "of the class"), ("else", "no else")] {
        assert_eq!(object.get(name)?, expected.into(), "{name}");
    }
    object.update("data", |_| "of the instance".into());
    for name in ["other", "plain", "method", "else"] {
        object.set(name, "of the instance")?;
    }
    for name in ["other", "plain", "method", "else"] {
        assert_eq!(object.get(name)?, "of the instance".into(), "{name}");
    }
    assert_eq!(object.get("data")?, "data".into());
    assert_eq!(refusal(object.set("data", 1)), "property 'data' of 'C' object has no setter");
    assert_eq!(refusal(object.delete("data")), "property 'data' of 'C' object has no deleter");
    object.delete("plain")?;
    assert_eq!(object.get("plain")?, "of the class".into());
    assert_eq!(refusal(object.delete("plain")), "'C' object has no attribute 'plain'");
    Ok(())
}

#[test]
fn classes_see_their_metaclass_as_instances_see_their_class() -> Result<()> {
    let meta = Class::build_metaclass("Meta")
        .property("first", |this| format!("first of {}", this.class()))
        .set("shared", "of the metaclass")
        .set("above", "of the metaclass")
        .method("greet", |this, _| format!("hello from {}", this.class()))
        .getattr(|this, name| match name {
            "made_up" => Ok(format!("{} {name}", this.class())),
            _ => Err(Error::new(format!("nothing called {name}"))),
        })
        .create()?;
    let class = Class::build("C").metaclass(&meta).set("first", 1).set("shared", "of the class").create()?;
    assert_eq!(class.get("first")?, "first of C".into());
    assert_eq!(class.get("shared")?, "of the class".into());
    assert_eq!(class.get("above")?, "of the metaclass".into());
    assert_eq!(class.call("greet", &[])?, "hello from C".into());
    assert_eq!(class.get("made_up")?, "C made_up".into());
    assert_eq!(refusal(class.get("x")), "nothing called x");
    assert_eq!(refusal(class.set("first", 2)), "property 'first' of 'Meta' object has no setter");
    let object = class.instance(&[])?;
    assert_eq!(refusal(object.get("above")), "'C' object has no attribute 'above'");
    assert_eq!(refusal(object.call("greet", &[])), "'C' object has no attribute 'greet'");
    Ok(())
}

#[test]
fn methods_are_bound_to_what_they_are_taken_from() -> Result<()> {
    let class = Class::build("C")
        .init(|this, args| this.set("x", args.at::<i64>(0)?))
        .method("add", |this, args| Ok(this.get("x")?.to::<i64>()? + args.at::<i64>(0)?))
        .class_method("which", |this, _| this.class().name().to_owned())
        .static_method("twice", |args| Ok(args.at::<i64>(0)? * 2))
        .method("__call__", |this, args| this.call("add", &args))
        .method("__str__", |this, _| Ok(format!("C of {}", this.get("x")?)))
        .create()?;
    let below = Class::build("D").base(&class).create()?;
    let object = below.instance(&[40.into()])?;
    let two = [Value::from(2)];
    assert_eq!(object.call("add", &two)?, 42.into());
    assert_eq!(object.get("add")?.call(&two)?, 42.into());
    assert_eq!(class.get("add")?.call(&[(&object).into(), 2.into()])?, 42.into());
    assert_eq!(class.call("add", &[(&object).into(), 2.into()])?, 42.into());
    assert_eq!(Value::from(&object).call(&two)?, 42.into());
    assert_eq!(object.call("which", &[])?, "D".into());
    assert_eq!(class.call("which", &[])?, "C".into());
    assert_eq!(object.call("twice", &two)?, 4.into());
    assert_eq!(below.call("twice", &two)?, 4.into());
    assert_eq!(object.to_string(), "C of 40");
    assert_eq!(format!("{object:?}"), "<D object>");
    assert_eq!(refusal(object.call("add", &[])), "missing argument 1");
    assert_eq!(refusal(object.call("add", &["a".into()])), "expected int, found str");
    assert_eq!(refusal(class.call("add", &[1.into(), 2.into()])), "expected an instance, found int");
    let plain = Class::build("Plain").create()?;
    assert_eq!(refusal(plain.instance(&two)), "Plain() takes no arguments");
    // A function taken from a class and set on another is a method there.
    plain.set("borrowed", class.get("add")?)?;
    let object = plain.instance(&[])?;
    object.set("x", 1)?;
    assert_eq!(object.call("borrowed", &two)?, 3.into());
    Ok(())
}

#[test]
fn super_is_the_next_class_in_the_order_of_the_instance() -> Result<()> {
    let step = |name: &'static str| {
        move |this: &This<'_>, _: taipan_class::Args<'_>| -> Result<String> {
            Ok(format!("{name}{}", this.super_call("path", &[])?))
        }
    };
    let a = Class::build("A").method("path", |_, _| "A").create()?;
    let b = Class::build("B").base(&a).method("path", step("B")).class_method("made", |_, _| "B").create()?;
    let c = Class::build("C")
        .base(&a)
        .method("path", step("C"))
        .class_method("made", |this, _| Ok(format!("C{}", this.super_call("made", &[])?)))
        .create()?;
    let d = Class::build("D").bases([&c, &b]).method("path", step("D")).create()?;
    assert_eq!(d.instance(&[])?.call("path", &[])?, "DCBA".into());
    assert_eq!(c.instance(&[])?.call("path", &[])?, "CA".into());
    assert_eq!(d.call("made", &[])?, "CB".into());
    assert_eq!(refusal(c.call("made", &[])), "'super' object has no attribute 'made'");
    let stranger = Class::build("Stranger").create()?;
    let call = c.call("path", &[stranger.instance(&[])?.into()]);
    assert_eq!(refusal(call), "super(type, obj): obj must be an instance or subtype of type");
    Ok(())
}

#[test]
fn cooperative_initialisation_ends_at_object() -> Result<()> {
    let base = Class::build("Base")
        .init(|this, _| {
            this.set("base", 1)?;
            this.super_call("__init__", &[])
        })
        .create()?;
    let below = Class::build("Below")
        .base(&base)
        .init(|this, args| {
            this.super_call("__init__", &args)?;
            this.set("below", 2)
        })
        .create()?;
    let object = below.instance(&[])?;
    assert_eq!(format!("{:?}", object.attributes()), "Map([(\"base\", 1), (\"below\", 2)])");
    let odd = Class::build("Odd").init(|_, _| 3).create()?;
    assert_eq!(refusal(odd.instance(&[])), "__init__() should return None, not 'int'");
    Ok(())
}

#[test]
fn abstract_methods_are_named() -> Result<()> {
    let shape =
        Class::build("Shape").abstract_method("name", |_, _| "shape").abstract_method("area", |_, _| ()).create()?;
    let square = Class::build("Square").base(&shape).method("area", |_, _| 4).create()?;
    assert_eq!(refusal(shape.instance(&[])), "Can't instantiate abstract class Shape with abstract methods area, name");
    assert_eq!(refusal(square.instance(&[])), "Can't instantiate abstract class Square with abstract method name");
    square.set("name", Attribute::method(|this, _| this.super_call("name", &[])))?;
    assert_eq!(square.instance(&[])?.call("name", &[])?, "shape".into());
    Ok(())
}

#[test]
fn checks_follow_the_order_registrations_and_metaclasses() -> Result<()> {
    let a = Class::build("A").create()?;
    let b = Class::build("B").base(&a).create()?;
    let other = Class::build("Other").create()?;
    let below = Class::build("Below").base(&other).create()?;
    let object = below.instance(&[])?;
    assert!(b.is_subclass(&a)? && !a.is_subclass(&b)? && a.is_subclass(&a)?);
    assert!(!object.is_instance(&a)?);
    b.register(&other)?;
    assert!(object.is_instance(&a)? && object.is_instance(&b)? && below.is_subclass(&a)?);
    assert!(!b.is_subclass(&other)?);
    assert_eq!(refusal(other.register(&a)), "Refusing to create an inheritance cycle");
    a.register(&below)?;
    assert!(Value::from(1).is_instance(Class::object())? && !Value::from(1).is_instance(&a)?);
    assert!(Value::from(&a).is_instance(Class::type_())? && Value::from(&a).is_instance(Class::object())?);
    let sized = Class::build_metaclass("Sized")
        .instance_check(|class, value| match value {
            Value::Text(_) => Ok(true),
            other => class.next_instance_check(other),
        })
        .subclass_check(|class, other| Ok(other.find("len").is_some() || class.next_subclass_check(other)?))
        .create()?;
    let sized = Class::build("Sized").metaclass(&sized).create()?;
    let list = Class::build("List").method("len", |_, _| 0).create()?;
    assert!(Value::from("a").is_instance(&sized)? && !Value::from(1).is_instance(&sized)?);
    assert!(list.is_subclass(&sized)? && !a.is_subclass(&sized)? && sized.is_subclass(&sized)?);
    Ok(())
}

#[test]
fn changes_are_seen_by_instances_and_subclasses() -> Result<()> {
    let a = Class::build("A").method("m", |_, _| 1).create()?;
    let b = Class::build("B").base(&a).create()?;
    let c = Class::build("C").base(&b).create()?;
    let object = c.instance(&[])?;
    let mut site = CallSite::new("m");
    let mut check = |expected: i64| -> Result<()> {
        for _ in 0..2 {
            assert_eq!(site.call(&object, &[])?, expected.into());
            assert_eq!(object.call("m", &[])?, expected.into());
            assert_eq!(object.get("m")?.call(&[])?, expected.into());
        }
        Ok(())
    };
    check(1)?;
    a.set("m", Attribute::method(|_, _| 2))?;
    check(2)?;
    b.set("m", Attribute::method(|_, _| 3))?;
    check(3)?;
    a.set("m", Attribute::method(|_, _| 4))?;
    check(3)?;
    b.delete("m")?;
    check(4)?;
    object.set("m", a.get("m")?)?;
    assert_eq!(refusal(site.call(&object, &[])), "missing argument 1");
    object.delete("m")?;
    assert_eq!(site.call(&object, &[])?, 4.into());
    a.delete("m")?;
    assert_eq!(refusal(site.call(&object, &[])), "'C' object has no attribute 'm'");
    assert_eq!(refusal(b.delete("m")), "type object 'B' has no attribute 'm'");
    let error = Class::object().set("x", 1);
    assert_eq!(refusal(error), "cannot set 'x' attribute of immutable type 'object'");
    Ok(())
}

#[test]
fn a_call_site_serves_whatever_class_comes() -> Result<()> {
    let mut site = CallSite::new("m");
    let one = Class::build("One").method("m", |_, _| 1).create()?.instance(&[])?;
    let two = Class::build("Two").static_method("m", |_| 2).create()?.instance(&[])?;
    let three =
        Class::build("Three").getattr(|_, _| Class::build("X").init(|_, _| ()).create()).create()?.instance(&[])?;
    for _ in 0..3 {
        assert_eq!(site.call(&one, &[])?, 1.into());
        assert_eq!(site.call(&two, &[])?, 2.into());
        assert!(site.call(&three, &[])?.as_object().is_some());
    }
    Ok(())
}

#[test]
fn classes_and_instances_are_freed() -> Result<()> {
    let token = Arc::new(());
    let held = token.clone();
    let a = Class::build("A").create()?;
    {
        let b = Class::build("B").base(&a).method("m", move |_, _| Arc::strong_count(&held) as i64).create()?;
        let object = b.instance(&[])?;
        object.set("x", 1)?;
        assert_eq!(object.call("m", &[])?, 2.into());
        assert_eq!(a.subclasses().len(), 1);
    }
    assert_eq!(Arc::strong_count(&token), 1);
    assert_eq!(a.subclasses(), []);
    Ok(())
}
