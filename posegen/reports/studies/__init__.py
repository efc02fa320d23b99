"""User studies: do people take generated pictures for real ones?

folder     a study as a folder: what is shown, in which order, and what was answered
making     a study of scored results
scoring    R2G and G2R, with intervals

The page that asks is in `posegen/studio`.
"""
