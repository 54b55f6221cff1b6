"""rest-write in Flask: served by gunicorn; a connection per thread stays open; each row is committed and synchronised."""

import os
import sqlite3
import threading

from flask import Flask, request

app = Flask(__name__)
local = threading.local()


def connected():
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(os.environ["EMPLOYEES_DB"], timeout=60, isolation_level=None)
        local.connection.execute("PRAGMA synchronous = FULL")
    return local.connection


@app.get("/ready")
def ready():
    return ""


@app.post("/employees")
def insert():
    row = request.get_json()
    values = (str(row["name"]), str(row["department"]), int(row["salary"]), str(row["hired"]))
    connected().execute("INSERT INTO employees (name, department, salary, hired) VALUES (?, ?, ?, ?)", values)
    return "", 201
