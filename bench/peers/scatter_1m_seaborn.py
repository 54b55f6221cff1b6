"""A million points to PNG."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

points = pd.read_csv("points.csv")
plt.figure(figsize=(7.2, 4.8), dpi=100)
sns.scatterplot(points, x="x", y="y", s=2, linewidth=0, alpha=0.2)
plt.savefig("points-seaborn.png")
