"""The registry half of MLflow's REST protocol, on the same tables and rules as the rest of the domain."""
