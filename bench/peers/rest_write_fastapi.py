"""rest-write in FastAPI: plain functions, as its documentation advises for a blocking database; a connection per thread
stays open; each row is checked by Pydantic, committed and synchronised.
"""

import os
import sqlite3
import threading

from fastapi import FastAPI, Response
from pydantic import BaseModel


class Employee(BaseModel):
    name: str
    department: str
    salary: int
    hired: str


app = FastAPI()
local = threading.local()


def connected():
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(os.environ["EMPLOYEES_DB"], timeout=60, isolation_level=None)
        local.connection.execute("PRAGMA synchronous = FULL")
    return local.connection


@app.get("/ready")
def ready():
    return {}


@app.post("/employees", status_code=201)
def insert(row: Employee) -> Response:
    values = (row.name, row.department, row.salary, row.hired)
    connected().execute("INSERT INTO employees (name, department, salary, hired) VALUES (?, ?, ?, ?)", values)
    return Response(status_code=201)
