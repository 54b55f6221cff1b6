"""gradient-boosting: see learn_trees.py."""

from learn_trees import run

run("gradient-boosting")
