"""Pairs on disk: written block by block, whole or not at all."""

__all__: list[str] = []
