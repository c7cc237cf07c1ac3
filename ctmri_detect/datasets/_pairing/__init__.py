"""Parts of the pairing check."""
