"""Conversions: what is read, what would be lost, what is written, and how far it went."""
