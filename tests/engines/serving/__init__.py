"""Served models: real worker processes, called through real sockets."""
