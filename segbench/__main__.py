"""``python -m segbench``."""

from segbench.cli import main

main()
