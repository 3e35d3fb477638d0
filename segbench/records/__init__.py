"""Run records: what a run leaves behind, how it is read, shown to loggers, and held against itself."""
