"""Training on a stream: its rows as `TrainingRows`, buffer after buffer, and the fit."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from .. import progress
from ..names import ARGMAX
from ..streams.blocks import Named, Piece, Room
from ..streams.stream import Stream
from ..targets import Encoded, Goal, Weights, as_weights, class_counts, encode, is_balanced
from .state import TrainingRows
from .training import MiniBatchFit

_T = TypeVar("_T")
Read = Callable[[Any, Any, Any, str], TrainingRows]  # X, y, weight and the place, for messages


class Buffer(NamedTuple):
    """Rows to train on, and the order to visit them in; all of one batch size but the last."""

    examples: TrainingRows
    order: NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """The cut of an epoch into batches of `size` rows or, of one rank of several, into `steps`."""

    n: int
    size: int
    steps: int | None = None  # so many batches, as even as they can be, of which some may be empty

    def end(self, batches: Any) -> Any:
        """Return the rows that some number of whole batches have."""
        return batches * self.size if self.steps is None else batches * self.n // self.steps

    def whole(self, rows: int) -> int:
        """Return the number of whole batches in the first `rows` rows."""
        if self.steps is None:
            return rows // self.size
        batches = ((rows + 1) * self.steps - 1) // self.n
        return batches if rows > self.n else min(batches, self.steps)


class _Raw(NamedTuple):
    """Rows as the source gave them."""

    X: Any
    y: Any
    weight: Any

    def taken(self, rows: NDArray[np.int64]) -> _Raw:
        """Return a copy of some rows."""
        return _Raw(*(None if part is None else part[rows] for part in self))


@dataclass(frozen=True)
class StreamedRows:
    """Rows of a stream in place of `TrainingRows`, for passes and for `StreamFit`."""

    stream: Stream
    read: Read
    n_visited: int  # of an epoch: those of weight 0 and those without targets are left out
    has_accuracy: bool
    own: None = None  # a cost of the caller's own takes rows in memory
    rows: None = None
    weight: None = None

    def parts(self, most: int | None = None) -> Iterator[TrainingRows]:
        """Return all rows in their order, a buffer at a time, or the first ones."""
        return self._read_in_order(most) if most is not None else ahead(self._read_in_order())

    def _read_in_order(self, most: int | None = None) -> Iterator[TrainingRows]:
        room = self.stream.room()
        for pieces in self.stream.gathered(None, room.empty):
            raw = _joined(pieces, room)
            raw = raw if most is None else raw.taken(np.arange(min(most, len(raw.X))))
            yield self._checked(raw, pieces)
            if most is not None:
                return
            room.turn()

    def buffers(self, cut: Cut, seed: int | None) -> Iterator[Buffer]:
        """Yield the buffers of an epoch; `seed` fixes their order, None is that of the source.

        The rows of a buffer beyond its last whole batch come first in the next one.
        """
        rng = None if seed is None else np.random.Generator(np.random.PCG64(seed))
        left: _Raw | None = None
        done = 0
        room = self.stream.room(cut.size)
        for pieces in self.stream.gathered(rng, room.empty):
            raw = _joined(pieces, room, left)
            examples = self._checked(raw, pieces)
            first = examples.n - (0 if left is None else len(left.X))  # of the rows left over
            order = np.arange(first) if rng is None else rng.permutation(first)
            if examples.visit is not None:
                assert examples.weight is not None
                order = order[examples.weight[order] > 0]
            order = np.concatenate([np.arange(first, examples.n), order])
            whole = cut.end(cut.whole(done + len(order))) - done
            left = raw.taken(order[whole:])
            done += whole
            if whole:
                yield Buffer(examples, order[:whole])
                room.turn()
            else:
                room.clear()
        if left is not None and len(left.X):
            yield Buffer(self.read(*left, ""), np.arange(len(left.X)))

    def _checked(self, raw: _Raw, pieces: list[Piece]) -> TrainingRows:
        """Return the rows, checked; an error names the block that is wrong."""
        try:
            return self.read(*raw, "")
        except (ValueError, TypeError):
            for piece in pieces:
                self.read(piece.X, piece.y, piece.weight, f" of {piece.place}")
            raise


def _joined(pieces: list[Piece], room: Room | None = None, left: _Raw | None = None) -> _Raw:
    """Return the rows of the pieces, and those that were left over, in one array each."""
    parts: list[Any] = [*pieces] if left is None or not len(left.X) else [*pieces, left]
    joined: list[Any] = []
    for name in ("X", "y", "weight"):
        arrays = [getattr(part, name) for part in parts]
        there = [array is not None for array in arrays]
        if any(there) and not all(there):
            raise ValueError(f"some blocks of the stream have no {name}")
        if not all(there) or len(arrays) == 1:
            joined.append(arrays[0])
        else:
            joined.append(
                np.concatenate(arrays) if room is None or name != "X" else room.joined(arrays)
            )
    return _Raw(*joined)


def _of_one_kind(pieces: Iterator[Piece], least: int) -> Iterator[list[Piece]]:
    """Yield lists of pieces whose targets and weights are of the same types, of `least` rows."""

    def kind(piece: Piece) -> list[Any]:
        return [part is not None and (part.dtype, part.shape[1:]) for part in piece[1:3]]

    for _, alike in itertools.groupby(pieces, kind):
        held: list[Piece] = []
        n = 0
        for piece in alike:
            held.append(piece)
            n += piece.n
            if n >= least:
                yield held
                held, n = [], 0
        if held:
            yield held


def ahead(source: Iterator[_T]) -> Generator[_T, None, None]:
    """Yield what `source` gives, of which a thread makes the next while this one is used."""
    from concurrent.futures import ThreadPoolExecutor  # here, to keep `import fastnn` fast

    end: Any = object()
    with ThreadPoolExecutor(1, thread_name_prefix="fastnn-stream") as pool:
        following = pool.submit(next, source, end)
        while (item := following.result()) is not end:
            following = pool.submit(next, source, end)
            yield item


def named(stream: Stream, X: Any) -> Any:
    """Return X with the names that the stream has for its columns."""
    return X if stream.feature_names is None else Named(X, stream.feature_names)


def counted(stream: Stream) -> int:
    """Return the number of rows, by a pass where it is not known."""
    return sum(piece.n for piece in stream.pieces()) if stream.rows is None else stream.rows


def surveyed(
    stream: Stream, goal: Goal, class_weight: Any, suffix: str
) -> tuple[Encoded, int, Counter[Any]]:
    """Read all targets and weights; return what was found in y, and the rows of an epoch.

    Third are the rows of each class, by its label, where `class_weight` is "balanced". Where the
    blocks are those of a function that said how many rows they have, and no rows of classes are
    needed, it is called for its first block only, unless its targets are words that the network
    does not know yet.
    """
    wants_counts = is_balanced(class_weight)
    counts: Counter[Any] = Counter()
    labels: Counter[str] = Counter()
    metric: int | None = None
    classes, n_visited, n = goal.classes, 0, 0

    def see(piece: Piece) -> None:
        nonlocal metric, classes, n_visited
        place = f"{suffix} of {piece.place}"
        y = piece.y
        if y is None:
            raise ValueError(f"the stream has no target: give it as target=, or as y of {place}")
        is_words = y.dtype.kind in "UST" or (y.dtype.kind == "O" and isinstance(y.flat[0], str))
        if is_words and goal.classes is None:
            words, n_each = np.unique(y.astype(str), return_counts=True)
            labels.update(dict(zip(words.tolist(), n_each.tolist(), strict=True)))
            n_visited += n_rows_of(piece)
            return
        encoded = encode(y, piece.n, goal, place)
        weight = as_weights(
            piece.weight, class_weight, encoded, goal.n_out, place, per_example=True
        )
        rows = Weights.of(weight, encoded, goal.dtype).rows
        n_visited += piece.n if rows is None else int(np.count_nonzero(rows))
        if wants_counts:
            counts.update(class_counts(encoded, goal.n_out))
        metric = encoded.metric if metric is None or metric == ARGMAX else metric
        classes = encoded.classes if classes is None else classes

    several = 0 if stream.blocks_are_made else 1 << 16
    for pieces in _of_one_kind(stream.pieces(with_X=False), several):
        n += sum(piece.n for piece in pieces)
        try:
            see(Piece(*_joined(pieces), pieces[0].place))
        except (ValueError, TypeError):
            for piece in pieces:  # to name the one that is wrong
                see(piece)
            raise
        if stream.blocks_are_made and stream.rows and not labels and not wants_counts:
            n_visited = stream.rows
            break
    if labels:
        found = encode(np.array(sorted(labels)), len(labels), goal)
        metric, classes = found.metric, found.classes
    if metric is None:
        raise ValueError(f"the stream{suffix} has no rows")
    if n_visited == 0:
        raise ValueError(f"all rows{suffix} have weight 0, or no target")
    return Encoded(n, None, None, metric, classes), n_visited, counts or labels


def n_rows_of(piece: Piece) -> int:
    """Return the rows of a piece whose weight is not 0."""
    return piece.n if piece.weight is None else int(np.count_nonzero(piece.weight))


class StreamFit(MiniBatchFit):
    """A fit by mini-batches of rows that are read while it trains."""

    @property
    def _streamed(self) -> StreamedRows:
        rows: Any = self._examples  # all that a fit asks of its rows, a stream's rows have, too
        return cast("StreamedRows", rows)

    def _order(self) -> NDArray[np.int64] | None:
        """Draw the seed of the epoch's order: the one random number that an epoch takes."""
        shuffled = self._fit_state.shuffle
        self._seed = int(self._train_state.rng.integers(1 << 62)) if shuffled else None
        return None

    def _batches(
        self, order: NDArray[np.int64] | None, bar: progress.Progress
    ) -> dict[str, float] | None:
        """Train on an epoch's buffers; the first ones are passed by where a checkpoint resumes."""
        cut, n = self._cut(), self._streamed.n_visited
        logs: dict[str, float] | None = {}
        first = visited = 0
        buffers = ahead(self._streamed.buffers(cut, self._seed))
        try:
            for examples, rows in buffers:
                visited += len(rows)
                self._check_count(visited <= n, "more")
                last = self.steps_per_epoch if visited == n else cut.whole(visited)
                if last >= self._batch:
                    logs = self._run_of_batches(examples, rows, first, last, bar)
                if logs is None:
                    return None
                first = last
        finally:
            buffers.close()
        self._check_count(visited == n, "fewer")
        return logs

    def _cut(self) -> Cut:
        return Cut(self._streamed.n_visited, self._fit_state.batch_size)

    def _check_count(self, right: bool, how: str) -> None:
        if not right:
            n = self._streamed.n_visited
            raise ValueError(
                f"the stream gave {how} rows in epoch {self.epoch + 1} than the {n} before it: "
                "every epoch must have as many"
            )
