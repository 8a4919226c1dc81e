"""The addresses that MLflow's clients and pages use, and the ones that their operations are declared at."""

import re

from modelyard.domains.experiments.asked import PROJECT_HEADER
from modelyard.kit.edge import Rewrite

# A tracking URI is `<server>/mlflow`, or `<server>/mlflow/projects/<owner>/<name>` to work in that project.
TRACKING = (
    Rewrite(
        None,
        re.compile(
            r"/mlflow(?:/projects/(?P<header>[^/]+/[^/]+))?/(?:ajax-)?api/(?=[23]\.0/mlflow(?:-artifacts)?/)"
        ),
        "/api/",
        PROJECT_HEADER.encode(),
    ),
    Rewrite(None, re.compile(r"/ajax-api/(?=[23]\.0/mlflow(?:-artifacts)?/)"), "/api/"),
    Rewrite(None, re.compile(r"/mlflow(?:/projects/[^/]+/[^/]+)?/(?=v1/traces$)"), "/"),
    Rewrite(None, re.compile(r"/mlflow/projects/[^/]+/[^/]+/?(?=$)"), "/mlflow/"),
)
