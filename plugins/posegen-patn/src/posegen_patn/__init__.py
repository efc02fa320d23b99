"""Progressive pose attention transfer (PATN), as a plugin of posegen.

Nothing is imported here: posegen imports `posegen_patn.plugin` to learn what there is, and the
other modules when a component is used.
"""
