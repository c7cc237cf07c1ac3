"""Parts of the Kaggle fetcher."""
