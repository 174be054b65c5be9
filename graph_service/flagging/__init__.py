"""Flagging: which labels are wrong."""
