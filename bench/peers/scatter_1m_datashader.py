"""A million points to PNG: counted in cells, without axes."""

import datashader as ds
import datashader.transfer_functions as tf
import pandas as pd

points = pd.read_csv("points.csv")
counts = ds.Canvas(plot_width=720, plot_height=480).points(points, "x", "y")
tf.set_background(tf.shade(counts, how="log"), "white").to_pil().save("points-datashader.png")
