"""Text from plugins and results prints as itself."""

import pytest

from medtl_bench.cli import console


@pytest.mark.parametrize(
    "text", ["[red]x[/red]", "[link=http://x]y[/link]", ":smile:", "x" * 500, "ü – 漢字"]
)
def test_markup_is_no_markup_here(capsys, text):
    console.say(text)
    console.complain(text)
    out, err = capsys.readouterr()
    assert (out, err) == (f"{text}\n", f"{text}\n")


@pytest.mark.parametrize("sign", ["\x1b[31m", "\x07", "\u202e", "\u200b", "\x9b", "\r"])
def test_control_and_direction_signs_do_not_reach_the_terminal(capsys, sign):
    console.say(f"a{sign}b")
    console.table("t", ["c"], [[f"a{sign}b"]])
    console.fields("t", {"n": f"a{sign}b"})
    assert sign[0] not in capsys.readouterr().out


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028", "\u2029"])
def test_a_text_cannot_feign_a_line_of_ours(capsys, end):
    text = f"odd{end}[2/2] ok"
    console.say(text)
    console.complain(text)
    console.table("t", ["c"], [[text]])
    console.fields("t", {"n": text})
    console.paragraph(text)
    out, err = capsys.readouterr()
    assert not [line for line in (out + err).splitlines() if line.startswith("[2/2]")]


def test_a_cut_surrogate_can_be_printed(capsys):
    console.say("a\ud800b")
    assert capsys.readouterr().out == "a\ufffdb\n"
