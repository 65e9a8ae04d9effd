"""The version of gaud-core, its only source: the build reads it from here, `gaud --version` as well."""

__all__ = ["__version__"]

__version__ = "0.1.0"
