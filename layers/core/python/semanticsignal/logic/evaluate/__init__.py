"""Is it skill? Figures, how sure they are, baselines and calibration."""
