"""What acknowledging and following cost, as ratios measured in one run: ``make bench``."""
