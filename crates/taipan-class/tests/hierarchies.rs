//! 20,000 random hierarchies behave as in CPython: the same orders, hooks, lookups and refusals.
//!
//! `data/hierarchies.py` made the cases and says what their letters mean. A case carries the hash of CPython's transcript;
//! those in `data/transcripts.txt` are compared line by line.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use taipan_class::{Attribute, Class, ClassBuilder, Descriptor, ErrorKind, Property, Result, This, Value};

const CASES: &str = include_str!("data/hierarchies.txt");
const TRANSCRIPTS: &str = include_str!("data/transcripts.txt");
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const ALL_NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "y", "z"];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("log").push(line.into());
    }
}

/// What is known of a case while it runs.
#[derive(Default)]
struct World {
    log: Log,
    metaclasses: Vec<Class>,
    classes: Vec<(String, Class)>,
    letters: u8,
}

struct NonData {
    log: Log,
    tag: String,
}

impl Descriptor for NonData {
    fn get(&self, _: &This<'_>) -> Result<Value> {
        Ok(format!("d{}", self.tag).into())
    }

    fn is_data(&self) -> bool {
        false
    }

    fn set_name(&self, owner: &Class, name: &str) -> Result<()> {
        self.log.add(format!("set-name {owner}.{name}"));
        Ok(())
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Descriptor(_) => "descriptor".to_owned(),
        other => match other.call(&[]) {
            Ok(value) => describe(&value),
            Err(error) if matches!(error.kind(), ErrorKind::MissingArgument { .. }) => "unbound".to_owned(),
            Err(error) => format!("!{error}"),
        },
    }
}

fn show(value: Result<Value>) -> String {
    value.map_or_else(|error| format!("!{error}"), |value| describe(&value))
}

fn chained(this: &This<'_>, name: &str, tag: String) -> Result<String> {
    match this.super_get(name) {
        Ok(following) => Ok(tag + &describe(&following)),
        Err(error) if error.is_missing_attribute() => Ok(tag),
        Err(error) => Err(error),
    }
}

