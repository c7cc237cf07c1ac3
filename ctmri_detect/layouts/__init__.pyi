from .find import find_pairs as find_pairs
