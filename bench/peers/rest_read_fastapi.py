"""rest-read in FastAPI as its documentation recommends: served by uvicorn; plain functions for a blocking
database, with a read-only connection per thread that stays open; a response model, which Pydantic
serialises in native code.
"""

import os
import sqlite3
import threading

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Employee(BaseModel):
    id: int
    name: str
    department: str
    salary: int
    hired: str


class Page(BaseModel):
    count: int
    rows: list[Employee]


app = FastAPI()
local = threading.local()


def rows(query, values):
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(f"file:{os.environ['EMPLOYEES_DB']}?mode=ro", uri=True)
        local.connection.row_factory = sqlite3.Row
        local.connection.execute("PRAGMA query_only = ON")
    return [dict(row) for row in local.connection.execute(query, values)]


@app.get("/employees/{number}")
def employee(number: int) -> list[Employee]:
    return rows("SELECT * FROM employees WHERE id = ?", (number,))


@app.get("/employees")
def employees(order: str = "id", limit: int = 100) -> list[Employee]:
    column, _, direction = order.partition(".")
    if column not in Employee.model_fields or direction not in ("", "asc", "desc"):
        raise HTTPException(400)
    return rows(f"SELECT * FROM employees ORDER BY {column} {direction} LIMIT ?", (limit,))


@app.get("/page")
def page(department: str, limit: int = 20) -> Page:
    found = rows("SELECT * FROM employees WHERE department = ? ORDER BY id LIMIT ?", (department, limit))
    count = rows("SELECT count(*) AS n FROM employees WHERE department = ?", (department,))[0]["n"]
    return {"count": count, "rows": found}
