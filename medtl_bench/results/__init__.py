"""What a run leaves behind: records and the folder of them. Imports `files` and the ground."""
