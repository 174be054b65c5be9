"""Auditing: how right the beliefs are, judged on samples that chance chose."""
