"""Pools: workers with machines that are kept ready."""

import asyncio
import logging
import os
import select
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any

from spry._errors import BusyError, CancelledError, checked, take_error
from spry._interruption import ctrl_c_raises
from spry._library import ffi, lib
from spry._machine import Image, Path, Snapshot, choose
from spry._options import Data, NativeOptions, Options, action_options
from spry._outcome import REASONS, Outcome, Reason, take_outcome
from spry._platform import Platform, platform_name

_LOGGER = logging.getLogger("spry")


@dataclass(frozen=True, slots=True)
class Durations:
    """Durations in nanoseconds; quantiles are known to 1 in 32."""

    count: int
    p50_ns: int
    p99_ns: int
    p999_ns: int
    largest_ns: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """submitted = completed + failed + cancelled + those that wait or run."""

    platform: Platform
    """Of its machines; never "automatic"."""
    submitted: int
    completed: int
    reasons: dict[Reason, int]
    failed: int
    cancelled: int
    waiting: int
    resets: int
    resets_after_failure: int
    rebuilds: int
    machines: int
    queue: Durations
    service: Durations
    reset: Durations
    total: Durations


class _ActionFuture(Future[Outcome]):
    """Settled by the pool. Cancelling takes the action back, if it still waits."""

    def __init__(self, handle: Any, ticket: int) -> None:
        super().__init__()
        self._handle = handle
        self._ticket = ticket

    def cancel(self) -> bool:
        if not self.done() and not lib.spry_pool_cancel(self._handle, self._ticket):
            return False
        return super().cancel()

    def settle(self, outcome: Any, error: Any) -> None:
        """With one of the two, which is freed; the other is NULL."""
        if outcome != ffi.NULL:
            self.set_result(take_outcome(outcome))
            return
        failure = take_error(error)
        if isinstance(failure, CancelledError):
            self.withdraw()
        else:
            self.set_exception(failure)

    def withdraw(self) -> None:
        """Settled as cancelled: the pool does not have it any more."""
        super().cancel()
        self.set_running_or_notify_cancel()


