"""Bytes and rows from elsewhere: downloads, archives, shipped files, splits.

Imports the ground alone.
"""
