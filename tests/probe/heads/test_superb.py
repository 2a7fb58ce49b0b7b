"""The superb head: what a fold learns is what the plain network does, utterance by utterance."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pretrain.model.encoder import seeded_weights
from pretrain.shared.random_streams import generator
from probe.corpora.targets import Task
from probe.features.frame_states import Frames
from probe.features.row_source import RowSource
from probe.heads.linear import Part
from probe.heads.settings import make_head
from probe.heads.superb import (
    SuperbNetwork,
    SuperbSettings,
    batch_of,
    evaluate_superb,
    predict,
    train_fold,
)
from probe.metrics import ua

NUM, LAYERS, DIM = 48, 3, 6
SETTINGS = SuperbSettings(hidden_dim=8, lr=1e-2, batch_size=5, epochs=4)


def made_up_frames(signal: np.ndarray | None = None) -> Frames:
    """Frames of unequal numbers; `signal` (N,) is added to one channel of layer 1 only."""
    draw = generator("superb", "frames")
    counts = draw.integers(2, 9, NUM)
    values = draw.standard_normal((LAYERS, int(counts.sum()), DIM))
    if signal is not None:
        values[1, :, 0] += np.repeat(signal, counts)
    return Frames(
        shards=[torch.from_numpy(values).half()],
        shard=np.zeros(NUM, dtype=np.intp),
        first=np.cumsum(counts) - counts,
        num_frames=counts.astype(np.intp),
    )


def emotion() -> Task:
    return Task(
        name="emotion",
        labelled=np.ones(NUM, dtype=bool),
        targets=(np.arange(NUM) // 2 % 3).astype(float),
        classes=("a", "b", "c"),
    )


def valence() -> Task:
    targets = 3 + generator("superb", "valence").standard_normal(NUM)
    return Task(name="valence", labelled=np.ones(NUM, dtype=bool), targets=targets)


def make_parts() -> list[Part]:
    """Folds whose training parts take 3, 6 and 7 steps of 5 utterances."""
    rows = np.arange(NUM)
    parts = []
    for fold, first in enumerate((0, 10, 20)):
        test, dev = rows[first : first + 10], rows[first + 10 : first + 20]
        rest = np.setdiff1d(rows, np.concatenate([test, dev]))
        train = (rest[:13], rest, np.concatenate([rest, dev[:3]]))[fold]
        parts.append(Part(fold=f"s{fold}", train=train, dev=dev[3:], test=test))
    return parts


def source_of(frames: Frames) -> RowSource:
    ids = [f"u{row:03d}" for row in range(NUM)]
    table = pd.DataFrame({"id": ids, "speaker": "s", "session": "p"})

    class Source(RowSource):
        def frames(self) -> Frames:
            return frames

    return Source(frozen=None, table=table, folder=Path(), device=torch.device("cpu"))


@pytest.mark.parametrize("make_task", [emotion, valence])
def test_a_fold_is_what_a_plain_network_and_adam_learn(make_task: Callable[[], Task]) -> None:
    task, frames, part = make_task(), made_up_frames(), make_parts()[1]
    fold = train_fold(frames, task, part, SETTINGS)
    expected, layer_weights, epoch = plain_training(frames, task, part, SETTINGS)
    assert fold.epoch == epoch
    np.testing.assert_allclose(fold.prediction, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(fold.layer_weights, layer_weights, rtol=1e-3)


def plain_training(
    frames: Frames, task: Task, part: Part, settings: SuperbSettings
) -> tuple[np.ndarray, np.ndarray, int]:
    """One utterance at a time, PyTorch's own layers and Adam."""
    with seeded_weights(settings.seed, f"superb head of fold {part.fold}"):
        hidden = nn.Linear(DIM, settings.hidden_dim)
        output = nn.Linear(settings.hidden_dim, max(len(task.classes), 1))
    mix = nn.Parameter(torch.zeros(LAYERS))
    trained = [mix, *hidden.parameters(), *output.parameters()]
    adam = torch.optim.Adam(trained, lr=settings.lr)
    mean, deviation = task.targets[part.train].mean(), task.targets[part.train].std()

    def network(row: int) -> torch.Tensor:
        mixed = torch.einsum("l,lmd->md", mix.softmax(0), frames.of(row).float())
        answer: torch.Tensor = output(hidden(mixed).relu().mean(0))
        return answer

    def answers(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found = torch.stack([network(int(row)) for row in rows])
        if task.classes:
            return found.argmax(1).numpy().astype(float)
        return np.asarray(found[:, 0].double().numpy() * deviation + mean)

    best: tuple[float, int, np.ndarray, np.ndarray] | None = None
    for epoch in range(1, settings.epochs + 1):
        draw = generator(settings.seed, "superb order", task.name, part.fold, epoch)
        order = part.train[draw.permutation(len(part.train))]
        for start in range(0, len(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            found = torch.stack([network(int(row)) for row in rows])
            targets = torch.from_numpy(task.targets[rows])
            adam.zero_grad()
            if task.classes:
                loss = F.cross_entropy(found, targets.long())
            else:
                loss = F.mse_loss(found[:, 0], ((targets - mean) / deviation).float())
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
        target, on_dev = task.targets[part.dev], answers(part.dev)
        loss_on_dev = -ua(target, on_dev) if task.classes else np.mean((target - on_dev) ** 2)
        if best is None or loss_on_dev < best[0]:
            shares = mix.detach().softmax(0).numpy().copy()
            best = float(loss_on_dev), epoch, answers(part.test), shares
    assert best is not None
    return best[2], best[3], best[1]


def network(num_outputs: int) -> SuperbNetwork:
    with seeded_weights(0, "test"):
        return SuperbNetwork(LAYERS, DIM, 8, num_outputs)


def test_what_is_evaluated_depends_on_neither_batches_nor_order() -> None:
    task, frames, part, rows = valence(), made_up_frames(), make_parts()[1], np.arange(NUM)
    found = [
        predict(frames, network(1), task, part, order, SuperbSettings(batch_size=size))
        for size, order in ((1, rows), (7, rows), (100, rows), (7, rows[::-1]))
    ]
    for other in (*found[1:3], found[3][::-1]):
        np.testing.assert_allclose(other, found[0], rtol=1e-5, atol=1e-5)


def test_an_utterance_has_the_same_outputs_in_any_company() -> None:
    frames = made_up_frames()
    together = network(2)(*batch_of(frames, np.arange(20)))
    alone = network(2)(*batch_of(frames, np.array([3])))
    torch.testing.assert_close(together[3:4], alone)


@pytest.mark.slow
def test_the_layer_that_knows_gets_the_weight() -> None:
    task = emotion()
    frames = made_up_frames(4 * (task.targets - 1))
    settings = SuperbSettings(hidden_dim=16, lr=3e-2, batch_size=8, epochs=30)
    result = evaluate_superb(source_of(frames), [task], make_parts(), settings)
    scores = {str(line["metric"]): line["value"] for line in result.scores}
    assert {line["layer"] for line in result.scores} == {"selected"}
    assert float(str(scores["ua"])) > 0.9
    selection = pd.DataFrame(result.selection)
    shares = selection.groupby("layer")["strength"].mean()
    assert shares.idxmax() == 1
    assert selection.groupby("fold")["strength"].sum().to_numpy() == pytest.approx(1.0)


def test_test_labels_enter_nothing_but_the_scores() -> None:
    task, frames, part = valence(), made_up_frames(), make_parts()[1]
    other = task.targets.copy()
    other[part.test] = 100.0
    one = train_fold(frames, task, part, SETTINGS)
    same = train_fold(frames, dataclasses.replace(task, targets=other), part, SETTINGS)
    assert one.prediction.tolist() == same.prediction.tolist()


def test_a_fold_without_labels_is_left_out_and_named() -> None:
    task = valence()
    parts = make_parts()
    labelled = task.labelled.copy()
    labelled[parts[0].test] = False
    targets = np.where(labelled, task.targets, np.nan)
    task = dataclasses.replace(task, labelled=labelled, targets=targets)
    result = evaluate_superb(source_of(made_up_frames()), [task], parts, SETTINGS)
    assert "fold s0: a part has no labels for valence; left out." in result.warnings
    assert {line["fold"] for line in result.selection} == {"s1", "s2"}


@pytest.mark.parametrize("make_task", [emotion, valence])
def test_a_head_that_diverged_is_refused_and_not_scored(make_task: Callable[[], Task]) -> None:
    settings = dataclasses.replace(SETTINGS, lr=1e37)
    with pytest.raises(ValueError, match=r"The superb head diverged: .* fold s0 .*`superb\.lr`"):
        train_fold(made_up_frames(), make_task(), make_parts()[0], settings)


def test_settings_of_another_head_and_impossible_ones_are_refused() -> None:
    assert make_head("superb", ["superb.epochs=3"]).settings.epochs == 3
    for name, text, message in (
        ("superb", "superb.epoch=3", "did you mean `superb.epochs`"),
        ("superb", "superb.epochs=0", "`epochs` must be at least 1, but is 0"),
        ("superb", "finetune.epochs=2", "no setting of the head 'superb'"),
        ("linear", "superb.lr=1", "it has linear.pooling"),
    ):
        with pytest.raises(ValueError, match=message):
            make_head(name, [text])
    with pytest.raises(ValueError, match="`--head` must be one of linear, svm, superb, finetune"):
        make_head("ridge")
