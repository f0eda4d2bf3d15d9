"""Pieces of Markdown, and what makes text from elsewhere inert. Imports nothing of ours."""
