"""Schemas of stored tables (Arrow) and of the endpoint's messages (pydantic)."""
