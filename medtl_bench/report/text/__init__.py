"""Pieces of Markdown, and what makes text from elsewhere inert.

Imports `board.rows` for its cells, nothing else of ours.
"""
