import random
from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS, label_names
from msd_ray.data.load import load_source, load_target, load_test, subset
from msd_ray.data.sentences import Sentence, Text, digest

WriteFile = Callable[..., Path]
MULTICONER = Path(__file__).parents[3] / "shared" / "data" / "multiconer"

TURKISH = "# id 1\tdomain=train\nankara _ _ B-LOC\nve _ _ O\n\n# id 2\tdomain=train\nwwe _ _ B-CORP\n"
GARBAGE = ["B-XYZ", "I-999", "S-LOC", "L-x.y_z", "E-Ä", "B-PER", "O"]
NO_LABELS = ["XYZ", "B-", "B-LOC two words", "-DOCSTART-", "", "\ufffd", "# id 9", "999", "B-LOC\u200b", "B-LOC,", "o"]


def write_mlowner(write: WriteFile, folder: str = "tr/", lang: str = "tr") -> None:
    for split in ("train", "dev"):
        write(f"{folder}{lang}_{split}.conll", TURKISH)


@pytest.mark.parametrize("folder", ["tr/", "TR-Turkish/", "", "multiconer/tr/", "mlowner/TR-Turkish/"])
def test_upstreams_own_file_names(write: WriteFile, tmp_path: Path, folder: str) -> None:
    write_mlowner(write, folder)
    target = load_target("mlowner", "tr", tmp_path)
    assert target.train == (Text(("ankara", "ve")), Text(("wwe",)))
    assert target.dev == (Sentence(("ankara", "ve"), ("B-LOC", "O")), Sentence(("wwe",), ("B-CORP",)))
    assert not target.has_test
    assert [Path(file).name for file in target.files] == ["tr_train.conll", "tr_dev.conll"]
    write(f"{folder}tr_test.conll", TURKISH)
    assert load_target("mlowner", "tr", tmp_path).has_test
    assert load_test("mlowner", "tr", tmp_path) == target.dev


@pytest.mark.parametrize(
    ("dataset", "lang", "names", "row"),
    [
        ("conll", "en", ("eng.train", "eng.testa", "eng.testb"), "EU NNP I-NP B-ORG"),
        ("conll", "de", ("de/deu.train", "de/deu.testa", "de/deu.testb"), "EU EU NN I-NC B-ORG"),
        ("conll", "es", ("conll2002/esp.train", "conll2002/esp.testa", "conll2002/esp.testb"), "EU B-ORG"),
        ("conll", "nl", ("nl/train.txt", "nl/dev.txt", "nl/test.txt"), "EU B-ORG"),
        ("conll", "nl", ("ned/train.txt", "ned/valid.txt", "ned/test.txt"), "EU B-ORG"),
        ("wikiann", "ar", ("ar/train", "ar/dev", "ar/test"), "ar:EU\tB-ORG"),
        ("wikiann", "sw", ("train-sw.tsv", "dev-sw.tsv", "test-sw.tsv"), "EU\tB-ORG"),
        ("wikiann", "zh-yue", ("panx/zh-yue/train.tsv", "panx/zh-yue/dev.tsv", "panx/zh-yue/test.tsv"), "EU\tB-ORG"),
        (
            "mlowner",
            "bn",
            ("BN-Bangla/bn_train.conll", "BN-Bangla/bn_dev.conll", "BN-Bangla/bn_test.conll"),
            "EU _ _ B-GRP",
        ),
    ],
)
def test_where_files_are_looked_for(
    write: WriteFile, tmp_path: Path, dataset: str, lang: str, names: tuple[str, ...], row: str
) -> None:
    for name in names:
        write(name, f"{row}\n")
    source = load_source(dataset, tmp_path, lang=lang)
    assert source.train == source.dev == load_test(dataset, lang, tmp_path)
    assert source.train[0].tokens == ("EU",)
    assert source.train[0].labels[0][:2] == "B-"


