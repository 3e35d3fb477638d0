"""Runs of models: shards of images that are asked for, measured, kept and merged."""
