"""Which files a folder holds, which belong together, and reading them."""
