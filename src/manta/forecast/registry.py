"""A fitted model as it is kept: its card says what it was made of; its body is read and never run.

The body is MessagePack of numbers and LightGBM's own text. Reading refuses a body whose SHA-256 is not its
card's, an unknown version, arrays of a wrong shape or with what is no number, and trees for other features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from manta.domain.market import Region
from manta.forecast.boost import BANDS, Band, Trees
from manta.forecast.calibration import Platt
from manta.forecast.chain import Season
from manta.forecast.features import Features
from manta.forecast.history import SLOTS, Floats
from manta.forecast.nodes import RANKS, SPIKES, NodeModel
from manta.forecast.price import HORIZONS, LEVELS, PriceModel
from manta.forecast.ridge import Ridge
from manta.forecast.spike import Severity, SpikeModel
from manta.forecast.walk import Fitted

VERSION = 1
_MOST_BYTES = 256_000_000


type Figures = Mapping[str, float]
"""Metrics by name."""
type _Pairs = tuple[tuple[float, float], ...]


class RegistryError(ValueError):
    """A model that may not be used; says why."""


class Card(msgspec.Struct, frozen=True):
    """What is said of a fitted model in the record."""

    region: Region
    trained_from: datetime
    trained_until: datetime
    """Nothing after this instant was looked at."""
    features: tuple[str, ...]
    """The names of the columns that the price trees are given, before the ridge's answer."""
    metrics: Figures
    """Figures of its walk-forward or trial, by name."""
    sha256: str
    """Of the body, in hexadecimal."""
    version: int = VERSION


class _Array(msgspec.Struct, frozen=True):
    shape: tuple[int, ...]
    body: bytes
    """Little-endian doubles, the last index fastest."""


class _Body(msgspec.Struct, frozen=True):
    version: int
    ridge: dict[str, _Array]
    nodes: dict[str, _Array]
    season: dict[str, _Array]
    price: tuple[tuple[str, ...], ...]
    """Text of trees by band and level."""
    spike: tuple[tuple[str, ...], ...]
    platt: _Pairs


def keep_model(
    fitted: Fitted,
    season: Season,
    features: Features,
    region: Region,
    trained: tuple[datetime, datetime],
    metrics: Figures,
) -> tuple[Card, bytes]:
    """Return a model's card and body; ``trained`` is the first and last instant that it has seen."""
    severity = fitted.nodes.severity
    body = msgspec.msgpack.encode(
        _Body(
            version=VERSION,
            ridge=_arrays({name: getattr(fitted.price.ridge, name) for name in _RIDGE}),
            nodes=_arrays(
                {
                    **{name: getattr(fitted.nodes, name) for name in ("rank_step", "rank_five")},
                    **{name: np.asarray(getattr(severity, name), np.float64) for name in _SEVERITY},
                }
            ),
            season=_arrays(
                {"quantiles_per_mwh": season.quantiles_per_mwh, "spike_share": season.spike_share}
            ),
            price=tuple(tuple(trees.text for trees in band.trees) for band in fitted.price.bands),
            spike=tuple(tuple(trees.text for trees in band.trees) for band in fitted.spike.bands),
            platt=tuple((platt.offset_scale, platt.scale) for platt in fitted.spike.right),
        )
    )
    return Card(region, *trained, features.names, dict(metrics), hashlib.sha256(body).hexdigest()), body


def open_model(card: Card, body: bytes) -> tuple[Fitted, Season]:
    """Return the model that a card describes; raises `RegistryError` where it is another, or damaged."""
    if card.version != VERSION:
        raise RegistryError(f"this model is of version {card.version}, read is version {VERSION}")
    if len(body) > _MOST_BYTES:
        raise RegistryError(f"a model of {len(body)} bytes is too large")
    if hashlib.sha256(body).hexdigest() != card.sha256:
        raise RegistryError("the model is not the one on its card: its hash differs")
    try:
        told = msgspec.msgpack.decode(body, type=_Body)
    except msgspec.DecodeError as wrong:
        raise RegistryError(f"the model cannot be read: {wrong}") from wrong
    if told.version != VERSION or len(told.price) != len(BANDS) or len(told.spike) != len(BANDS):
        raise RegistryError("the model was made for other bands of horizons")
    ridge = _checked(
        told.ridge, _RIDGE, {"coefficients": (SLOTS, -1, HORIZONS), "misses": (SLOTS, HORIZONS, RANKS)}
    )
    shapes: dict[str, tuple[int, ...]] = {
        "rank_step": (RANKS, RANKS),
        "rank_five": (RANKS, RANKS),
        "stay_step": (SPIKES, SPIKES),
    }
    shapes |= {"stay_five": (SPIKES, SPIKES), "entry": (SPIKES,), "per_mwh": (SPIKES,), _SEVERITY[-1]: ()}
    nodes = _checked(told.nodes, ("rank_step", "rank_five", *_SEVERITY), shapes)
    season = _checked(
        told.season,
        ("quantiles_per_mwh", "spike_share"),
        {"quantiles_per_mwh": (12, SLOTS, len(LEVELS)), "spike_share": (12, SLOTS)},
    )
    price = _bands(told.price, len(LEVELS), len(card.features) + 1)
    spike = _bands(told.spike, 0, 0)
    if len(told.platt) != len(spike) or not np.isfinite(told.platt).all():
        raise RegistryError("the odds of spikes are set right by something else")
    severity = Severity(
        **{name: nodes[name] for name in _SEVERITY[:-1]},
        mean_over_highest_share=float(nodes[_SEVERITY[-1]]),
    )
    fitted = Fitted(
        PriceModel(Ridge(**ridge), price),
        SpikeModel(spike, tuple(Platt(*pair) for pair in told.platt)),
        NodeModel(nodes["rank_step"], nodes["rank_five"], severity),
    )
    return fitted, Season(**season)


_RIDGE = ("centre", "spread", "coefficients", "misses")
_SEVERITY = ("entry", "per_mwh", "stay_step", "stay_five", "mean_over_highest_share")


def _arrays(columns: Mapping[str, Floats]) -> dict[str, _Array]:
    return {name: _Array(column.shape, column.astype("<f8").tobytes()) for name, column in columns.items()}


def _checked(
    told: Mapping[str, _Array], names: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for name in names:
        if name not in told:
            raise RegistryError(f"the model lacks {name}")
        shape, size = told[name].shape, len(told[name].body) // 8
        wanted = shapes.get(name, shape)
        fits = len(shape) == len(wanted) and all(b in (-1, a) for a, b in zip(shape, wanted, strict=True))
        if not fits or any(length < 0 for length in shape) or int(np.prod(shape)) != size:
            raise RegistryError(f"{name} has shape {shape}, which is not what is read")
        arrays[name] = np.frombuffer(told[name].body, "<f8").astype(np.float64).reshape(shape)
        if not np.isfinite(arrays[name]).all():
            raise RegistryError(f"{name} holds what is not a number")
    return arrays


def _bands(told: tuple[tuple[str, ...], ...], count: int, inputs: int) -> tuple[Band, ...]:
    bands = []
    for (first, last), texts in zip(BANDS, told, strict=True):
        if not texts or (count and len(texts) != count):
            raise RegistryError(f"the horizons {first} to {last} have {len(texts)} sets of trees")
        try:
            trees = tuple(Trees(text) for text in texts)
        except ValueError as wrong:
            raise RegistryError(str(wrong)) from wrong
        if any(each.inputs != (inputs or trees[0].inputs) for each in trees):
            raise RegistryError("the trees were made for other features")
        bands.append(Band(first, last, trees))
    return tuple(bands)
