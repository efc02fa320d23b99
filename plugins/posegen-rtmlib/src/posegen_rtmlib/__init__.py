"""RTMPose and its relatives as a plugin of posegen.

This module imports nothing, so that `posegen_rtmlib.config` costs no torch; the detector is in
`detector`.
"""
