"""Many trainings that differ in named settings and seeds, and what differs in their scores."""
