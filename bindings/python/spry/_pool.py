"""Pools: workers with machines that are kept ready."""

import asyncio
import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any

from spry._errors import BusyError, CancelledError, checked, take_error
from spry._interruption import ctrl_c_raises, interruptible
from spry._library import ffi, lib
from spry._machine import Image, Path, Snapshot, choose
from spry._options import Data, NativeOptions, Options, action_options, size_option
from spry._outcome import REASONS, Outcome, Reason, take_outcome
from spry._platform import Platform, platform_name

_LOGGER = logging.getLogger("spry")

# Seconds between two looks at whether a full queue has room.
_PATIENCE = 0.02


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
    """The platform of the machines; never "automatic"."""
    submitted: int
    """Actions taken."""
    completed: int
    """Actions with an outcome; the reasons sum up to it."""
    reasons: dict[Reason, int]
    failed: int
    """Actions with an error."""
    cancelled: int
    """Actions that were cancelled, alone or with the pool."""
    waiting: int
    """Actions in the queue now."""
    resets: int
    """Resets after an action that exited."""
    resets_after_failure: int
    """Resets after an action that ended in any other way."""
    rebuilds: int
    """Machines that were replaced because they could not be reset."""
    machines: int
    """Machines made so far, rebuilds included."""
    queue: Durations
    """From an action's submission to its beginning."""
    service: Durations
    """From an action's beginning to its outcome."""
    reset: Durations
    """From an outcome to when the worker takes its next action."""
    total: Durations
    """From an action's submission to its outcome."""


class _ActionFuture(Future[Outcome]):
    """The future of one action. Cancelling it takes the action back, if it still waits."""

    def __init__(self, futures: "_Futures", ticket: int) -> None:
        super().__init__()
        self._futures = futures
        self._ticket = ticket

    def cancel(self) -> bool:
        if not self.done() and not self._futures.cancel(self._ticket):
            return False
        return super().cancel()

    def result(self, timeout: float | None = None) -> Outcome:
        self._refuse_endless_waiting(timeout)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._refuse_endless_waiting(timeout)
        return super().exception(timeout)

    def _refuse_endless_waiting(self, timeout: float | None) -> None:
        if timeout is None and not self.done():
            self._futures.refuse_callbacks()

    def settle(self, outcome: Any, error: Any) -> None:
        """Settles the future with an outcome or an error, and frees that; the other is NULL."""
        if outcome != ffi.NULL:
            self.set_result(take_outcome(outcome))
            return
        failure = take_error(error)
        if isinstance(failure, CancelledError):
            self.withdraw()
        else:
            self.set_exception(failure)

    def withdraw(self) -> None:
        """Settles the future as cancelled, because the pool does not have the action any more."""
        super().cancel()
        self.set_running_or_notify_cancel()


