"""forest-large: see learn_trees.py."""

from learn_trees import run

run("forest-large")
