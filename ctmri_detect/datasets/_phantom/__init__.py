"""Parts of the head phantom."""
