"""Flow matching for posegen; see `posegen_flow_matching.plugin` for what is in it."""
