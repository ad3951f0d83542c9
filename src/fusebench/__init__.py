"""fusebench: exact metrics, faithful baselines and honest rankings for image fusion."""

__version__ = "0.1.0"
