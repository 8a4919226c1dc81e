"""Versions of model APIs: immutable, built once, started and stopped, labelled for production."""
