"""MediaPipe Pose as a plugin of posegen.

This module imports nothing, so that `posegen_mediapipe.config` costs no torch; the detector is in
`detector`.
"""
