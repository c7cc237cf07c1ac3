"""Folders of empty files, for what is told by names alone."""


def tree(folder, *files):
    """The folder, with these files in it."""
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder
