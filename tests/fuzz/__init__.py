"""Damaged, odd and hostile files and folders, made from seeds, and what the library does with them.

Run ``PYTHONPATH=tests python -m fuzz --cases 10000`` from the root of the repository.
"""