def test_parquet_below_a_data_directory(write_parquet: WriteFile, tmp_path: Path) -> None:
    for split in ("train", "validation"):
        write_parquet(f"sw/{split}-00000-of-00001.parquet", [(["Nairobi"], [5])])
    target = load_target("wikiann", "sw", tmp_path)
    assert target.train == (Text(("Nairobi",)),)
    assert target.dev == (Sentence(("Nairobi",), ("B-LOC",)),)


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    ("dataset", "lang", "train", "dev", "row"),
    [
        ("mlowner", "tr", "tr/tr_train.conll", "tr/tr_dev.conll", "{} _ _ "),
        ("wikiann", "ar", "ar/train", "ar/dev", "ar:{}\t"),
        ("conll", "de", "deu.train", "deu.testa", "{} lemma NN I-NC "),
    ],
)
def test_target_training_labels_change_nothing(
    write: WriteFile, tmp_path: Path, dataset: str, lang: str, train: str, dev: str, row: str, garbage: str
) -> None:
    rows = [row.format(token) if token else "" for token in ("a", "b", "", "c", "", "d", "e", "f")]
    clean = "\n".join(f"{row}B-LOC" if row else "" for row in rows)
    write(dev, clean)
    write(train, clean)
    honest = load_target(dataset, lang, tmp_path)
    assert [text.tokens for text in honest.train] == [("a", "b"), ("c",), ("d", "e", "f")]
    write(train, "\n".join(row + garbage if row else "" for row in rows))
    garbled = load_target(dataset, lang, tmp_path)
    assert garbled == honest
    assert digest(garbled.train) == digest(honest.train)
    if garbage not in ("O", "B-PER"):
        with pytest.raises(UserError, match=":1: unknown label"):
            load_source(dataset, tmp_path, lang=lang)


@pytest.mark.parametrize("last", NO_LABELS)
@pytest.mark.parametrize(
    ("dataset", "lang", "train", "row"),
    [
        ("mlowner", "tr", "tr/tr_train.conll", "{} _ _ "),
        ("wikiann", "ar", "ar/train", "ar:{}\t"),
        ("conll", "de", "deu.train", "{} lemma NN NC "),
    ],
)
def test_a_last_column_that_is_no_label_is_refused(
    write: WriteFile, tmp_path: Path, dataset: str, lang: str, train: str, row: str, last: str
) -> None:
    """Its row may be shifted, and the first column no token."""
    rows = [f"{row.format(token)}{'O' if token != 'c' else last}" for token in "abcd"]
    write(train, "\n".join(rows))
    with pytest.raises(UserError, match=rf"{Path(train).name}:3: "):
        load_target(dataset, lang, tmp_path, dev=False)


def test_limit_takes_training_sentences_alone_in_file_order(write: WriteFile, tmp_path: Path) -> None:
    text = "".join(f"# id {i}\nw{i} _ _ O\n\n" for i in range(200))
    for split in ("train", "dev"):
        write(f"en/en_{split}.conll", text)
    limited = load_source("mlowner", tmp_path, limit=50)
    numbers = [int(sentence.tokens[0][1:]) for sentence in limited.train]
    assert len(numbers) == 50
    assert numbers == sorted(numbers)
    assert numbers != list(range(50))
    assert len(limited.dev) == 200
    assert load_source("mlowner", tmp_path, limit=50) == limited
    assert [text.tokens for text in load_target("mlowner", "en", tmp_path, limit=50).train] == [
        sentence.tokens for sentence in limited.train
    ]
    assert load_source("mlowner", tmp_path, limit=1000) == load_source("mlowner", tmp_path)
    with pytest.raises(UserError, match="--limit 0: expected"):
        load_source("mlowner", tmp_path, limit=0)


def test_subsets_are_fixed_nested_and_even() -> None:
    items = [Text((str(i),)) for i in range(2000)]
    small, large = subset(items, 300), subset(items, 900)
    assert set(small) < set(large)
    assert subset(items, 4) == tuple(Text((str(i),)) for i in (241, 416, 576, 1325))
    halves = sum(int(text.tokens[0]) < 1000 for text in large)
    assert 380 < halves < 520


def test_mlowner_test_set_is_ten_thousand_sentences(write: WriteFile, tmp_path: Path) -> None:
    write("ko/ko_test.conll", "".join(f"# id {i}\nw{i} _ _ O\n\n" for i in range(12_000)))
    sentences = load_test("mlowner", "ko", tmp_path)
    numbers = [int(sentence.tokens[0][1:]) for sentence in sentences]
    assert len(numbers) == 10_000
    assert numbers == sorted(set(numbers))
    assert load_test("mlowner", "ko", tmp_path) == sentences


