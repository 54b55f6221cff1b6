"""What CPython makes of random class hierarchies: python3 hierarchies.py [CASES [SEED]], or --transcript CASE.

Rewrites hierarchies.txt, a case a line: the FNV-1a hash of CPython's transcript, and the case. A case is a list of steps:

    M:PARENTS:HOOKS:ATTRIBUTES           a metaclass; parents by digit
    C:BASES:METACLASS:KEYWORD:ATTRIBUTES a class; bases by letter, o for object; k for a keyword
    R:XY                                 X.register(Y)
    S:X:ATTRIBUTE                        sets an attribute of X
    D:X:NAME                             deletes one
    L                                    looks everything up

Metaclasses are named 0, 1, ...; classes A, B, ...; a class that is refused keeps its letter. An attribute is a name and a
kind; see `attribute`. Hooks are P (prepare), W (new, which wants an attribute a), T (init), K (call).

All classes have metaclasses that derive from ABCMeta, which is shown as type, since every class of Taipan has what ABCMeta adds.
"""

import abc
import gc
import random
import sys
import types
from pathlib import Path

NAMES = "abcde"
SHOWN = 40


class NonData:
    def __init__(self, env, tag):
        self.env, self.tag = env, tag

    def __get__(self, instance, owner=None):
        return self if instance is None else "d" + self.tag

    def __set_name__(self, owner, name):
        self.env.log(f"set-name {owner.__name__}.{name}")


class Env:
    def __init__(self):
        self.metas, self.classes, self.lines, self.letters = [], {}, [], 0

    def log(self, line):
        self.lines.append(line)

    def named(self, owner):
        return self.metas[int(owner)] if owner.isdigit() else self.classes[owner]


def describe(value):
    if isinstance(value, str):
        return value
    if isinstance(value, (property, NonData)):
        return "descriptor"
    try:
        return describe(value())
    except TypeError as error:
        return "unbound" if "missing 1 required" in str(error) else "!" + str(error)


def show(get):
    try:
        return describe(get())
    except (AttributeError, TypeError) as error:
        return "!" + str(error).replace("\n", " ")


def chained(env, owner, name, this, tag):
    try:
        following = getattr(super(env.named(owner), this), name)
    except AttributeError:
        return tag
    return tag + describe(following)


def attribute(env, owner, name, kind):
    tag = owner + name
    if kind == "v":
        return "v" + tag
    if kind == "m":
        return lambda self: "m" + tag
    if kind == "s":
        return lambda self: chained(env, owner, name, self, "s" + tag)
    if kind == "c":
        return classmethod(lambda cls: chained(env, owner, name, cls, "c" + tag + cls.__name__))
    if kind == "t":
        return staticmethod(lambda: "t" + tag)
    if kind == "p":
        return property(lambda self: "p" + tag)
    if kind == "w":
        def write(self, value):
            setattr(self, "_" + name, value)

        return property(lambda self: "w" + tag + getattr(self, "_" + name, ""), write)
    if kind == "d":
        return NonData(env, tag)
    if kind == "x":
        return abc.abstractmethod(lambda self: "x" + tag)
    raise ValueError(kind)


def special(env, owner, letter):
    if letter == "G":
        return "__getattr__", lambda self, name: "g" + owner + name
    if letter == "N":
        def init(self):
            super(env.named(owner), self).__init__()
            self.trail = getattr(self, "trail", "") + owner

        return "__init__", init
    if letter == "I":
        def init_subclass(cls, **keywords):
            keywords.pop("k", None)
            env.log(f"init-subclass {owner} {cls.__name__}")
            super(env.named(owner), cls).__init_subclass__(**keywords)

        return "__init_subclass__", init_subclass
    raise ValueError(letter)


def body(env, owner, text):
    found = {}
    for name, kind in zip(text[::2], text[1::2]):
        if kind == "_":
            name, value = special(env, owner, name)
        else:
            value = attribute(env, owner, name, kind)
        found[name] = value
    return found


