"""Times how long the command line takes before it does anything.

    python benchmarks/startup.py

The plain side is what a command line costs that imports PyTorch at its top, as most do. Prints
JSON: a case for each command, with the median seconds of both sides.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from measure import in_turn, parser, report

COMMANDS = (("--help",), ("plugins", "list"), ("config", "show", "--model", "patn"))


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__, rounds=7).parse_args()
    plain = started("-c", "import torch")
    cases = []
    for words in COMMANDS:
        name = " ".join(("posegen", *words))
        print(f"timing {name}", file=sys.stderr, flush=True)
        case = in_turn(started("-m", "posegen", *words), plain, options.rounds)
        del case["cpu_ratio"]  # this process only waits
        cases.append({"name": name, **case})
    report("startup", cases, options.json)


def started(*arguments: str) -> Callable[[], object]:
    """Return a function that runs Python with these arguments."""
    command = [sys.executable, *arguments]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
