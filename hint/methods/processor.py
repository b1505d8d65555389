"""Which processor computes, where that decides what is fast."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple


class Processor(NamedTuple):
    """A processor as Linux describes it; empty where nothing does.

    Attributes:
        vendor: "AuthenticAMD", "GenuineIntel", ...
        instructions: Names of instruction sets, such as "avx512f".
    """

    vendor: str
    instructions: frozenset[str]

    @property
    def is_slow_in_fp32(self) -> bool:
        """Whether PyTorch's products in float32 are slow: Intel's library has no AVX-512 for the processors of AMD."""
        return self.vendor == "AuthenticAMD" and "avx512f" in self.instructions

    @property
    def is_slow_in_bf16(self) -> bool:
        """Whether it is known to have no instructions for bfloat16."""
        return "avx2" in self.instructions and not self.instructions & {"avx512_bf16", "amx_bf16"}


@cache
def this_processor() -> Processor:
    """Return the processor of this machine."""
    try:
        return parse(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:  # not Linux
        return parse("")


def parse(cpuinfo: str) -> Processor:
    """Read what Linux says of the first core."""
    first = cpuinfo.partition("\n\n")[0]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    return Processor(facts.get("vendor_id", ""), frozenset(facts.get("flags", "").split()))
