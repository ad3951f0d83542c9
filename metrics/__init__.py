"""Metrics of image fusion."""