def hooks(env, me, letters):
    found = {}
    if "P" in letters:
        def prepare(cls, name, bases, **keywords):
            env.log(f"prepare {me} {name}")
            namespace = super(env.metas[int(me)], cls).__prepare__(name, bases, **keywords)
            namespace["y"] = "y" + me
            return namespace

        found["__prepare__"] = classmethod(prepare)
    if "W" in letters:
        def new(cls, name, bases, namespace, **keywords):
            env.log(f"new {me} {name}")
            if "a" not in namespace:
                raise TypeError(f"Class {name} must define 'a'")
            namespace["z"] = "z" + me
            return super(env.metas[int(me)], cls).__new__(cls, name, bases, namespace, **keywords)

        found["__new__"] = new
    if "T" in letters:
        def init(cls, name, bases, namespace, **keywords):
            env.log(f"init {me} {name}")
            super(env.metas[int(me)], cls).__init__(name, bases, namespace, **keywords)

        found["__init__"] = init
    if "K" in letters:
        def call(cls):
            env.log(f"call {me} {cls.__name__}")
            return super(env.metas[int(me)], cls).__call__()

        found["__call__"] = call
    return found


def shown_name(cls):
    return "type" if cls is abc.ABCMeta else cls.__name__


def order(cls):
    return ",".join(above.__name__ for above in cls.__mro__ if above is not abc.ABCMeta)


def look(env):
    for letter, cls in env.classes.items():
        names = NAMES + "yz"
        env.log(f"{letter} " + " ".join(show(lambda name=name: getattr(cls, name)) for name in names))
        try:
            this = cls()
        except TypeError as error:
            env.log(f"{letter}() !{error}")
            continue
        read = lambda names: " ".join(show(lambda name=name: getattr(this, name)) for name in names)
        env.log(f"{letter}() {read(names)} {read(['trail'])}")
        for name in NAMES:
            try:
                setattr(this, name, "i" + name)
            except AttributeError as error:
                env.log(f"{letter}().{name} = !{error}")
        env.log(f"{letter}() {read(NAMES)}")
        for name in "abc":
            try:
                delattr(this, name)
            except AttributeError as error:
                env.log(f"del {letter}().{name} " + (str(error) if "deleter" in str(error) else "missing"))
        env.log(f"{letter}() {read('abc')}")
        bits = ["".join("01"[check(other)] for other in env.classes.values())
                for check in (lambda other: issubclass(cls, other), lambda other: isinstance(this, other))]
        env.log(f"{letter} {' '.join(bits)}")


def run(env, step):
    parts = step.split(":")
    if parts[0] == "M":
        parents = tuple(env.metas[int(digit)] for digit in parts[1]) or (abc.ABCMeta,)
        me = str(len(env.metas))
        env.metas.append(None)
        namespace = {**hooks(env, me, parts[2]), **body(env, me, parts[3])}
        try:
            env.metas[int(me)] = type(abc.ABCMeta)(me, parents, namespace)
        except TypeError as error:
            env.metas.pop()
            env.log(f"{me} !" + str(error).replace("\n", " "))
            return
        env.log(f"{me}:{order(env.metas[int(me)])}")
    elif parts[0] == "C":
        letter = chr(ord("A") + env.letters)
        env.letters += 1
        bases = tuple(object if base == "o" else env.classes[base] for base in parts[1])
        metaclass = abc.ABCMeta if parts[2] == "-" else env.metas[int(parts[2])]
        keywords = {"metaclass": metaclass, **({"k": "1"} if parts[3] else {})}
        try:
            cls = types.new_class(letter, bases, keywords, lambda namespace: namespace.update(body(env, letter, parts[4])))
        except TypeError as error:
            env.log(f"{letter} !" + str(error).replace("\n", " "))
            error.__traceback__ = None
            if "__init_subclass__" in str(error):
                gc.collect()  # or the half-made class still answers for its bases in issubclass
            return
        env.classes[letter] = cls
        env.log(f"{letter}:{shown_name(type(cls))}:{order(cls)}")
    elif parts[0] == "R":
        try:
            env.classes[parts[1][0]].register(env.classes[parts[1][1]])
        except RuntimeError as error:
            env.log(f"register !{error}")
    elif parts[0] == "S":
        for name, value in body(env, parts[1], parts[2]).items():
            if isinstance(value, property):
                value.__set_name__(env.classes[parts[1]], name)  # or refusals could not name it
            try:
                setattr(env.classes[parts[1]], name, value)
            except AttributeError as error:
                env.log(f"{parts[1]}.{name} = !{error}")
    elif parts[0] == "D":
        try:
            delattr(env.classes[parts[1]], parts[2])
        except AttributeError:
            env.log(f"del {parts[1]}.{parts[2]} missing")
    elif parts[0] == "L":
        look(env)
    if parts[0] in "SD":
        for cls in env.classes.values():
            abc.update_abstractmethods(cls)


