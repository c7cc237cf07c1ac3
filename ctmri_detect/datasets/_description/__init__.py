"""Parts of the description of a folder."""
