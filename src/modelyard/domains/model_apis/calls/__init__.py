"""Calls of model APIs: found, admitted, handed to a replica and answered, without a query on the usual way."""
