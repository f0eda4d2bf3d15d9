"""The board of the protocol that `at_test_time` brings: both answers, and what the second gains."""

from medtl_bench.board.protocol import ProtocolBoard, Reading


class TestTimeBoard(ProtocolBoard):
    """Ranks methods by their second answer about a target's rows."""

    __test__ = False  # no test of pytest's
    headline = "again"
    readings = (Reading("Answers about rows that were seen before", "again"),)

    def measures(self, trials, scores):
        primary = scores[scores["primary"]]
        means = primary.groupby(["trial", "stage"], observed=True)["value"].mean().unstack()
        measures = means.reindex(index=trials.index, columns=["first", "again"])
        return measures.assign(gain=measures["again"] - measures["first"])


BOARD = TestTimeBoard()
