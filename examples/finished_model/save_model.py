"""Save a model in a file, as any training could do it."""

from __future__ import annotations

import joblib
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier

flowers = load_iris()
names = [str(flowers.target_names[number]) for number in flowers.target]
joblib.dump(KNeighborsClassifier(n_neighbors=5).fit(flowers.data, names), "flowers.joblib")
