"""What makes cases: a module a family of files or folders."""
