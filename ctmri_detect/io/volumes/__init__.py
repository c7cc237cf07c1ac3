"""Volumes: NIfTI, DICOM, MetaImage, MGH; their grids, and slices out of them."""

__all__: list[str] = []
