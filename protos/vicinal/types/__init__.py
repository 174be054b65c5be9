"""Types that both services speak."""