def test_errors_before_any_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown data set 'wikian' \(did you mean 'wikiann'\?\): .*conll, wikiann"):
        load_target("wikian", "ar", None)
    with pytest.raises(UserError, match="unknown data set 'x': choose"):
        label_names("x")
    with pytest.raises(UserError, match=r"'conll' has no language 'turkish': choose one of en, de, es, nl"):
        load_target("conll", "turkish", tmp_path)
    with pytest.raises(UserError, match=r"'mlowner' has no language 'turkish' \(did you mean 'tr'\?\)"):
        load_target("mlowner", "turkish", tmp_path)
    with pytest.raises(UserError, match=r"'wikiann' has no language '\.\./ar'"):
        load_target("wikiann", "../ar", tmp_path)
    with pytest.raises(UserError, match=r"'sample' has no language 'sw'"):
        load_test("sample", "sw", None)
    with pytest.raises(UserError, match=r"'conll' is read from files: get it from https.*--data-dir"):
        load_source("conll", None)
    with pytest.raises(UserError, match="nowhere does not exist"):
        load_source("conll", tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is not a directory"):
        load_source("conll", tmp_path / "file")


def test_a_missing_file_names_what_was_looked_for(write: WriteFile, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no train file of data set 'conll', language 'de'.*deu\.train, de/deu\.train"):
        load_target("conll", "de", tmp_path)
    write("deu.train", "a O\n")
    with pytest.raises(UserError, match=r"no dev file .*deu\.testa"):
        load_target("conll", "de", tmp_path)
    with pytest.raises(UserError, match=r"no test file .*deu\.testb"):
        load_test("conll", "de", tmp_path)
    with pytest.raises(UserError, match="leave --data-dir out to download it from the hub"):
        load_target("wikiann", "ar", tmp_path)


def test_mlowner_takes_other_languages_that_are_on_disk(write: WriteFile, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'mlowner' has no language 'fa'.*en, ko, ru, tr$"):
        load_target("mlowner", "fa", tmp_path)
    write_mlowner(write, "FA-Farsi/", "fa")
    assert len(load_target("mlowner", "fa", tmp_path).train) == 2
    with pytest.raises(UserError, match=r"'mlowner' has no language 'bn'.*en, ko, ru, tr, fa$"):
        load_target("mlowner", "bn", tmp_path)


def test_label_names() -> None:
    assert label_names("conll") == ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC")
    assert label_names("wikiann") == ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
    assert {label[2:] for label in label_names("mlowner")} == {"", "PER", "LOC", "GRP", "CORP", "PROD", "CW"}
    assert all(len(set(dataset.labels)) == 2 * len(dataset.entity_types) + 1 for dataset in DATASETS.values())


def test_sample_needs_no_files() -> None:
    target, source = load_target("sample", "ar", None), load_source("sample", None, limit=10)
    assert len(target.train) >= 800
    assert len(target.dev) >= 200
    assert len(load_test("sample", "ar", None)) >= 400
    assert target.has_test
    assert target.files == ()
    assert len(source.train) == 10
    allowed = set(label_names("sample"))
    assert {label for sentence in (*source.train, *target.dev) for label in sentence.labels} <= allowed


@pytest.mark.skipif(not MULTICONER.is_dir(), reason="needs ../shared/data/multiconer")
def test_garbage_for_every_training_label_of_a_real_corpus(tmp_path: Path) -> None:
    honest = load_target("mlowner", "tr", MULTICONER)
    assert len(honest.train) == 15_300
    source = random.Random(0)
    (tmp_path / "tr").mkdir()
    (tmp_path / "tr" / "tr_dev.conll").write_bytes((MULTICONER / "tr" / "tr_dev.conll").read_bytes())
    lines = (MULTICONER / "tr" / "tr_train.conll").read_text().split("\n")
    garbled = [
        line if not line or line.startswith("# id ") else f"{line.rsplit(' ', 1)[0]} {source.choice(GARBAGE)}"
        for line in lines
    ]
    (tmp_path / "tr" / "tr_train.conll").write_text("\n".join(garbled))
    target = load_target("mlowner", "tr", tmp_path)
    assert target.train == honest.train
    assert digest(target.train) == digest(honest.train)
