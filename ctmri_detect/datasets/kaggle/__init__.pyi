from .fetch import fetch_kaggle_ct_mri as fetch_kaggle_ct_mri
