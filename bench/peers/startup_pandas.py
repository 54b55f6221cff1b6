"""startup in pandas: the first rows of a small file."""

import pandas

print(pandas.read_csv("tips.csv").head())
