"""Pages, tables and pictures made from a board."""
