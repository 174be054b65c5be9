"""Suggestion: what to label next."""
