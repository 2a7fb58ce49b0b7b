"""Names a collapse as such: a falling loss can look like success while nothing is learned."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pretrain.config.training import HealthSettings
from pretrain.objectives.presentation import CollapseRule
from pretrain.shared.errors import UserError


class TrainingHalted(UserError):
    """Training cannot usefully go on; the message says why and what to try."""


@dataclass
class HealthMonitor:
    """Watches the metrics of every update; its counters are part of the checkpoint."""

    rules: tuple[CollapseRule, ...]
    settings: HealthSettings
    strikes: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    skipped_in_a_row: int = 0

    def observe(self, update: int, progress: float, metrics: Mapping[str, float]) -> list[str]:
        """Returns the meanings of the collapses that this update made certain."""
        if progress < self.settings.warmup_fraction:
            return []
        meanings: list[str] = []
        for rule in self.rules:
            value = metrics[rule.metric]
            if math.isnan(value):
                continue  # tells nothing, neither for a collapse nor against one
            strikes = self.strikes.get(rule.metric, 0) + 1 if rule.is_beyond(value) else 0
            self.strikes[rule.metric] = strikes
            if strikes == self.settings.patience:
                finding = {"update": update, "metric": rule.metric, "value": value}
                self.findings.append({**finding, "meaning": rule.meaning})
                meanings.append(f"{rule.metric} = {value:.4g}: {rule.meaning}")
        if meanings and self.settings.stop_on_collapse:
            raise TrainingHalted(f"Update {update}: {' '.join(meanings)}")
        return meanings

    def observe_step(self, update: int, values: Iterable[float]) -> bool:
        """Returns whether the update may be applied: its loss and gradient norm are finite."""
        if all(math.isfinite(value) for value in values):
            self.skipped_in_a_row = 0
            return True
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row >= self.settings.max_skipped_updates:
            self._halt(
                update,
                f"Loss or gradient was not finite for {self.skipped_in_a_row} updates in a row.",
            )
        return False

    def check_end(self, updates: int, skipped_updates: int, all_finite: bool) -> None:
        """Raises `TrainingHalted` when what was trained in `updates` updates is no model: a
        parameter is not finite, most updates were left out, or the last ones were."""
        if not all_finite:
            self._halt(updates - 1, "A parameter is not finite.")
        if 2 * skipped_updates >= updates:
            self._halt(
                updates - 1,
                f"{skipped_updates} of {updates} updates were left out, since their loss or "
                f"gradient was not finite.",
            )
        # A single one happens to sound models, but what is broken stays so.
        if self.skipped_in_a_row > 1:
            self._halt(
                updates - 1,
                f"Loss or gradient was not finite in the last {self.skipped_in_a_row} updates.",
            )

    def _halt(self, update: int, meaning: str) -> NoReturn:
        finding = {"update": update, "metric": "loss", "value": None, "meaning": meaning}
        self.findings.append(finding)
        raise TrainingHalted(
            f"Update {update}: {meaning[0].lower()}{meaning[1:]} There is no finished encoder. "
            f"Lower `optimizer.lr`, or try `training.precision=fp32`, in another --out."
        )

    def state_dict(self) -> dict[str, Any]:
        return {
            "strikes": self.strikes,
            "findings": self.findings,
            "skipped_in_a_row": self.skipped_in_a_row,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.strikes = dict(state["strikes"])
        self.findings = list(state["findings"])
        self.skipped_in_a_row = int(state["skipped_in_a_row"])
