"""Is it skill? Baselines and calibration."""
