"""A dataset moves to another encoder: new vectors for all of its samples, then one change."""
