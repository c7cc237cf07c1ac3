"""What other planes, similar slices and the place do not explain of features."""
