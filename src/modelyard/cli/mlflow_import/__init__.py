"""`modelyard import mlflow`: what another MLflow server has, moved into this one.

Both sides are spoken to in MLflow's own protocol. Everything that is made carries a tag that says what it was
made from, and as the last thing one that says that it is complete: an import that broke off goes on where it was.
"""
