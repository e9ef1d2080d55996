import pytest

from minicnn.errors import UnknownNameError
from minicnn.models.classes import ClassNames, imagenet


@pytest.mark.parametrize(
    "name, index",
    [
        ("tabby, tabby cat", 281),
        ("tabby cat", 281),
        ("Tinca tinca", 0),
        ("maillot, tank suit", 639),
        ("sea-lion", 150),
        ("loud speaker", 632),
        ("carpenters kit", 477),
        ("gray fox", 280),
        ("flaming", 130),
        ("Golden Ret", 207),
    ],
)
def test_other_words_for_a_class(name, index):
    """Synonyms, other spellings, beginnings."""
    assert imagenet().find(name) == index


@pytest.mark.parametrize(
    "name, candidates", [("panda", "387 .lesser panda.* 388 .giant panda"), ("bus", "bustard.*school bus"), ("dog", "Maltese")]
)
def test_words_for_several_classes(name, candidates):
    """The candidates are listed; that only a sled's name begins with "dog" makes no dog of it."""
    with pytest.raises(UnknownNameError, match=f"classes may be meant by '{name}'.*{candidates}"):
        imagenet().find(name)


def test_names_of_a_file_may_be_whole_synsets():
    names = ClassNames(["tench, Tinca tinca", "goldfish, Carassius auratus"])
    assert names.find("Tinca tinca") == 0 == names.find("tench") and names.find("goldfish, Carassius auratus") == 1
    with pytest.raises(UnknownNameError, match="no class 'tench, goldfish'"):
        names.find("tench, goldfish")


@pytest.mark.parametrize("name", ["giant panda", "Giant_Panda", " giant  panda ", 388, "388", "n02510455"])
def test_ways_to_name_a_class(name):
    assert imagenet().find(name) == 388


def test_names_that_are_numbers():
    """A text is a name first, and if nobody's then an index; a number is an index."""
    names = ClassNames(["1", "2", "10"])
    assert [names.find(target) for target in ("1", "2", "10", "0", 1, 2)] == [0, 1, 2, 0, 1, 2]


def test_names_of_one_look():
    """An accented letter may be one character, or a letter and its accent."""
    names = ClassNames(["K\u00e4tzchen", "Hund"])
    assert names.find("Ka\u0308tzchen") == 0 == ClassNames(["Ka\u0308tzchen"]).find("k\u00e4tzchen")
    with pytest.raises(UnknownNameError, match="nearest names are K\u00e4tzchen"):
        names.find("k\u00e4zchen")


def test_all_names_but_the_ambiguous_find_themselves():
    names = imagenet()
    assert len(names) == 1000
    twice = {name for name in names if list(names).count(name) > 1}
    assert twice == {"crane", "maillot"}
    assert all(names.find(name) == i for i, name in enumerate(names) if name not in twice)


@pytest.mark.parametrize(
    "name, hint",
    [
        ("pandas", "giant panda"),
        ("tabbi", "tabby"),
        ("cat", "tiger cat"),
        ("crane", "134 .* or 517"),
        ("1000", "0 to 999"),
        (-1, "0 to 999"),
    ],
)
def test_unknown_classes_get_a_hint(name, hint):
    with pytest.raises(UnknownNameError, match=hint):
        imagenet().find(name)


def test_beginnings_may_be_ruled_out():
    assert imagenet().find("giant pan") == 388
    with pytest.raises(UnknownNameError, match="no class 'giant pan'; the nearest names are giant panda"):
        imagenet().find("giant pan", beginnings=False)
    assert imagenet().find("Giant-Panda", beginnings=False) == 388
