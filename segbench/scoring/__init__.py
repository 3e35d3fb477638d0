"""Scoring: predictions are paired with their truth, measured image by image, and collected in a record."""
