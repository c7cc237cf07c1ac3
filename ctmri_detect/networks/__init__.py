"""Plain torch modules and their training; no detector in here."""
