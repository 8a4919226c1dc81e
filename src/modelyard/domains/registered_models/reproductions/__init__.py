"""Reproductions: the job that made a version of a model done again, and what came out of both compared."""
