"""The parts of MLflow's protocol that are not served, and why; so a client is told, and nothing is forgotten.

What MLflow has beyond this and beyond what is served is refused, too.
"""

_ACCOUNTS = "It knows its users by accounts of MLflow's own."
_GATEWAY = "Language models are called through the platform's own gateway, not through MLflow's."
_JOBS = "Nothing is run inside the tracker; start a job of the platform instead."
_HOOKS = "The tracker calls no other servers."
_PRESIGNED = "Artifacts are kept by the platform itself and sent through it."

REFUSED: dict[str, str] = {
    "2.0mlflow/": "MLflow has this at an address without a slash by mistake, and at the right one as well.",
    "2.0/mlflow/artifacts/presigned-": _PRESIGNED,
    "2.0/mlflow-artifacts/presigned/": _PRESIGNED,
    "2.0/mlflow-artifacts/mpu/": _PRESIGNED,
    "2.0/mlflow/get-online-trace-details": "It is of another vendor's servers.",
    "2.0/mlflow/unified-traces": "It is of another vendor's servers.",
    "2.0/mlflow/gateway-proxy": _GATEWAY,
    "2.0/mlflow/runs/create-promptlab-run": _GATEWAY,
    "2.0/mlflow/traces/link-prompts": "Prompts are kept in the registry, and traces do not refer to them yet.",
    "2.0/mlflow/webhooks": _HOOKS,
    "3.0/mlflow/assistant": _GATEWAY,
    "3.0/mlflow/demo/": "Data for demonstrations would belong to no project.",
    "3.0/mlflow/gateway/": _GATEWAY,
    "3.0/mlflow/genai/": _JOBS,
    "3.0/mlflow/issues": _JOBS,
    "3.0/mlflow/jobs": _JOBS,
    "3.0/mlflow/label-schemas/": _ACCOUNTS,
    "3.0/mlflow/mcp-servers": _GATEWAY,
    "3.0/mlflow/prompt-optimization/": _JOBS,
    "3.0/mlflow/review-queues/": _ACCOUNTS,
    "3.0/mlflow/scorer/": _JOBS,
    "3.0/mlflow/scorers/delete": "Versions of scorers are kept.",
    "3.0/mlflow/scorers/online-config": _JOBS,
    "3.0/mlflow/ui-telemetry": "Nothing about its use leaves the platform.",
    "3.0/mlflow/workspaces": "Projects take their place: /mlflow/projects/<owner>/<name> is a tracking URI.",
}


def reason_against(path: str) -> str | None:
    """Why an operation at this path below `/api/` is not served, in a sentence; None for an unknown one."""
    return next((reason for start, reason in REFUSED.items() if path.startswith(start)), None)
