"""Pairs and other files on disk, written whole or not at all."""

__all__: list[str] = []