class _Futures:
    """The library's pool, the futures by ticket, and the thread that settles them.

    The thread keeps this object alive. So it refers neither to the Pool nor to the functions of devices, which may
    refer to the Pool: else a Pool that nobody uses any more could never be collected. Neither this object nor what it
    holds has a finalizer, because the garbage collector might call that before Pool's finalizer, which calls `end`."""

    def __init__(self, create: Callable[[], Any]) -> None:
        self._lock = threading.Lock()
        # Notified when a future was settled.
        self._settled = threading.Condition(self._lock)
        self._tickets = count()
        self._futures: dict[int, _ActionFuture] = {}
        self._thread: threading.Thread | None = None
        self._finished = False
        self._process = os.getpid()
        # A pipe that ends the thread: a byte that is written to the second descriptor makes the first one readable.
        self._end, self._ending = os.pipe()
        try:
            self.handle = create()
        except BaseException:
            self._close_pipe()
            raise

    def submit(self, data: Data, deadline: float | None) -> Future[Outcome]:
        """Takes an action. Waits while the queue is full; in a callback a full queue is a BusyError."""
        action = action_options(deadline)
        with self._lock:
            ticket = next(self._tickets)
            future = self._futures[ticket] = _ActionFuture(self, ticket)
            if self._thread is None and not self._finished:
                self._thread = threading.Thread(target=self._work, name="spry-futures", daemon=True)
                self._thread.start()
        try:
            with ffi.from_buffer(data) as buffer:
                arguments = (self.handle, buffer, len(buffer), action, ticket)
                while not checked(lib.spry_pool_try_submit_ticket_with, *arguments):
                    if self.inside():
                        raise BusyError("the queue is full, and a callback of a pool must not wait for room in it")
                    if not ctrl_c_raises():
                        checked(lib.spry_pool_submit_ticket_with, *arguments)
                        break
                    # Looks again after a while, because an action without a future may have made room.
                    with self._settled:
                        self._settled.wait(_PATIENCE)
        except BaseException:
            # KeyboardInterrupt may come after the pool has taken the action.
            self.cancel(ticket)
            with self._lock:
                self._futures.pop(ticket, None)
            # A call of `drain` may wait for this future.
            future.withdraw()
            raise
        return future

    def cancel(self, ticket: int) -> bool:
        with self._lock:
            return self.handle is not None and bool(lib.spry_pool_cancel(self.handle, ticket))

    def pending(self) -> list[_ActionFuture]:
        with self._lock:
            return list(self._futures.values())

    def inside(self) -> bool:
        """Whether the calling thread runs a callback of the pool or of one of its futures."""
        thread = self._thread
        if thread is not None and thread.ident == threading.get_ident():
            return True
        return self.handle is not None and bool(lib.spry_pool_inside(self.handle))

    def refuse_callbacks(self) -> None:
        if self.inside():
            raise BusyError("a callback of a pool must not wait for the pool")

    def drain(self) -> None:
        lib.spry_pool_drain(self.handle)
        wait(self.pending())

    def close(self) -> None:
        """To be called after the pool was stopped. Returns when its workers are gone and all futures are settled. In a
        forked child, which has the pipe but neither the workers nor the thread, it returns at once."""
        lib.spry_pool_close(self.handle, lib.SPRY_FINISH)
        if os.getpid() != self._process:
            return
        with self._lock:
            first, self._finished = not self._finished, True
            thread = self._thread
        if thread is not None:
            if first:
                os.write(self._ending, b"x")
            thread.join()

    def end(self, machine: NativeOptions) -> None:
        """Closes and frees the pool. Afterwards only the futures may be used. The parameter keeps alive what machines
        call until the pool is closed."""
        self.close()
        if os.getpid() == self._process:
            with self._lock:
                handle, self.handle = self.handle, None
        else:
            # The lock may have been held by a thread that this forked child does not have.
            handle = self.handle
        lib.spry_pool_free(handle)
        self._close_pipe()

    def _close_pipe(self) -> None:
        os.close(self._end)
        os.close(self._ending)

    def _work(self) -> None:
        poll = select.poll()
        poll.register(lib.spry_pool_descriptor(self.handle), select.POLLIN)
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
        while lib.spry_pool_take(self.handle, ticket, outcome, error):
            with self._lock:
                future = self._futures.get(ticket[0])
            # None if the future was withdrawn after the pool had taken the action.
            if future is None:
                future = _ActionFuture(self, ticket[0])
            try:
                future.settle(outcome[0], error[0])
            except BaseException:
                # A callback failed. This thread goes on.
                _LOGGER.exception("a callback of a future failed")
            # After the callbacks, because drain() waits for the futures in this dictionary.
            with self._settled:
                self._futures.pop(ticket[0], None)
                self._settled.notify_all()


