"""Detectors whose unit is the scan: neighbouring slices as context."""