fn or_empty(value: Result<Value>) -> Result<String> {
    match value {
        Ok(value) => Ok(value.to_string()),
        Err(error) if error.is_missing_attribute() => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn attribute(log: &Log, owner: &str, name: &str, kind: char) -> Attribute {
    let tag = format!("{kind}{owner}{name}");
    let name = name.to_owned();
    match kind {
        'v' => tag.into(),
        'm' => Attribute::method(move |_, _| tag.clone()),
        's' => Attribute::method(move |this, _| chained(this, &name, tag.clone())),
        'c' => Attribute::class_method(move |this, _| chained(this, &name, format!("{tag}{}", this.class()))),
        't' => Attribute::static_method(move |_| tag.clone()),
        'p' => Attribute::descriptor(Property::new(move |_| tag.clone())),
        'w' => {
            let field = format!("_{name}");
            let read = field.clone();
            let property = Property::new(move |this| Ok(format!("{tag}{}", or_empty(this.get(&read))?)));
            Attribute::descriptor(property.setter(move |this, value| this.set(&field, value)))
        }
        'd' => Attribute::descriptor(NonData { log: log.clone(), tag: format!("{owner}{name}") }),
        'x' => Attribute::method(move |_, _| tag.clone()).into_abstract(),
        other => panic!("no kind '{other}'"),
    }
}

fn letters(text: &str) -> impl Iterator<Item = (&str, char)> {
    let pair = |at: usize| (&text[at..=at], text.as_bytes()[at + 1] as char);
    (0..text.len()).step_by(2).map(pair)
}

fn with_attributes(mut builder: ClassBuilder, log: &Log, owner: &str, text: &str) -> ClassBuilder {
    for (name, kind) in letters(text) {
        let (log, me) = (log.clone(), owner.to_owned());
        builder = match (name, kind) {
            ("G", '_') => builder.getattr(move |_, name| format!("g{me}{name}")),
            ("N", '_') => builder.init(move |this, _| {
                this.super_call("__init__", &[])?;
                let trail = or_empty(this.get("trail"))? + &me;
                this.set("trail", trail)
            }),
            ("I", '_') => builder.init_subclass(move |this, keywords| {
                let mut keywords = keywords.clone();
                keywords.remove("k");
                log.add(format!("init-subclass {me} {}", this.class()));
                this.super_call("__init_subclass__", &[keywords.into()])
            }),
            (name, kind) => builder.set(name, attribute(&log, owner, name, kind)),
        };
    }
    builder
}

fn with_hooks(mut builder: ClassBuilder, log: &Log, me: &str, hooks: &str) -> ClassBuilder {
    for hook in hooks.chars() {
        let (log, me) = (log.clone(), me.to_owned());
        builder = match hook {
            'P' => builder.prepare_class(move |draft| {
                log.add(format!("prepare {me} {}", draft.name()));
                draft.next_prepare()?;
                draft.set("y", format!("y{me}"));
                Ok(())
            }),
            'W' => builder.new_class(move |mut draft| {
                log.add(format!("new {me} {}", draft.name()));
                draft.require("a")?;
                draft.set("z", format!("z{me}"));
                draft.create()
            }),
            'T' => builder.init_class(move |class, keywords| {
                log.add(format!("init {me} {}", class.name()));
                class.next_init(keywords)
            }),
            'K' => builder.call_class(move |class, args| {
                log.add(format!("call {me} {}", class.name()));
                class.next_call(&args)
            }),
            other => panic!("no hook '{other}'"),
        };
    }
    builder
}

fn names(classes: &[Class]) -> String {
    classes.iter().map(Class::name).collect::<Vec<_>>().join(",")
}

impl World {
    fn class(&self, letter: &str) -> &Class {
        let found = self.classes.iter().find(|(name, _)| name == letter);
        found.map_or(Class::object(), |(_, class)| class)
    }

    fn step(&mut self, step: &str) {
        let parts: Vec<&str> = step.split(':').collect();
        let log = self.log.clone();
        match parts[..] {
            ["M", parents, hooks, attributes] => {
                let me = self.metaclasses.len().to_string();
                let parents = parents.bytes().map(|digit| &self.metaclasses[usize::from(digit - b'0')]);
                let builder = Class::build_metaclass(&*me).bases(parents);
                let builder = with_attributes(with_hooks(builder, &log, &me, hooks), &log, &me, attributes);
                match builder.create() {
                    Ok(class) => {
                        log.add(format!("{me}:{}", names(&class.mro())));
                        self.metaclasses.push(class);
                    }
                    Err(error) => log.add(format!("{me} !{error}")),
                }
            }
            ["C", bases, metaclass, keyword, attributes] => {
                let me = char::from(b'A' + self.letters).to_string();
                self.letters += 1;
                let bases = bases.char_indices().map(|(at, _)| self.class(&bases[at..=at]));
                let mut builder = Class::build(&*me).bases(bases);
                if let Ok(number) = metaclass.parse::<usize>() {
                    builder = builder.metaclass(&self.metaclasses[number]);
                }
                if keyword == "k" {
                    builder = builder.keyword("k", "1");
                }
                match with_attributes(builder, &log, &me, attributes).create() {
                    Ok(class) => {
                        log.add(format!("{me}:{}:{}", class.metaclass(), names(&class.mro())));
                        self.classes.push((me, class));
                    }
                    Err(error) => log.add(format!("{me} !{error}")),
                }
            }
            ["R", pair] => {
                if let Err(error) = self.class(&pair[..1]).register(self.class(&pair[1..])) {
                    log.add(format!("register !{error}"));
                }
            }
            ["S", letter, text] => {
                for (name, kind) in letters(text) {
                    if let Err(error) = self.class(letter).set(name, attribute(&log, letter, name, kind)) {
                        log.add(format!("{letter}.{name} = !{error}"));
                    }
                }
            }
            ["D", letter, name] => {
                if self.class(letter).delete(name).is_err() {
                    log.add(format!("del {letter}.{name} missing"));
                }
            }
            ["L"] => self.classes.iter().for_each(|(letter, class)| self.look(letter, class)),
            _ => panic!("no step '{step}'"),
        }
    }

    fn look(&self, letter: &str, class: &Class) {
        let shown: Vec<_> = ALL_NAMES.iter().map(|name| show(class.get(name))).collect();
        self.log.add(format!("{letter} {}", shown.join(" ")));
        let object = match class.instance(&[]) {
            Ok(object) => object,
            Err(error) => return self.log.add(format!("{letter}() !{error}")),
        };
        let read = |names: &[&str]| names.iter().map(|name| show(object.get(name))).collect::<Vec<_>>().join(" ");
        self.log.add(format!("{letter}() {} {}", read(&ALL_NAMES), read(&["trail"])));
        for name in NAMES {
            if let Err(error) = object.set(name, format!("i{name}")) {
                self.log.add(format!("{letter}().{name} = !{error}"));
            }
        }
        self.log.add(format!("{letter}() {}", read(&NAMES)));
        for name in &NAMES[..3] {
            match object.delete(name) {
                Ok(()) => {}
                Err(error) if error.is_missing_attribute() => self.log.add(format!("del {letter}().{name} missing")),
                Err(error) => self.log.add(format!("del {letter}().{name} {error}")),
            }
        }
        self.log.add(format!("{letter}() {}", read(&NAMES[..3])));
        let bits = |check: &dyn Fn(&Class) -> Result<bool>| -> String {
            let bit = |(_, other): &(String, Class)| if check(other).expect("a check") { '1' } else { '0' };
            self.classes.iter().map(bit).collect()
        };
        let subclass = bits(&|other| class.is_subclass(other));
        self.log.add(format!("{letter} {subclass} {}", bits(&|other| object.is_instance(other))));
    }
}

fn transcript(case: &str) -> String {
    let mut world = World::default();
    case.split(' ').for_each(|step| world.step(step));
    let lines = world.log.0.lock().expect("log");
    lines.join("\n")
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn transcripts_are_cpythons_line_by_line() {
    let mut count = 0;
    for block in TRANSCRIPTS.trim_end().split("\n\n") {
        let (case, expected) = block.split_once('\n').expect("a case and its transcript");
        let found = transcript(case);
        for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "line {} of {case}", number + 1);
        }
        assert_eq!(found, expected, "{case}");
        count += 1;
    }
    assert_eq!(count, 40);
}

#[test]
fn all_hierarchies_behave_as_in_cpython() {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut count = 0;
    for line in CASES.lines() {
        let (hash, case) = line.split_once(' ').expect("a hash and a case");
        let found = transcript(case);
        let expected = u64::from_str_radix(hash, 16).expect("a hash");
        assert_eq!(fnv(&found), expected, "case {case}\ncompare with: hierarchies.py --transcript '{case}'\n{found}");
        for what in [
            "MRO",
            "duplicate",
            "conflict",
            "must define",
            "abstract method ",
            "abstract methods",
            "keyword",
            "cycle",
            "setter",
            "deleter",
            "set-name",
            "init-subclass",
            "prepare",
            "call",
            "unbound",
        ] {
            *seen.entry(what).or_default() += usize::from(found.contains(what));
        }
        count += 1;
    }
    assert_eq!(count, 20_000);
    // The cases reach every rule often enough to mean something.
    assert!(seen.values().all(|&cases| cases >= 100), "{seen:?}");
}
