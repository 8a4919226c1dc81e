"""`python -m bench [start reads jobs lists files]`: runs the measurements and prints their tables."""

import sys

from bench import files, jobs, lists, reads, start

MEASUREMENTS = {
    "start": start.measure,
    "reads": reads.measure,
    "jobs": jobs.measure,
    "lists": lists.measure,
    "files": files.measure,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASUREMENTS:
        MEASUREMENTS[name]()
