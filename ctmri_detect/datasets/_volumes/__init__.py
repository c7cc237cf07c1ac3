"""Parts of the reader of NIfTI and DICOM volumes."""
