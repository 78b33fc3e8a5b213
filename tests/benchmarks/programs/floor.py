"""`floor.py MODEL`: import scikit-learn, load the model, predict; then stay for as long as stdin is open."""

import sys

import joblib
import sklearn.linear_model  # noqa: F401

model = joblib.load(sys.argv[1])
sys.stdout.write(f"{model.predict([[21]])[0]}\n")
sys.stdout.flush()
sys.stdin.read()