class Pool:
    """Workers with machines that are kept ready, for many actions of one image or snapshot. Safe to use from several
    threads at once. At the end of a `with` block actions that wait are finished, or cancelled after an exception.

    Callbacks of futures, and the functions of devices, run inside the pool. There no call waits for that pool: `run`,
    `run_async`, `drain`, and `result` of a future that is not done, raise BusyError; `submit` raises it if the queue is
    full; `close` returns at once. Another pool may be used without such limits, unless it waits for this one."""

    def __init__(
        self,
        what: Image | Snapshot | Path,
        options: Options = Options(),
        *,
        workers: int | None = None,
        queue: int | None = None,
        queue_bytes: int | None = None,
        completion_bytes: int | None = None,
    ) -> None:
        """`workers`: threads, each with a machine of its own; left out: one for each CPU, or fewer under a quota.
        `queue`: actions that wait at most; left out: 1024. `queue_bytes`: bytes of inputs that wait at most; a single
        input may wait however long it is; left out: 256 MiB. `completion_bytes`: bytes of outcomes whose futures are
        not settled yet, because callbacks keep their thread busy: while there are more, no worker begins another
        action; left out: 256 MiB."""
        if workers == 0 or queue == 0:
            raise ValueError("a pool has at least one worker, and room for one action that waits")
        machine = NativeOptions(options)
        native = ffi.new("struct spry_pool_options *")
        native.size = ffi.sizeof("struct spry_pool_options")
        native.machine = machine.pointer
        native.workers = workers or 0
        native.queue = queue or 0
        native.queue_bytes = size_option("queue_bytes", queue_bytes)
        native.completion_bytes = size_option("completion_bytes", completion_bytes)
        create, source = choose(what, lib.spry_pool_create, lib.spry_pool_restore)
        self._machine = machine
        self._futures = _Futures(lambda: checked(create, source, native))
        self._handle = self._futures.handle

    def run(self, data: Data = b"", *, deadline: float | None = None) -> Outcome:
        """Runs an action and waits for its outcome. `deadline`, in seconds, takes the place of Options.deadline. In the
        main thread Ctrl-C raises KeyboardInterrupt at once. It takes the action back if that still waits; an action
        that runs already goes on to its end."""
        self._futures.refuse_callbacks()
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
        """Takes an action, with a copy of its input; waits while the queue is full. The future's `cancel` takes the
        action back while it waits. Callbacks of all futures run on one thread of the pool, so they should be short. In
        the main thread Ctrl-C ends the waiting for room."""
        return self._futures.submit(data, deadline)

    async def run_async(self, data: Data = b"", *, deadline: float | None = None) -> Outcome:
        """Runs an action while asyncio's loop goes on. Cancelling the task takes the action back if it still waits."""
        self._futures.refuse_callbacks()
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
        """Waits until no action waits or runs, and all futures are settled. In the main thread Ctrl-C raises
        KeyboardInterrupt at once."""
        self._futures.refuse_callbacks()
        interruptible(self._futures.drain)

    def close(self, *, cancel: bool = False) -> None:
        """Takes no more actions. Finishes those that wait, or cancels them and their futures; those that run are always
        finished. Returns when all workers and machines are gone; in a callback it returns at once. Statistics stay. In
        the main thread Ctrl-C raises KeyboardInterrupt at once, and the pool goes on to its end."""
        lib.spry_pool_stop(self._handle, lib.SPRY_CANCEL if cancel else lib.SPRY_FINISH)
        if not self._futures.inside():
            interruptible(self._futures.close)

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

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel=kind is not None)

    def __del__(self) -> None:
        # There are no futures if __init__ raised.
        futures = getattr(self, "_futures", None)
        if futures is None:
            return
        lib.spry_pool_stop(futures.handle, lib.SPRY_CANCEL)
        if futures.inside():
            # A callback dropped the last reference. Another thread keeps what workers still use, and waits for them.
            threading.Thread(target=futures.end, args=(self._machine,), name="spry-closing", daemon=True).start()
        else:
            futures.end(self._machine)


def _durations(native: Any) -> Durations:
    return Durations(native.count, native.p50_ns, native.p99_ns, native.p999_ns, native.largest_ns)
