"""The version of the toolkit; release tools read it from here."""

__version__ = "0.1.0"
