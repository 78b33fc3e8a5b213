"""`fit.py CSV FILE BYTES`: fit the salary model, give it an attribute of so many bytes, dump it to FILE."""

import sys

import joblib
import numpy as np
from sklearn.linear_model import LinearRegression

csv, file, ballast = sys.argv[1:]
x, y = np.loadtxt(csv, delimiter=",", skiprows=1, unpack=True)
model = LinearRegression().fit(x.reshape(-1, 1), y)
model.ballast_ = np.arange(int(ballast) // 8)
joblib.dump(model, file)
