"""What a run leaves behind: records and the folder of them. Imports `files` and the ground."""

from medtl_bench import share_name

share_name(__name__)
