"""A bridge for inference only: diffusers pipelines, scored under posegen's protocols."""
