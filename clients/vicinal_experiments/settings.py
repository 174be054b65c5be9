"""How the service is asked to spread labels: the methods that are compared."""

from __future__ import annotations

from dataclasses import dataclass

from vicinal_client import Method
from vicinal_experiments.errors import ExperimentError

__all__ = ["DEFAULT", "DEFAULTS", "Setting", "setting"]


@dataclass(frozen=True)
class Setting:
    """One way to spread labels. What is None is the service's default.

    Attributes:
        name: in tables and figures.
        method: which method.
        temperature: T of the paper's eq. 2.
        steps: t of eq. 3.
    """

    name: str
    method: Method | None = None
    temperature: float | None = None
    steps: int | None = None


DEFAULT = Setting("vicinal (default)")
"""The service as it is."""

_PRINTED_T = 0.01
"""The paper's T for CIFAR-10."""

DEFAULTS = ("default", "paper", "paper@0.1")
"""The texts of the settings that experiments compare unless told otherwise."""


def setting(text: str) -> Setting:
    """Return the setting that a text names: "default", or METHOD[@T], e.g. "paper" or "symmetrized@0.1".

    `paper` alone is the paper's form as printed, T = 0.01; another method alone has the service's T.

    Raises:
        ExperimentError: it names none.
    """
    name, _, temperature = text.partition("@")
    if text == "default":
        return DEFAULT
    try:
        method = Method(name)
        heat = float(temperature) if temperature else _PRINTED_T if method is Method.PAPER else None
    except ValueError as error:
        names = ", ".join(one.value for one in Method)
        raise ExperimentError(
            f"--method {text!r} names no method", f"default, {names}; METHOD@T sets the temperature"
        ) from error
    shown = f", T = {heat:g}" if temperature else ""
    return Setting(f"{method.name}{shown}", method, heat)
