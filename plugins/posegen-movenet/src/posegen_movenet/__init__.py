"""MoveNet as a plugin of posegen, with its weights in the package.

This module imports nothing, so that `posegen_movenet.config` costs no torch; the detector is in
`detector`.
"""
