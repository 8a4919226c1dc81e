"""`python -m bench [start reads jobs ... model_serving]` measures what is named, or all, and prints tables."""

import sys

from bench import datasets, files, jobs, lists, model_serving, projects, reads, start, tracking

MEASUREMENTS = {
    "start": start.measure,
    "reads": reads.measure,
    "jobs": jobs.measure,
    "lists": lists.measure,
    "files": files.measure,
    "projects": projects.measure,
    "datasets": datasets.measure,
    "tracking": tracking.measure,
    "model_serving": model_serving.measure,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASUREMENTS:
        MEASUREMENTS[name]()
