"""tips.csv to SVG, coloured by day."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

tips = pd.read_csv("tips.csv")
sns.scatterplot(tips, x="total_bill", y="tip", hue="day")
plt.savefig("tips-seaborn.svg")
