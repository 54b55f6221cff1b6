"""forest-predict: see learn_trees.py."""

from learn_trees import run

run("forest-predict")
