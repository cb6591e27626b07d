"""Markdown as it streams: what is finished stands for good, only the open block is drawn anew."""
