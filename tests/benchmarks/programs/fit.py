"""`fit.py CSV FILE BYTES`: fit the salary model, add an attribute of BYTES bytes, and dump it to FILE."""

import sys

import joblib
import numpy as np
from sklearn.linear_model import LinearRegression

csv, file, extra = sys.argv[1:]
x, y = np.loadtxt(csv, delimiter=",", skiprows=1, unpack=True)
model = LinearRegression().fit(x.reshape(-1, 1), y)
model.extra_ = np.arange(int(extra) // 8)
joblib.dump(model, file)
