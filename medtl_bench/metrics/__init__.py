"""Scores: numpy functions of arrays. Imports the ground alone."""
