"""`floor.py MODEL`: import scikit-learn, load the model and predict. Then run until stdin ends."""

import sys

import joblib
import sklearn.linear_model  # noqa: F401

model = joblib.load(sys.argv[1])
sys.stdout.write(f"{model.predict([[21]])[0]}\n")
sys.stdout.flush()
sys.stdin.read()
