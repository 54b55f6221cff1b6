"""Reads iris.csv, trains a random forest on three quarters of it and scores the rest, as `taipan train` does."""

import json

import pandas
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

iris = pandas.read_csv("iris.csv")
x_train, x_test, y_train, y_test = train_test_split(
    iris.drop(columns="species"), iris["species"], test_size=0.25, random_state=0
)
forest = RandomForestClassifier(random_state=0, n_jobs=2).fit(x_train, y_train)
print(json.dumps({"accuracy_train": forest.score(x_train, y_train), "accuracy_test": forest.score(x_test, y_test)}))
