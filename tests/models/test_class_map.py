import pytest

from segbench.canonical.categories import Categories, Category
from segbench.errors import DataError, UsageError
from segbench.models import ClassMap, ModelInfo
from segbench.models.class_map import read_synonyms


def info(*names):
    return ModelInfo(name="net", tasks=("semantic",), id2label=dict(enumerate(names)))


def categories(*names):
    return Categories(Category(id=i, name=name, source_id=10 * i) for i, name in enumerate(names))


def test_names_match_whatever_their_order_case_and_separators():
    found = ClassMap.match(
        info("Traffic_Light", "ROAD", "dining-table"), categories("road", "traffic light", "dining table")
    )
    assert found.ids == {0: 1, 1: 0, 2: 2}
    assert found.missing == ()


def test_an_exact_name_wins_over_one_alike():
    assert ClassMap.match(info("Car"), categories("car", "Car")).ids == {0: 1}


def test_sparse_model_ids_and_categories_the_model_does_not_know():
    model = ModelInfo(name="net", tasks=("semantic",), id2label={7: "car", 90: "road"})
    found = ClassMap.match(model, categories("road", "sky", "car"))
    assert found.ids == {7: 2, 90: 0}
    assert found.missing == ("sky",)


def test_a_gap_is_refused_with_the_nearest_names():
    with pytest.raises(UsageError, match=r"'raod' \(nearest: 'road'.*'zebra'\."):
        ClassMap.match(info("raod", "zebra"), categories("road", "car"))


def test_a_gap_can_be_ignored_by_name():
    found = ClassMap.match(info("void_area", "road"), categories("road"), ignore=["Void Area"])
    assert found.ids == {0: None, 1: 0}


def test_a_known_class_can_be_ignored_too():
    assert ClassMap.match(info("road"), categories("road"), ignore=["road"]).ids == {0: None}


def test_ignoring_what_the_model_has_not():
    with pytest.raises(UsageError, match=r"no class 'skye' to ignore. Did you mean 'sky'"):
        ClassMap.match(info("sky"), categories("sky"), ignore=["skye"])


def test_a_name_that_fits_two_categories():
    with pytest.raises(UsageError, match=r"'hot dog' fits 2 categories.*'hot-dog', 'hot_dog'"):
        ClassMap.match(info("hot dog"), categories("hot-dog", "hot_dog"))


def test_synonyms_rename_and_ignore():
    found = ClassMap.match(
        info("Auto", "void", "road"),
        categories("road", "car"),
        synonyms={"auto": "car", "void": None, "other model's": "road"},
    )
    assert found.ids == {0: 1, 1: None, 2: 0}


def test_a_synonym_that_the_data_set_has_not():
    with pytest.raises(
        UsageError, match=r"'auto' is to be 'cat', which the data set has not. Did you mean 'car'"
    ):
        ClassMap.match(info("auto"), categories("car"), synonyms={"auto": "cat"})


def test_a_file_of_synonyms(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('auto = "car"\n"traffic sign" = false\n')
    assert read_synonyms(file) == {"auto": "car", "traffic sign": None}


@pytest.mark.parametrize(
    ("text", "message"), [("auto = 3", "auto: must be a name"), ("auto", "cannot be read")]
)
def test_a_broken_file_of_synonyms(tmp_path, text, message):
    file = tmp_path / "s.toml"
    file.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_synonyms(file)
    assert "s.toml" in str(caught.value)


def test_report():
    target = categories("road", "car")
    found = ClassMap.match(info("Road", "void"), target, ignore=["void"])
    assert found.report(target).splitlines() == [
        "net: 1 of 2 classes are in the data set",
        "  0 Road → 0 road",
        "  1 void → ignored",
        "  not known to the model: car",
    ]