def attributes(rng, most, kinds, names=NAMES):
    chosen = rng.sample(names, min(len(names), rng.randint(0, most)))
    return "".join(name + ("x" if name in "de" and rng.random() < 0.3 else rng.choice(kinds)) for name in chosen)


def generate(rng):
    env, steps = Env(), []

    def add(step):
        steps.append(step)
        run(env, step)

    for _ in range(rng.choice([0, 0, 1, 2, 3])):
        parents = rng.sample(range(len(env.metas)), min(len(env.metas), rng.choice([0, 1, 1, 2])))
        letters = "".join(letter for letter in "PWTK" if rng.random() < (0.12 if letter == "W" else 0.25))
        add(f"M:{''.join(map(str, parents))}:{letters}:{attributes(rng, 2, 'vmspd', 'abc')}")
    for _ in range(rng.randint(3, 7)):
        bases = rng.sample(list(env.classes), min(len(env.classes), rng.choice([0, 1, 1, 2, 2, 3])))
        if rng.random() < 0.6:
            bases.sort(reverse=True)  # a subclass before its bases, so that most have an order
        if bases and rng.random() < 0.03:
            bases.append(rng.choice(bases))
        if rng.random() < 0.05:
            bases.insert(rng.randint(0, len(bases)), "o")
        metaclass = str(rng.randrange(len(env.metas))) if env.metas and rng.random() < 0.35 else "-"
        extra = "".join(letter + "_" for letter in "GNI" if rng.random() < 0.12)
        keyword = "k" if rng.random() < 0.04 else ""
        add(f"C:{''.join(bases)}:{metaclass}:{keyword}:{attributes(rng, 4, 'vvmmssssccctpwd')}{extra}")
    created = list(env.classes)
    for _ in range(rng.choice([0, 0, 1, 2])):
        if len(created) > 1:
            add("R:" + "".join(rng.sample(created, 2)))
    add("L")
    if created and rng.random() < 0.7:
        for _ in range(rng.randint(1, 3)):
            name = rng.choice(created)
            if rng.random() < 0.3:
                add(f"D:{name}:{rng.choice(NAMES)}")
            else:
                add(f"S:{name}:{rng.choice(NAMES[:4])}{rng.choice('vmsctpwd')}")
        add("L")
    return " ".join(steps), "\n".join(env.lines)


def transcript(case):
    env = Env()
    for step in case.split(" "):
        run(env, step)
    return "\n".join(env.lines)


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def main():
    if sys.argv[1:2] == ["--transcript"]:
        print(transcript(sys.argv[2]))
        return
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 4)
    folder = Path(__file__).parent
    shown = []
    with open(folder / "hierarchies.txt", "w") as file:
        for number in range(cases):
            case, text = generate(rng)
            assert transcript(case) == text, case
            file.write(f"{fnv(text):016x} {case}\n")
            if number < SHOWN:
                shown.append(f"{case}\n{text}\n")
    (folder / "transcripts.txt").write_text("\n".join(shown))


if __name__ == "__main__":
    main()
