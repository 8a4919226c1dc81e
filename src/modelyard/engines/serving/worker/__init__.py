"""The program that runs inside a model's own virtual environment and answers requests.

It needs Python 3.9 and the standard library, and imports nothing of the platform: it is started by its path
and may be all of the platform that the process can see.
"""
