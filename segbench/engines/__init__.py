"""Engines: how work that is cut into tasks is spread over workers."""
