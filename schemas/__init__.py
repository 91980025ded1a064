"""Schemas of stored tables and sent messages: Arrow schemas, and models of the HTTP API."""
