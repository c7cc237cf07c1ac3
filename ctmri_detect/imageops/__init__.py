"""Image operations: arrays in, arrays out, no estimator."""
