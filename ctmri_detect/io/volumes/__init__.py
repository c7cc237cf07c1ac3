"""Volumes (NIfTI, DICOM, MetaImage, MGH): their grids, and the slices cut from them."""

__all__: list[str] = []
