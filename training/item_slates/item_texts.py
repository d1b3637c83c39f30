"""Text features of items: TF-IDF of words, and of the characters within words.

Characters match other forms of a word (bag, bags) and parts of compounds. A vocabulary has far
fewer words than a catalogue has texts, so the character features of texts are a product of two
sparse matrices, texts × words and words × characters.
"""

import numpy as np
import polars as pl
from scipy import sparse

from training.dataset.history import Floats, Rows

_TITLE_WEIGHT = 2.0  # of a word in the title; in the description 1
_DESCRIPTION_LENGTH = 1000  # characters that count
_NGRAM_LENGTHS = (3, 4)
_WORD = r"[\p{L}\p{N}]+"


def text_features(titles: pl.Series, descriptions: pl.Series) -> sparse.csr_array:
    """Return items × terms, each row of length 1 (0 without text); the product of two rows is
    their mean cosine of words and of characters.
    """
    counts = pl.concat(
        [
            _words(titles, _TITLE_WEIGHT),
            _words(descriptions.str.slice(0, _DESCRIPTION_LENGTH), 1.0),
        ]
    )
    names = counts["word"].unique().sort()
    codes = counts["word"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64)
    shape = (len(titles), len(names))
    places = (counts["row"].to_numpy().astype(np.int64), codes.to_numpy())
    words = sparse.coo_array((counts["weight"].to_numpy(), places), shape=shape).tocsr()
    halves = [tf_idf(words), tf_idf(sparse.csr_array(words @ _ngrams(names.to_list())))]
    return sparse.csr_array(sparse.hstack(halves, format="csr") * np.float32(np.sqrt(0.5)))


def tf_idf(counts: sparse.csr_array) -> sparse.csr_array:
    """Weigh terms by 1 + log of their count and by their rarity; scale rows to length 1.

    Terms of one item are left out afterwards: no other item shares them.
    """  # (items, terms)
    items, terms = counts.shape
    weighted = counts.astype(np.float32)
    found = np.bincount(weighted.indices, minlength=terms)
    rarity = np.log((1 + items) / (1 + found)) + 1
    weighted.data = np.log1p(weighted.data) * rarity[weighted.indices].astype(np.float32)
    lengths = _row_lengths(weighted)
    weighted.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(weighted.indptr))
    return sparse.csr_array(weighted[:, np.flatnonzero(found > 1)])


def _row_lengths(matrix: sparse.csr_array) -> Floats:
    squares = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    return np.asarray(np.sqrt(squares), np.float32)


def _words(texts: pl.Series, weight: float) -> pl.DataFrame:
    """Return one row per word and text: its row, the word, its weighted count."""
    table = pl.DataFrame({"row": np.arange(len(texts)), "word": texts.cast(pl.String)})
    found = table.with_columns(pl.col("word").str.to_lowercase().str.extract_all(_WORD))
    counted = found.explode("word").drop_nulls("word").group_by("row", "word").len("weight")
    return counted.with_columns(pl.col("weight").cast(pl.Float64) * weight)


def _ngrams(words: list[str]) -> sparse.csr_array:
    """Return words × character sequences; a space marks the begin and the end of a word."""
    codes: dict[str, int] = {}
    columns: list[int] = []
    ends: list[int] = [0]
    for word in words:
        text = f" {word} "
        columns += [
            codes.setdefault(text[start : start + length], len(codes))
            for length in _NGRAM_LENGTHS
            for start in range(len(text) - length + 1)
        ]
        ends.append(len(columns))
    rows: Rows = np.array(columns, dtype=np.int64)
    entries = (np.ones(len(rows), np.float32), rows, np.array(ends))
    return sparse.csr_array(entries, shape=(len(words), max(len(codes), 1)))
