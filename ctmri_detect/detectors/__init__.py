"""The detectors, one file each; `ctmri_detect` re-exports them."""
