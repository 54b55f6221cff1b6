"""predict in FastAPI with scikit-learn: the rows checked by Pydantic, one call of the forest for all of them."""

import csv
import os

import numpy
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.ensemble import RandomForestClassifier

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


class Flower(BaseModel):
    sepal_length: float
    sepal_width: float
    petal_length: float
    petal_width: float


with open(os.environ["IRIS"], newline="") as file:
    flowers = list(csv.DictReader(file))
model = RandomForestClassifier(random_state=42).fit(
    numpy.array([[float(flower[name]) for name in FEATURES] for flower in flowers]),
    [flower["species"] for flower in flowers],
)
app = FastAPI()


@app.get("/ready")
def ready():
    return {}


@app.post("/models/species/predict")
def predict(rows: list[Flower]):
    values = numpy.array([[row.sepal_length, row.sepal_width, row.petal_length, row.petal_width] for row in rows])
    return [{"species": species} for species in model.predict(values).tolist()]
