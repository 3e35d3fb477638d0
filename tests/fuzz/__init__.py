"""Random cases, small and of what goes wrong, scored by segbench and by the references: ``make fuzz``."""
