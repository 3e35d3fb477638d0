"""The canonical form: the waist that every format, metric and model passes through."""