class _Futures:
    """Futures by ticket, and the thread that settles them. Holds nothing of the Pool's, so that a pool that is left can
    be collected."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._tickets = count()
        self._futures: dict[int, _ActionFuture] = {}
        self._thread: threading.Thread | None = None
        self._finished = False
        self._process = os.getpid()
        # What ends the thread: the first one is readable once there is a byte in the other.
        self._end, self._ending = os.pipe()

    def submit(self, data: Data, deadline: float | None) -> Future[Outcome]:
        action = action_options(deadline)
        with self._lock:
            ticket = next(self._tickets)
            future = self._futures[ticket] = _ActionFuture(self._handle, ticket)
            if self._thread is None and not self._finished:
                self._thread = threading.Thread(target=self._work, name="spry-futures", daemon=True)
                self._thread.start()
        try:
            with ffi.from_buffer(data) as buffer:
                checked(lib.spry_pool_submit_ticket_with, self._handle, buffer, len(buffer), action, ticket)
        except BaseException:
            with self._lock:
                del self._futures[ticket]
            # Who drains may wait for it.
            future.withdraw()
            raise
        return future

    def pending(self) -> list[_ActionFuture]:
        with self._lock:
            return list(self._futures.values())

    def is_current_thread(self) -> bool:
        return self._thread is threading.current_thread()

    def finish(self) -> None:
        """Once the pool is closed: returns when all futures are settled. A forked child has neither the pool nor the
        thread, but the pipe."""
        if os.getpid() != self._process:
            return
        with self._lock:
            self._finished = True
            thread, self._thread = self._thread, None
        if thread is not None:
            os.write(self._ending, b"x")
            thread.join()

    def _work(self) -> None:
        poll = select.poll()
        poll.register(lib.spry_pool_descriptor(self._handle), select.POLLIN)
        poll.register(self._end, select.POLLIN)
        while True:
            ended = any(descriptor == self._end for descriptor, _ in poll.poll())
            self._take_all()
            if ended:
                return

    def _take_all(self) -> None:
        ticket = ffi.new("uint64_t *")
        outcome = ffi.new("spry_outcome **")
        error = ffi.new("spry_error **")
        while lib.spry_pool_take(self._handle, ticket, outcome, error):
            with self._lock:
                future = self._futures[ticket[0]]
            try:
                future.settle(outcome[0], error[0])
            except BaseException:
                # Of a callback, which ends no one but itself.
                _LOGGER.exception("a callback of a future failed")
            # Only now: drain() waits for those that are there.
            with self._lock:
                del self._futures[ticket[0]]

    def __del__(self) -> None:
        os.close(self._end)
        os.close(self._ending)


class Pool:
    """Workers with machines that are kept ready, for many actions of one image or snapshot. Safe to use from several
    threads at once. At the end of a `with` block what waits is finished, or cancelled after an exception."""

    def __init__(
        self,
        what: Image | Snapshot | Path,
        options: Options = Options(),
        *,
        workers: int | None = None,
        queue: int | None = None,
    ) -> None:
        """`workers`: threads, each with a machine of its own; left out: one for each CPU, or fewer under a quota.
        `queue`: actions that wait at most; left out: 1024."""
        if workers == 0 or queue == 0:
            raise ValueError("a pool has at least one worker, and room for one action that waits")
        machine = NativeOptions(options)
        native = ffi.new("struct spry_pool_options *")
        native.size = ffi.sizeof("struct spry_pool_options")
        native.machine = machine.pointer
        native.workers = workers or 0
        native.queue = queue or 0
        create, source = choose(what, lib.spry_pool_create, lib.spry_pool_restore)
        # Freed when nobody can be in one of its calls any more.
        self._handle = ffi.gc(checked(create, source, native), partial(_free, lib.spry_pool_free, machine))
        self._futures = _Futures(self._handle)

    def run(self, data: Data = b"", *, deadline: float | None = None) -> Outcome:
        """Runs an action and waits for its outcome. `deadline`, in seconds, replaces Options.deadline. In the main
        thread Ctrl-C raises KeyboardInterrupt at once, and takes the action back if it still waits; an action that runs
        already goes on to its end."""
        self._refuse_callbacks()
        if ctrl_c_raises():
            # Waiting for a future can be interrupted.
            future = self._futures.submit(data, deadline)
            try:
                return future.result()
            except KeyboardInterrupt:
                future.cancel()
                raise
        with ffi.from_buffer(data) as buffer:
            action = action_options(deadline)
            return take_outcome(checked(lib.spry_pool_run_with, self._handle, buffer, len(buffer), action))

    def submit(self, data: Data = b"", *, deadline: float | None = None) -> "Future[Outcome]":
        """Takes an action, with a copy of its input; waits while the queue is full. The future's `cancel` takes it back
        while it waits. Its callbacks run on one thread of the pool's, which they should not keep long; they must not
        wait for the pool."""
        self._refuse_callbacks()
        return self._futures.submit(data, deadline)

    async def run_async(self, data: Data = b"", *, deadline: float | None = None) -> Outcome:
        """Runs an action, while asyncio's loop goes on. Cancelling the task takes the action back while it waits."""
        loop = asyncio.get_running_loop()
        submit = partial(self.submit, data, deadline=deadline)
        return await asyncio.wrap_future(await loop.run_in_executor(None, submit))

    def map(self, inputs: Iterable[Data]) -> Iterator[Outcome]:
        """The outcomes for the inputs, in their order. Takes inputs as the workers need them."""
        ahead = 4 * self.workers
        futures: deque[Future[Outcome]] = deque()
        for data in inputs:
            futures.append(self.submit(data))
            if len(futures) >= ahead:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()

    def drain(self) -> None:
        """Waits until no action waits or runs, and all futures are settled."""
        self._refuse_callbacks()
        lib.spry_pool_drain(self._handle)
        wait(self._futures.pending())

    def close(self, *, cancel: bool = False) -> None:
        """Takes no more actions; finishes those that wait, or cancels them and their futures. Those that run are always
        finished. Returns when all workers and machines are gone; statistics stay."""
        self._refuse_callbacks()
        lib.spry_pool_close(self._handle, lib.SPRY_CANCEL if cancel else lib.SPRY_FINISH)
        self._futures.finish()

    @property
    def workers(self) -> int:
        return int(lib.spry_pool_workers(self._handle))

    def statistics(self) -> Statistics:
        native = ffi.new("struct spry_statistics *", {"size": ffi.sizeof("struct spry_statistics")})
        lib.spry_pool_statistics(self._handle, native)
        reasons = [*native.reasons, native.too_much_output, native.cpu_limit]
        return Statistics(
            platform=platform_name(native.platform),
            submitted=native.submitted,
            completed=native.completed,
            reasons=dict(zip(REASONS, reasons, strict=True)),
            failed=native.failed,
            cancelled=native.cancelled,
            waiting=native.waiting,
            resets=native.resets,
            resets_after_failure=native.resets_after_failure,
            rebuilds=native.rebuilds,
            machines=native.machines,
            queue=_durations(native.queue),
            service=_durations(native.service),
            reset=_durations(native.reset),
            total=_durations(native.total),
        )

    def _refuse_callbacks(self) -> None:
        if self._futures.is_current_thread():
            raise BusyError("a callback of a pool's future must not wait for the pool")

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel=kind is not None)

    def __del__(self) -> None:
        # Not there if __init__ raised. The last reference may be dropped by a callback, on the thread itself.
        futures = getattr(self, "_futures", None)
        if futures is not None and not futures.is_current_thread():
            self.close(cancel=True)


def _free(free: Any, machine: NativeOptions, handle: Any) -> None:
    """Frees a pool, and keeps what its machines call until then."""
    free(handle)


def _durations(native: Any) -> Durations:
    return Durations(native.count, native.p50_ns, native.p99_ns, native.p999_ns, native.largest_ns)
