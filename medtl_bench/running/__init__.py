"""Plans trials and runs them, each in a process.

Imports all rooms but `board`, `report`, `advice`, `testing` and `cli`.
"""
