"""Find, read and write files: slices, and volumes in `io.volumes`."""
