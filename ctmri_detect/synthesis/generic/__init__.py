"""Generic anomalies: shapes and changes that imitate no disease."""
