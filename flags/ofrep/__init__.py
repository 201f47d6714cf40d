"""Flags for services elsewhere, over HTTP (docs/architecture/ofrep.md)."""
