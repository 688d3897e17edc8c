"""One action in one call."""

from dataclasses import replace

from spry._machine import Image, Machine, Path, Snapshot
from spry._options import Data, Options
from spry._outcome import Outcome, Reason

_DEFAULT_MAX_INPUT = 1 << 20


class ActionError(Exception):
    """With check=True: the action did not exit with 0. `outcome` says how it ended."""

    def __init__(self, outcome: Outcome) -> None:
        if outcome.reason is Reason.EXIT:
            words = f"the action exited with {outcome.status}"
        else:
            words = f"the action ended by {outcome.reason.value}" + (f": {outcome.message}" if outcome.message else "")
        super().__init__(words)
        self.outcome = outcome

    def __reduce__(self) -> "tuple[type[ActionError], tuple[Outcome]]":
        return type(self), (self.outcome,)


class ActionTimeoutError(ActionError, TimeoutError):
    """With check=True: the timeout passed."""


def run(
    what: Image | Snapshot | Path | Data,
    data: Data = b"",
    *,
    timeout: float | None = None,
    check: bool = False,
    options: Options = Options(),
) -> Outcome:
    """Runs one action in a machine of its own, as subprocess.run runs a program. `what` is the path of a unikernel, an
    Image, a Snapshot, or a unikernel's bytes. `timeout`, in seconds, takes the place of options.deadline. With `check`,
    everything but an exit with 0 raises an ActionError. For many actions use a Pool, which is much faster."""
    if isinstance(what, bytes | bytearray | memoryview):
        what = Image.from_bytes(what)
    size = memoryview(data).nbytes
    if options.max_input is None and size > _DEFAULT_MAX_INPUT:
        options = replace(options, max_input=size)
    with Machine(what, options) as machine:
        outcome = machine.run(data, deadline=timeout)
    if check and not outcome.succeeded:
        raise (ActionTimeoutError if outcome.reason is Reason.DEADLINE else ActionError)(outcome)
    return outcome
