"""Reports of evaluations as pages: what `posegen report` writes."""
