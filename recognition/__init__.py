"""Pixels -> readings: what a camera believes about a tray. Knows nothing of money, events or storage."""
