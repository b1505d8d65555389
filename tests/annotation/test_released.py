from annotation.prepare.release import HANDS, split_of
from annotation.released import ego4d_stems, evaluation_videos
from hint.names import parse_name


def test_the_official_list_has_the_published_numbers() -> None:
    stems = ego4d_stems()
    assert {folder: len(names) for folder, names in stems.items()} == {f: n for f, n in HANDS.items() if "ego4d" in f}
    assert all((name := parse_name(stem)) and name.source == "ego4d" for names in stems.values() for stem in names)


def test_validation_and_test_videos_are_those_of_no_training_picture() -> None:
    held_out = evaluation_videos()
    clips = {folder: {stem[:36] for stem in stems} for folder, stems in ego4d_stems().items()}
    for folder, named in clips.items():
        assert (named & held_out) == (set() if split_of(folder) == "TRAIN" else named)
    others = held_out - set().union(*clips.values())
    assert "P03_120" in others, "the video of the released frames without a video in their name"
    assert sum(len(name) == 11 for name in others) == 850
    assert len(others) == 850 + 41
