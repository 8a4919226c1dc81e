"""`python -m bench [start reads jobs lists files projects datasets tracking]` measures, and prints tables."""

import sys

from bench import datasets, files, jobs, lists, projects, reads, start, tracking

MEASUREMENTS = {
    "start": start.measure,
    "reads": reads.measure,
    "jobs": jobs.measure,
    "lists": lists.measure,
    "files": files.measure,
    "projects": projects.measure,
    "datasets": datasets.measure,
    "tracking": tracking.measure,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASUREMENTS:
        MEASUREMENTS[name]()
