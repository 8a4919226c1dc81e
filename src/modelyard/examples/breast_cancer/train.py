"""Trains a classifier on the Wisconsin breast cancer data that ship inside scikit-learn, and registers it."""

import json
import time
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score
from sklearn.model_selection import train_test_split

# Served, the model stands on what it was trained with.
PACKAGES = ["mlflow-skinny", "scikit-learn", "pandas", "numpy", "cloudpickle"]

data = load_breast_cancer(as_frame=True)
train_x, test_x, train_y, test_y = train_test_split(
    data.data, data.target, test_size=0.25, stratify=data.target, random_state=7
)
print(f"{len(train_x)} rows to train on, {len(test_x)} to test, {data.data.shape[1]} features")

mlflow.set_experiment("breast-cancer")
with mlflow.start_run():
    model = RandomForestClassifier(n_estimators=0, warm_start=True, random_state=7)
    mlflow.log_params(model.get_params())
    for trees in range(50, 301, 50):
        began = time.perf_counter()
        model.set_params(n_estimators=trees).fit(train_x, train_y)
        score = accuracy_score(test_y, model.predict(test_x))
        mlflow.log_metric("accuracy", score, step=trees)
        print(f"{trees:4d} trees  accuracy {score:.4f}  ({time.perf_counter() - began:.2f} s)")

    predicted = model.predict(test_x)
    stats = {
        "accuracy": round(accuracy_score(test_y, predicted), 4),
        "roc_auc": round(roc_auc_score(test_y, model.predict_proba(test_x)[:, 1]), 4),
        "trees": len(model.estimators_),
    }
    Path("dominostats.json").write_text(json.dumps(stats))
    mlflow.log_metric("roc_auc", stats["roc_auc"])
    mlflow.sklearn.log_model(
        model,
        name="model",
        input_example=test_x.head(3),
        serialization_format="cloudpickle",
        pip_requirements=[f"{package}=={version(package)}" for package in PACKAGES],
        registered_model_name="breast-cancer",
    )

results = Path("results")
results.mkdir(exist_ok=True)
labels = list(data.target_names)
confusion = pd.DataFrame(confusion_matrix(test_y, predicted), index=labels, columns=labels)
confusion.to_csv(results / "confusion.csv")
importance = pd.Series(model.feature_importances_, index=data.data.columns).sort_values(ascending=False)
importance.to_csv(results / "feature_importance.csv", header=["importance"])

# A request that the served model answers, and what is known of these patients.
asked = test_x.iloc[:5]
patients = {
    "request": {"dataframe_split": {"columns": list(asked.columns), "data": asked.to_numpy().tolist()}},
    "diagnoses": [labels[place] for place in test_y.iloc[:5]],
    "labels": labels,
}
(results / "patients.json").write_text(json.dumps(patients))
print(f"most telling feature: {importance.index[0]}")
print(confusion.to_string())
