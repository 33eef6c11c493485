"""Sentences: what ends one and what does not, in several languages and scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import sentences
from listener.sentences import count_words, split


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Doors open at six. Bring a chair! Who cooks?", ["Doors open at six.", "Bring a chair!", "Who cooks?"]),
        ("Dr. Oyelaran of Ferns Ltd. spoke, e.g. of moss. We listened.",
         ["Dr. Oyelaran of Ferns Ltd. spoke, e.g. of moss.", "We listened."]),
        ("J. K. Lund wrote it. Read it at https://a.example/x.html. It is short.",
         ["J. K. Lund wrote it.", "Read it at https://a.example/x.html.", "It is short."]),
        ("Version 3.2 is out. It costs 4.50 now.", ["Version 3.2 is out.", "It costs 4.50 now."]),
        ("Am 3. Mai ist z.B. das Bad zu. Danach nicht mehr.", ["Am 3. Mai ist z.B. das Bad zu.", "Danach nicht mehr."]),
        ("Sie kam um 12. Danach regnete es.", ["Sie kam um 12.", "Danach regnete es."]),
        ("M. Roux et Mme. Petit partent. Enfin !", ["M. Roux et Mme. Petit partent.", "Enfin !"]),
        ("El Sr. Vega llegó. ¿Quién abre? ¡Nadie!", ["El Sr. Vega llegó.", "¿Quién abre?", "¡Nadie!"]),
        ("A Sra. Lima saiu. Não volta.", ["A Sra. Lima saiu.", "Não volta."]),
        ("Het bad is bijv. dicht. Jammer.", ["Het bad is bijv. dicht.", "Jammer."]),
        ("今日は雨です。明日は晴れるでしょう!", ["今日は雨です。", "明日は晴れるでしょう!"]),
        ("我们明天开会。请带椅子！谢谢", ["我们明天开会。", "请带椅子！", "谢谢"]),
        ("i moved my site. it is faster now. no idea why",
         ["i moved my site.", "it is faster now.", "no idea why"]),
        ('"Stop!" he said. They went on.', ['"Stop!" he said.', "They went on."]),
        ("@ada@hachy.example @ben: The lock is open. 🎉 #ostwick #locks https://a.example", ["The lock is open."]),
        ("It works… mostly. Wait... What?", ["It works… mostly.", "Wait...", "What?"]),
        ("Three things:\n- count in pairs\n- send on Tuesday", ["Three things:", "count in pairs", "send on Tuesday"]),
        ("A line that some mail program broke after so many letters, as\nthey did. New thought.",
         ["A line that some mail program broke after so many letters, as they did.", "New thought."]),
        ("A heading\nAnd its text.", ["A heading", "And its text."]),
        ("🎉🎉 !!! #tag", []),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_cut_where_its_sentences_end(text, found):
    assert split(text) == found


@given(st.text(max_size=300))
def test_every_sentence_is_a_piece_of_its_text_in_order(text):
    place, folded = 0, " ".join(text[: sentences.READ].split())
    for found in split(text):
        assert found
        at = folded.find(found, place)
        assert at >= place
        place = at + len(found)


@given(
    st.lists(
        st.sampled_from(["Dr. ", "a.b ", "。", "x. ", "Y! ", "\n", "- ", "3. ", "Mai ", "@h ", "#t "]), max_size=80
    )
)
def test_any_mixture_of_stops_and_names_is_cut_into_pieces(parts):
    text = "".join(parts)
    assert all(found in " ".join(text.split()) for found in split(text))


def test_a_huge_text_is_cut_off_and_soon_done():
    assert sum(map(len, split("A word. " * 100_000))) <= sentences.READ
    assert split("." * 100_000 + " a") == split("." * sentences.READ)


@pytest.mark.parametrize(
    ("text", "count"),
    [("Two words", 2), ("", 0), ("well – done", 2), ("今日は雨です。", 3), ("雨 and sun", 3), ("🎉 !", 0)],
)
def test_words_are_counted_as_a_reader_takes_them_in(text, count):
    assert count_words(text) == count
