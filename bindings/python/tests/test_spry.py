"""The package over real guests: SPRY_GUESTS is the folder where they are."""

import asyncio
import concurrent.futures
import errno
import gc
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import spry
from spry._errors import _KINDS
from spry._outcome import take_outcome

GUESTS = Path(os.environ["SPRY_GUESTS"])
KVM = Path("/dev/kvm")
SPIN = b"fill spin 5ec2e7a0b1d4c3f6 classes=base heap=128\n"


def guest(name: str) -> Path:
    return GUESTS / name


class Gate:
    """A device's function for the guest host_function, which holds the action with the input "hold" until it is
    opened. The guest prints `answer` bytes."""

    def __init__(self, answer: int = 0) -> None:
        self.answer = answer
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, call: spry.Call) -> int:
        if call.read(call.a, call.b) == b"hold":
            self.reached.set()
            self.open.wait()
        return self.answer

    def pool(self, **given: int) -> spry.Pool:
        options = spry.Options(devices={("host", "function"): self})
        return spry.Pool(guest("host_function"), options, workers=1, **given)


class Errors(unittest.TestCase):
    def test_are_exceptions_with_a_sentence(self) -> None:
        with self.assertRaisesRegex(spry.NotFoundError, "/no/such/file"):
            spry.Image("/no/such/file")
        with self.assertRaisesRegex(spry.NotUnikernelError, "/bin/sh"):
            spry.Pool("/bin/sh")
        with self.assertRaisesRegex(spry.MonitorError, "the manifest does not name it"):
            spry.Machine(guest("hello"), spry.Options(block={"disk": "disk.img"}))
        with self.assertRaisesRegex(spry.Error, "is not a multiple of|multiple"):
            spry.Machine(guest("hello"), spry.Options(memory=4095))

    def test_of_usage_are_those_of_python(self) -> None:
        for options in (spry.Options(deadline=0.0), spry.Options(memory=0), spry.Options(max_output=0)):
            with self.assertRaises(ValueError):
                spry.Machine(guest("hello"), options)
        with self.assertRaises(ValueError):
            spry.Pool(guest("hello"), workers=0)
        with self.assertRaises(ValueError):
            spry.Machine(guest("hello"), spry.Options(deadline=-1.0))
        with spry.Machine(guest("wordcount")) as machine, self.assertRaises(TypeError):
            machine.run("text")  # type: ignore[arg-type]

    def test_have_a_class_for_each_kind(self) -> None:
        def second_action() -> None:
            with spry.Machine(guest("hello")) as machine:
                machine.run()
                machine.run()

        def long_input() -> None:
            with spry.Machine(guest("hello"), spry.Options(max_input=3)) as machine:
                machine.run(b"four")

        def closed_pool() -> None:
            pool = spry.Pool(guest("hello"), workers=1)
            pool.close()
            pool.run()

        def no_descriptors() -> None:
            before = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
            try:
                spry.Image(guest("hello"))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)

        failures: list[tuple[type[spry.Error], Callable[[], object]]] = [
            (spry.NotFoundError, lambda: spry.Image("/no/such/file")),
            (spry.NotUnikernelError, lambda: spry.Image("/bin/sh")),
            (spry.InvalidArgumentError, lambda: spry.Machine(guest("hello"), spry.Options(memory=4095))),
            (spry.InvalidArgumentError, lambda: spry.Machine(guest("host_function"))),
            (spry.ClosedError, second_action),
            (spry.ClosedError, closed_pool),
            (spry.TooLargeError, long_input),
            (spry.FileError, lambda: spry.Machine(guest("block_action"), spry.Options(block={"disk": "/no/such"}))),
            (spry.ResourcesError, no_descriptors),
        ]
        if not KVM.exists():
            failures.append((spry.UnavailableError, lambda: spry.Shell(platform="kvm")))
        for kind, fail in failures:
            with self.subTest(kind.__name__), self.assertRaises(spry.Error) as caught:
                fail()
            self.assertIs(type(caught.exception), kind)
        self.assertTrue(issubclass(spry.InvalidArgumentError, ValueError))
        self.assertEqual(len(_KINDS), 12)

    def test_leave_nothing_behind(self) -> None:
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            with self.assertRaises(spry.Error):
                spry.Pool(guest("hello"), spry.Options(net={"uplink": "fd:0"}))
        gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Images(unittest.TestCase):
    def test_tell_what_they_need(self) -> None:
        image = spry.Image(guest("block_action"))
        self.assertEqual(image.path, str(guest("block_action")))
        self.assertIn(spry.DeviceNeed("block", "disk"), image.devices)
        self.assertIn("block_action", repr(image))

    def test_come_from_memory(self) -> None:
        data = guest("wordcount").read_bytes()
        for given in (data, bytearray(data), memoryview(data)):
            image = spry.Image.from_bytes(given, "mine")
            self.assertEqual(image.path, "mine")
            self.assertEqual(spry.run(image, b"a\nb\n").output, b"2 2 4\n")
        with self.assertRaisesRegex(spry.NotUnikernelError, "^image: not an ELF file$"):
            spry.Image.from_bytes(b"text")

    def test_have_a_version(self) -> None:
        self.assertRegex(spry.__version__, r"^\d+\.\d+\.\d+$")


class Machines(unittest.TestCase):
    def test_run_one_action(self) -> None:
        with spry.Machine(guest("wordcount")) as machine:
            outcome = machine.run(b"one two three\n")
            self.assertEqual(outcome.output, b" 1  3 14\n")
            self.assertIs(outcome.reason, spry.Reason.EXIT)
            self.assertTrue(outcome.succeeded)
            self.assertEqual(outcome.receipt.exits, 1)
            self.assertEqual(outcome.receipt.bytes_in, 14)
            self.assertEqual((outcome.message, outcome.crash, outcome.diagnostics), ("", "", b""))
            with self.assertRaisesRegex(spry.MonitorError, "not reusable"):
                machine.run()
        self.assertFalse(machine.usable)
        with self.assertRaisesRegex(spry.MonitorError, "closed"):
            machine.run()

    def test_run_many_and_take_any_bytes(self) -> None:
        options = spry.Options(reusable=True, verify=True, measure_memory=True)
        with spry.Machine(spry.Image(guest("wordcount")), options) as machine:
            for data in (b"a\nb\n", bytearray(b"a\nb\n"), memoryview(b"xa\nb\n")[1:]):
                outcome = machine.run(data)
                self.assertEqual(outcome.output, b"2 2 4\n")
                self.assertGreater(outcome.receipt.memory_touched, 0)
            self.assertEqual(machine.run().output, b"0 0 0\n")
            machine.reset()
            with tempfile.TemporaryFile() as file:
                file.write(b"a\nb\nc\n")
                file.flush()
                self.assertEqual(machine.run_file(file.fileno(), 4).output, b"2 2 4\n")

    def test_go_from_shell_to_shell(self) -> None:
        shell = spry.Shell()
        for _ in range(3):
            machine = spry.Machine(guest("hello"), shell=shell)
            self.assertEqual(machine.run().output, b"Hello\n")
            with self.assertRaisesRegex(spry.MonitorError, "in a machine already"):
                spry.Machine(guest("hello"), shell=shell)
            shell = machine.release()
            self.assertFalse(machine.usable)
        shell.close()

    def test_pass_arguments_and_write_to_descriptors(self) -> None:
        read, write = os.pipe()
        with spry.Machine(guest("greet"), spry.Options(arguments=["greet", "you"], console=(write, write))) as machine:
            self.assertEqual(machine.run(b"xyz").output, b"")
        os.close(write)
        with open(read, "rb") as pipe:
            self.assertEqual(pipe.read(), b"you: 3 bytes of input\n")

    def test_end_by_deadline_and_by_interrupt(self) -> None:
        with spry.Machine(guest("spy"), spry.Options(deadline=0.05)) as machine:
            self.assertIs(machine.run(SPIN).reason, spry.Reason.DEADLINE)
        signal.signal(signal.SIGUSR1, lambda number, frame: None)
        with spry.Machine(guest("spy"), spry.Options(deadline=60)) as machine:
            here = threading.get_ident()

            def end() -> None:
                while not machine._busy.locked():
                    time.sleep(0.001)
                with self.assertRaisesRegex(spry.MonitorError, "another thread"):
                    machine.run()
                machine.interrupt()
                signal.pthread_kill(here, signal.SIGUSR1)

            thread = threading.Thread(target=end)
            thread.start()
            self.assertIs(machine.run(SPIN).reason, spry.Reason.INTERRUPTED)
            thread.join()

    def test_refuses_names_and_times_that_c_would_misread(self) -> None:
        with self.assertRaisesRegex(ValueError, "null byte"):
            spry.run("/tmp/a\0b")
        with self.assertRaisesRegex(ValueError, "null byte"):
            spry.Machine(guest("hello"), spry.Options(arguments=["a", "b\0c"]))
        for deadline in (-1.0, 0.0, float("inf"), float("nan")):
            with self.assertRaises(ValueError):
                spry.run(guest("hello"), timeout=deadline)

    def test_leave_a_pool_to_its_process(self) -> None:
        with spry.Pool(guest("hello"), workers=1) as pool:
            self.assertEqual(pool.run().output, b"Hello\n")
            child = os.fork()
            if child == 0:
                pool.close()
                os._exit(0)
            os.waitpid(child, 0)
            self.assertEqual(pool.submit().result(30).output, b"Hello\n")

    def test_keeps_the_beginning_of_too_much_output(self) -> None:
        options = spry.Options(max_output=5)
        with spry.Pool(guest("hello"), options, workers=1) as pool:
            outcome = pool.run()
            self.assertIs(outcome.reason, spry.Reason.TOO_MUCH_OUTPUT)
            self.assertEqual(outcome.output, b"Hello")
            self.assertEqual(pool.statistics().reasons[spry.Reason.TOO_MUCH_OUTPUT], 1)

    def test_tell_of_crashes(self) -> None:
        with spry.Machine(guest("spy")) as machine:
            outcome = machine.run(b"fill hlt 5ec2e7a0b1d4c3f6 classes=base heap=128\n")
        self.assertIs(outcome.reason, spry.Reason.FAULT)
        self.assertFalse(outcome.succeeded)
        self.assertNotEqual(outcome.message, "")
        self.assertIn("rip", outcome.crash)


    def test_tell_of_crashes_as_data(self) -> None:
        with spry.Machine(guest("spy"), spry.Options(reusable=True)) as machine:
            self.assertIsNone(machine.run(b"seed\n").crash_data)
            outcome = machine.run(b"fill null_write 5ec2e7a0b1d4c3f6 classes=base heap=128\n")
        crash = outcome.crash_data
        assert crash is not None
        self.assertIs(crash.kind, spry.FaultKind.WRITE)
        self.assertEqual(crash.address, 8)
        self.assertEqual(len(crash.registers), 18)
        self.assertEqual(crash.frames[0].address, crash.rip)
        self.assertIn(crash.frames[0].function, outcome.crash)

    def test_take_a_deadline_for_one_action(self) -> None:
        with spry.Machine(guest("spy"), spry.Options(reusable=True)) as machine:
            self.assertIs(machine.run(SPIN, deadline=0.05).reason, spry.Reason.DEADLINE)
            with self.assertRaises(ValueError):
                machine.run(SPIN, deadline=0.0)


class OneCall(unittest.TestCase):
    def test_runs_what_it_is_given(self) -> None:
        path = guest("wordcount")
        snapshot = spry.Snapshot.take(guest("ready_state"))
        whats: list[Any] = [path, str(path), spry.Image(path), path.read_bytes(), snapshot]
        for what in whats:
            self.assertTrue(spry.run(what, b"a\nb\n", check=True).succeeded)
        self.assertEqual(spry.run(path, b"a\nb\n").output, b"2 2 4\n")
        self.assertEqual(spry.run(path, bytes(3 << 20)).receipt.bytes_in, 3 << 20)
        options = spry.Options(arguments=["greet", "you"])
        self.assertEqual(spry.run(guest("greet"), options=options).output, b"you: 0 bytes of input\n")

    def test_raises_where_it_is_to_check(self) -> None:
        exits = b"fill exit_7 5ec2e7a0b1d4c3f6 classes=base heap=128\n"
        self.assertEqual(spry.run(guest("spy"), exits).status, 7)
        with self.assertRaisesRegex(spry.ActionError, "^the action exited with 7$") as failed:
            spry.run(guest("spy"), exits, check=True)
        self.assertEqual(failed.exception.outcome.status, 7)
        with self.assertRaisesRegex(spry.ActionError, "^the action ended by fault: null pointer write at 0x8$"):
            spry.run(guest("spy"), b"fill null_write 5ec2e7a0b1d4c3f6 classes=base heap=128\n", check=True)
        self.assertIs(spry.run(guest("spy"), SPIN, timeout=0.05).reason, spry.Reason.DEADLINE)
        with self.assertRaisesRegex(TimeoutError, "^the action ended by deadline$"):
            spry.run(guest("spy"), SPIN, timeout=0.05, check=True)


class Devices(unittest.TestCase):
    @staticmethod
    def capitals(call: spry.Call) -> int:
        if call.operation != 1 or call.b > 256:
            return -errno.EINVAL
        call.write(call.c, call.read(call.a, call.b).upper())
        return call.b

    @staticmethod
    def options(serve: spry.DeviceFunction, *, reusable: bool = True) -> spry.Options:
        return spry.Options(devices={("host", "function"): serve}, reusable=reusable)

    def test_are_functions(self) -> None:
        with spry.Machine(guest("host_function"), self.options(self.capitals)) as machine:
            for text in (b"one", b"two words"):
                self.assertEqual(machine.run(text).output, text.upper())
            self.assertEqual(machine.run(bytes(300)).output, b"error 22\n")
        with spry.Pool(guest("host_function"), self.options(self.capitals), workers=2) as pool:
            outputs = [outcome.output for outcome in pool.map(b"text %d" % number for number in range(50))]
        self.assertEqual(outputs, [b"TEXT %d" % number for number in range(50)])

    def test_answer_for_guests_that_point_elsewhere(self) -> None:
        def far(call: spry.Call) -> int:
            return len(call.read(8, 1))

        def read_only(call: spry.Call) -> None:
            call.write(call.a, b"x")

        for serve in (far, read_only):
            self.assertEqual(spry.run(guest("host_function"), b"x", options=self.options(serve)).output, b"error 14\n")

    def test_end_the_action_by_an_exception(self) -> None:
        def fail(call: spry.Call) -> int:
            raise KeyError("no such word")

        sentence = "^host function: KeyError: 'no such word'$"
        with spry.Machine(guest("host_function"), self.options(fail)) as machine:
            with self.assertRaisesRegex(spry.MonitorError, sentence) as failed:
                machine.run(b"x")
            self.assertIsInstance(failed.exception.__cause__, KeyError)
            self.assertFalse(machine.usable)
        with spry.Pool(guest("host_function"), self.options(fail), workers=1) as pool:
            with self.assertRaisesRegex(spry.MonitorError, sentence):
                pool.run(b"x")
            with self.assertRaisesRegex(spry.MonitorError, sentence):
                pool.submit(b"x").result()

        def leave(call: spry.Call) -> int:
            raise SystemExit(3)

        with self.assertRaises(SystemExit):
            spry.run(guest("host_function"), b"x", options=self.options(leave))

    def test_escape_what_an_exception_says(self) -> None:
        def fail(call: spry.Call) -> int:
            raise ValueError("two\nlines, a \x1b[31mcolour, a zero \0, a \\ and \x9b\udcff")

        sentence = "host function: ValueError: two\\x0alines, a \\x1b[31mcolour, a zero ?, a \\\\ and \\xc2\\x9b?"
        options = self.options(fail)
        with self.assertRaises(spry.MonitorError) as failed:
            spry.run(guest("host_function"), b"x", options=options)
        self.assertEqual(str(failed.exception), sentence)
        with spry.Pool(guest("host_function"), options, workers=1) as pool:
            self.assertEqual(str(pool.submit(b"x").exception()), sentence)

    def test_keep_no_exception(self) -> None:
        class Raised(Exception):
            pass

        def fail(call: spry.Call) -> int:
            raise Raised

        def left() -> int:
            gc.collect()
            return sum(isinstance(kept, Raised) for kept in gc.get_objects())

        options = self.options(fail)
        with spry.Pool(guest("host_function"), options, workers=2) as pool:
            for _ in range(10):
                self.assertRaises(spry.MonitorError, pool.run, b"x")
                self.assertIsInstance(pool.submit(b"x").exception(), spry.MonitorError)
            self.assertEqual(left(), 0)
        with spry.Machine(guest("host_function"), options) as machine:
            with self.assertRaises(spry.MonitorError) as failed:
                machine.run(b"x")
            self.assertIsInstance(failed.exception.__cause__, Raised)
            # The exception of the function is not the cause of a later error.
            with self.assertRaises(spry.ClosedError) as later:
                machine.run(b"x")
            self.assertIsNone(later.exception.__cause__)
            del failed, later
            self.assertEqual(left(), 0)

    def test_refuse_what_is_no_answer(self) -> None:
        for answer in ("text", 1.5, 1 << 64):
            with self.assertRaises(spry.MonitorError):
                spry.run(guest("host_function"), b"x", options=self.options(lambda call: answer))  # type: ignore

    def test_keep_no_guest_beyond_their_call(self) -> None:
        kept: list[spry.Call] = []
        spry.run(guest("host_function"), b"x", options=self.options(kept.append))
        with self.assertRaises(spry.ClosedError):
            kept[0].read(kept[0].a, 1)
        with self.assertRaises(spry.ClosedError):
            kept[0].write(kept[0].a, b"x")


# A program that runs `statement`, which prints "begins" and then waits for SIGINT.
CTRL_C = """
import signal, sys, threading, time
import spry

SPIN = {spin!r}
# A shell starts programs in the background with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
before = signal.getsignal(signal.SIGINT)
try:
    {statement}
except KeyboardInterrupt:
    assert signal.getsignal(signal.SIGINT) is before
    # The interruption does not reach the next action.
    assert spry.run({hello!r}).output == b"Hello\\n"
    print("interrupted", flush=True)
    {end}
"""


class CtrlC(unittest.TestCase):
    def press(self, statement: str, end: str = "") -> None:
        text = CTRL_C.format(spin=SPIN, hello=str(guest("hello")), statement=statement, end=end)
        with subprocess.Popen([sys.executable, "-B", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            assert child.stdout is not None
            self.assertEqual(child.stdout.readline(), b"begins\n")
            time.sleep(0.1)
            child.send_signal(signal.SIGINT)
            try:
                output, errors = child.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                child.kill()
                raise
            self.assertEqual((output, errors, child.returncode), (b"interrupted\n", b"", 0), statement)

    def test_ends_an_action(self) -> None:
        spy = str(guest("spy"))
        self.press(f'print("begins", flush=True); spry.run({spy!r}, SPIN, timeout=1000)')
        self.press(f'machine = spry.Machine({spy!r}); print("begins", flush=True); machine.run(SPIN)')

    def test_ends_waiting_for_a_pool(self) -> None:
        spy = str(guest("spy"))
        self.press(
            f"pool = spry.Pool({spy!r}, spry.Options(deadline=2.0), workers=1); pool.submit(SPIN); "
            'print("begins", flush=True); pool.run(SPIN)'
        )

    def test_ends_every_call_that_waits(self) -> None:
        spy, endless, state = str(guest("spy")), str(guest("endless")), str(guest("ready_state"))
        busy = f"pool = spry.Pool({spy!r}, spry.Options(deadline=1000), workers=1, queue=1); pool.submit(SPIN)"
        # Waits until the action runs.
        busy += "; list(iter(lambda: pool.statistics().waiting, 0))"
        full = f"{busy}; pool.submit(SPIN)"
        with tempfile.TemporaryDirectory() as folder:
            fifo = str(Path(folder) / "fifo")
            os.mkfifo(fifo)
            prepared = {
                "machine.run_file(0, 0)": f"machine = spry.Machine({endless!r}, spry.Options(arguments=['', 'spin']))",
                f"spry.Snapshot.take({endless!r}, spry.Options(arguments=['', 'spin']))": "",
                f"snapshot.save({fifo!r})": f"snapshot = spry.Snapshot.take({state!r}); import os; "
                f"reader = os.open({fifo!r}, os.O_RDONLY | os.O_NONBLOCK)",
                "pool.submit(SPIN)": full,
                "pool.run(SPIN)": full,
                "list(pool.map([SPIN] * 9))": full,
                "pool.drain()": busy,
                "pool.close()": busy,
                "pool.close(cancel=True)": busy,
                "pool.__exit__(None, None, None)": busy,
                "pool.submit(b'seed').result()": busy,
            }
            for call, before in prepared.items():
                with self.subTest(call):
                    # The action runs on to its end, and the pool would wait for that when it is destroyed.
                    end = "import os; os._exit(0)"
                    self.press(f'{before}; print("begins", flush=True); {call}'.removeprefix("; "), end)

    def test_leaves_handlers_of_the_programs_own_alone(self) -> None:
        called: list[int] = []
        before = signal.signal(signal.SIGINT, lambda number, frame: called.append(number))
        try:
            timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            self.assertIs(spry.run(guest("spy"), SPIN, timeout=0.3).reason, spry.Reason.DEADLINE)
            timer.join()
        finally:
            signal.signal(signal.SIGINT, before)
        self.assertEqual(called, [signal.SIGINT])

    def test_is_heeded_at_any_moment(self) -> None:
        for delay in range(0, 40):
            timer = threading.Timer(delay / 4000, os.kill, (os.getpid(), signal.SIGINT))
            with self.assertRaises(KeyboardInterrupt):
                timer.start()
                while True:
                    spry.run(guest("spy"), SPIN, timeout=30)
            timer.join()


class Threads(unittest.TestCase):
    """Every class that can be closed, used by threads while another closes it: an error or an answer, and no crash."""

    def race(self, make: Callable[[], Any], uses: list[Callable[[Any], object]], end: Callable[[Any], object]) -> None:
        for _ in range(100):
            made = make()
            strange: list[BaseException] = []
            start = threading.Barrier(len(uses) + 1)

            def work(use: Callable[[Any], object], made: Any = made, strange: list[BaseException] = strange) -> None:
                start.wait()
                try:
                    for _ in range(20):
                        use(made)
                except spry.Error:
                    pass
                except BaseException as error:
                    strange.append(error)

            threads = [threading.Thread(target=work, args=(use,)) for use in uses]
            for thread in threads:
                thread.start()
            start.wait()
            try:
                end(made)
            except spry.BusyError:
                pass
            for thread in threads:
                thread.join()
            self.assertEqual(strange, [])
            made.close()

    def test_use_machines_while_one_closes_them(self) -> None:
        image = spry.Image(guest("hello"))
        uses: list[Callable[[Any], object]] = [
            lambda machine: machine.interrupt(),
            lambda machine: machine.usable,
            lambda machine: machine.run(),
            lambda machine: machine.reset(),
            lambda machine: machine.snapshot(),
        ]

        def make() -> spry.Machine:
            return spry.Machine(image, spry.Options(reusable=True))

        self.race(make, uses, lambda machine: machine.close())
        self.race(make, uses, lambda machine: machine.release().close())

    def test_use_shells_while_one_takes_them(self) -> None:
        image = spry.Image(guest("hello"))
        uses: list[Callable[[Any], object]] = [
            lambda shell: shell.platform,
            lambda shell: spry.Machine(image, shell=shell).close(),
            lambda shell: spry.Machine(image, shell=shell).close(),
        ]
        self.race(spry.Shell, uses, lambda shell: shell.close())

    def test_use_pools_while_one_closes_them(self) -> None:
        image = spry.Image(guest("hello"))
        uses: list[Callable[[Any], object]] = [
            lambda pool: pool.run(),
            lambda pool: pool.submit().cancel(),
            lambda pool: pool.statistics(),
            lambda pool: pool.drain(),
            lambda pool: pool.close(),
        ]
        self.race(lambda: spry.Pool(image, workers=2), uses, lambda pool: pool.close(cancel=True))


@mock.patch.dict(os.environ)
class Platforms(unittest.TestCase):
    def setUp(self) -> None:
        os.environ.pop("SPRY_PLATFORM", None)

    def run_on(self, platform: spry.Platform) -> spry.Platform:
        with spry.Machine(guest("hello"), spry.Options(platform=platform)) as machine:
            outcome = machine.run()
        self.assertEqual(outcome.output, b"Hello\n")
        return outcome.receipt.platform

    def kvm(self) -> bool:
        """Whether KVM may be used here; if not, it is an error that says so."""
        try:
            os.close(os.open(KVM, os.O_RDWR | os.O_CLOEXEC))
        except OSError:
            with self.assertRaisesRegex(spry.MonitorError, "cannot open /dev/kvm.*`spry doctor` tells"):
                self.run_on("kvm")
            return False
        return True

    def test_are_insisted_on(self) -> None:
        for named in ("", "process", "nonsense"):
            os.environ["SPRY_PLATFORM"] = named
            self.assertEqual(self.run_on("process"), "process")
            if self.kvm():
                self.assertEqual(self.run_on("kvm"), "kvm")

    def test_are_those_of_the_environment_or_of_the_machine(self) -> None:
        if self.kvm():
            self.assertEqual(self.run_on("automatic"), "kvm")
        elif not KVM.exists():
            self.assertEqual(self.run_on("automatic"), "process")
        os.environ["SPRY_PLATFORM"] = "process"
        self.assertEqual(self.run_on("automatic"), "process")
        os.environ["SPRY_PLATFORM"] = "xen"
        sentence = '^SPRY_PLATFORM: "xen" is no platform'
        with self.assertRaisesRegex(spry.MonitorError, sentence):
            self.run_on("automatic")
        with self.assertRaisesRegex(spry.MonitorError, sentence):
            spry.Shell()
        with self.assertRaisesRegex(spry.MonitorError, sentence):
            spry.Pool(guest("hello"))

    def test_are_three(self) -> None:
        with self.assertRaisesRegex(ValueError, "'xen' is no platform: automatic, kvm, process"):
            spry.Machine(guest("hello"), spry.Options(platform="xen"))  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            spry.Shell(platform="KVM")  # type: ignore[arg-type]

    def test_of_shells_stay(self) -> None:
        with spry.Shell(platform="process") as shell:
            self.assertEqual(shell.platform, "process")
            machine = spry.Machine(guest("hello"), shell=shell)
            self.assertEqual(machine.run().receipt.platform, "process")
            with self.assertRaisesRegex(spry.MonitorError, "in a machine already"):
                self.assertIsNone(shell.platform)
        again = machine.release()
        self.assertEqual(again.platform, "process")
        with self.assertRaisesRegex(spry.MonitorError, "of the platform process, and the options insist on kvm"):
            spry.Machine(guest("hello"), spry.Options(platform="kvm"), shell=again)

    def test_are_in_statistics(self) -> None:
        with spry.Pool(guest("hello"), spry.Options(platform="process"), workers=1) as pool:
            self.assertEqual(pool.run().receipt.platform, "process")
        self.assertEqual(pool.statistics().platform, "process")


class Snapshots(unittest.TestCase):
    def test_begin_actions(self) -> None:
        with spry.Machine(guest("ready_state"), spry.Options(reusable=True)) as machine:
            expected = machine.run(b"x").output
            self.assertIsInstance(machine.snapshot(), spry.Snapshot)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "snapshot"
            taken = spry.Snapshot.take(guest("ready_state"))
            self.assertGreater(taken.contents_size, 0)
            self.assertEqual((taken.memory, taken.arguments), (16 << 20, ()))
            taken.save(path)
            self.assertTrue(spry.Snapshot.recognise(path))
            self.assertFalse(spry.Snapshot.recognise("/bin/sh"))
            loaded = spry.Snapshot.load(path, verify=True)
            self.assertEqual(loaded.path, str(path))
            with self.assertRaises(spry.Error):
                loaded.save("/no/such/folder/file")
            for snapshot in (taken, loaded):
                with spry.Machine(snapshot) as machine:
                    self.assertEqual(machine.run(b"x").output, expected)
                with spry.Pool(snapshot, workers=1) as pool:
                    self.assertEqual(pool.run(b"x").output, expected)

    def test_need_a_guest_that_calls_ready(self) -> None:
        with self.assertRaises(spry.NotUnikernelError) as caught:
            spry.Snapshot.take(guest("hello"))
        error = caught.exception
        assert isinstance(error, spry.NotReadyError)
        self.assertIn("before it called ready", str(error))
        for one in (error, pickle.loads(pickle.dumps(error))):
            self.assertIs(one.outcome.reason, spry.Reason.EXIT)
            self.assertEqual(one.outcome.output, b"Hello\n")
        endless = spry.Options(arguments=["endless", "spin"], deadline=0.05)
        with self.assertRaises(spry.NotReadyError) as late:
            spry.Snapshot.take(guest("endless"), endless)
        self.assertIs(late.exception.outcome.reason, spry.Reason.DEADLINE)


class Inside(unittest.TestCase):
    """Pools that are called by the functions that they call: each call ends."""

    def setUp(self) -> None:
        self.pools: list[spry.Pool] = []
        self.body: Callable[[], object] = lambda: None
        self.got = ""
        self.called = threading.Event()
        self.running = threading.Event()
        self.go_on = threading.Event()
        self.held = threading.Event()
        self.over = threading.Event()

    def make(self) -> spry.Pool:
        options = spry.Options(devices={("host", "function"): self.serve})
        return spry.Pool(guest("host_function"), options, workers=1, queue=1)

    def serve(self, call: spry.Call) -> int:
        text = call.read(call.a, call.b)
        if text == b"call":
            self.call()
        if text == b"run":
            self.running.set()
            self.go_on.wait()
        if text == b"hold":
            self.held.set()
            self.over.wait()
        return 0

    def call(self) -> None:
        try:
            self.body()
            self.got = "ok"
        except BaseException as error:
            self.got = type(error).__name__
        self.called.set()

    def from_device(self) -> None:
        self.pools[0].submit(b"call")

    def from_future(self) -> None:
        pool = self.pools[0]
        future = pool.submit(b"run")
        self.running.wait()

        def late(_: object) -> None:
            self.held.wait()
            self.call()

        # The future is not settled yet, so the callback runs on the thread that settles it, when the worker is held.
        future.add_done_callback(late)
        pool.submit(b"hold")
        self.go_on.set()

    def from_elsewhere(self) -> None:
        self.pools.append(self.make())
        self.pools[1].submit(b"call")

    def test_each_call_from_each_place(self) -> None:
        def pool() -> spry.Pool:
            return self.pools[0]

        def fill() -> None:
            for _ in range(3):
                pool().submit(b"x")

        def leave() -> None:
            with pool():
                pass

        def settled() -> None:
            future = pool().submit(b"x")
            self.assertTrue(future.cancel())
            with self.assertRaises(concurrent.futures.CancelledError):
                future.result()

        closes = {"close", "cancel", "with"}
        calls: dict[str, tuple[Callable[[], object], str]] = {
            "run": (lambda: pool().run(b"x"), "BusyError"),
            "run_async": (lambda: asyncio.run(pool().run_async(b"x")), "BusyError"),
            "submit": (lambda: pool().submit(b"x"), "ok"),
            "submit full": (fill, "BusyError"),
            "map": (lambda: list(pool().map([b"x"])), "BusyError"),
            "result": (lambda: pool().submit(b"x").result(), "BusyError"),
            "exception": (lambda: pool().submit(b"x").exception(), "BusyError"),
            "timeout": (lambda: self.assertRaises(TimeoutError, pool().submit(b"x").result, 0), "ok"),
            "drain": (lambda: pool().drain(), "BusyError"),
            "statistics": (lambda: pool().statistics(), "ok"),
            "workers": (lambda: pool().workers, "ok"),
            "close": (lambda: pool().close(), "ok"),
            "cancel": (lambda: pool().close(cancel=True), "ok"),
            "with": (leave, "ok"),
        }
        for place in (self.from_device, self.from_future, self.from_elsewhere):
            elsewhere = place == self.from_elsewhere
            for name, (body, inside) in calls.items():
                if name == "timeout" and elsewhere:
                    continue
                with self.subTest(f"{name} {place.__name__}"):
                    self.setUp()
                    self.pools.append(self.make())
                    self.body = body
                    place()
                    self.assertTrue(self.called.wait(60))
                    self.over.set()
                    self.assertEqual(self.got, "ok" if elsewhere else inside)
                    # Either the call has closed the pool for everybody, or the pool goes on.
                    if name in closes:
                        self.assertRaises(spry.ClosedError, pool().run, b"x")
                    else:
                        self.assertTrue(pool().run(b"x").succeeded)
                    for made in self.pools:
                        made.close()

    def test_future_that_is_cancelled(self) -> None:
        with self.make() as pool:
            running = pool.submit(b"run")
            self.running.wait()
            future = pool.submit(b"x")
            self.pools.append(pool)
            self.body = lambda: self.assertEqual(pool.statistics().cancelled, 1)
            future.add_done_callback(lambda _: self.call())
            self.assertTrue(future.cancel())
            called = self.called.wait(60)
            self.go_on.set()
            self.assertEqual((called, self.got), (True, "ok"))
            self.assertTrue(running.result().succeeded)

    def test_last_reference(self) -> None:
        def drop() -> None:
            self.pools.clear()
            gc.collect()

        def use(place: Callable[[], None]) -> None:
            self.setUp()
            self.pools.append(self.make())
            self.body = drop
            place()
            self.assertTrue(self.called.wait(60))
            self.over.set()
            self.assertEqual(self.got, "ok")
            for thread in threading.enumerate():
                if thread.name in ("spry-closing", "spry-futures"):
                    thread.join()
            gc.collect()

        def begin_cycle() -> "concurrent.futures.Future[spry.Outcome]":
            """The device's function refers to the pool, and nothing else refers to both."""
            cycle: list[spry.Pool] = []

            def serve(call: spry.Call) -> int:
                self.running.set()
                self.go_on.wait()
                gc.collect()
                return len(cycle)

            cycle.append(spry.Pool(guest("host_function"), spry.Options(devices={("host", "function"): serve})))
            future = cycle[0].submit(b"x")
            self.running.wait()
            return future

        def use_cycle() -> None:
            self.setUp()
            future = begin_cycle()
            self.go_on.set()
            self.assertEqual(future.result(60).output, b"\0")

        for _ in range(5):
            use_cycle()
        for place in (self.from_device, self.from_future):
            use(place)
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(5):
                use(place)
            self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Pools(unittest.TestCase):
    def test_run_actions(self) -> None:
        with spry.Pool(guest("wordcount"), workers=2) as pool:
            self.assertEqual(pool.workers, 2)
            self.assertEqual(pool.run(b"one two three\n").output, b" 1  3 14\n")
            self.assertEqual(pool.run().output, b"0 0 0\n")
        counts = pool.statistics()
        self.assertEqual((counts.submitted, counts.completed, counts.failed, counts.waiting), (2, 2, 0, 0))
        self.assertEqual(counts.reasons[spry.Reason.EXIT], 2)
        self.assertEqual(counts.total.count, 2)
        self.assertGreater(counts.total.p50_ns, 0)
        with self.assertRaisesRegex(spry.MonitorError, "closed"):
            pool.run()
        with self.assertRaisesRegex(spry.MonitorError, "closed"):
            pool.submit()

    def test_give_futures(self) -> None:
        with spry.Pool(guest("echo_input"), workers=2, queue=4) as pool:
            futures = [pool.submit(str(number).encode()) for number in range(200)]
            called: list[bytes] = []
            futures[0].add_done_callback(lambda future: called.append(future.result().output))
            pool.drain()
            self.assertTrue(all(future.done() for future in futures))
            self.assertEqual([future.result().output for future in futures], [b"%d" % number for number in range(200)])
            self.assertEqual(called, [b"0"])

    def test_drain_until_futures_are_settled(self) -> None:
        taking = threading.Event()

        def take_late(native: object) -> spry.Outcome:
            taking.set()
            time.sleep(0.2)
            return take_outcome(native)

        with spry.Pool(guest("echo_input"), workers=1) as pool, mock.patch("spry._pool.take_outcome", take_late):
            future = pool.submit(b"late")
            self.assertTrue(taking.wait(10))
            pool.drain()
            self.assertTrue(future.done())

    def test_bound_the_bytes_that_wait(self) -> None:
        for name in ("queue", "queue_bytes", "completion_bytes"):
            with self.assertRaises(ValueError):
                Gate().pool(**{name: 0})
        gate = Gate()
        with gate.pool(queue_bytes=100) as pool:
            pool.submit(b"hold")
            gate.reached.wait()
            pool.submit(bytes(60))
            late = threading.Thread(target=pool.submit, args=(bytes(60),))
            late.start()
            late.join(0.1)
            self.assertEqual(pool.statistics().submitted, 2)
            gate.open.set()
            late.join()
            pool.drain()
            self.assertEqual(pool.statistics().completed, 3)

    def test_bound_the_bytes_of_outcomes(self) -> None:
        release = threading.Event()
        gate = Gate(200)
        with gate.pool(completion_bytes=300) as pool:
            future = pool.submit(b"hold")
            gate.reached.wait()
            future.add_done_callback(lambda _: self.assertTrue(release.wait(60)))
            futures = [pool.submit(b"x") for _ in range(5)]
            gate.open.set()
            # The first outcome was taken, and its callback holds the thread. Two more outcomes exceed completion_bytes.
            while pool.statistics().completed < 3:
                time.sleep(0.001)
            time.sleep(0.1)
            self.assertEqual((pool.statistics().completed, pool.statistics().waiting), (3, 3))
            release.set()
            self.assertEqual(len(concurrent.futures.wait(futures).done), 5)

    def test_map_in_order(self) -> None:
        with spry.Pool(guest("echo_input"), workers=2) as pool:
            outputs = [outcome.output for outcome in pool.map(str(number).encode() for number in range(100))]
        self.assertEqual(outputs, [b"%d" % number for number in range(100)])

    def test_release_the_gil(self) -> None:
        # Each action waits for the others. They would never come if one of them kept the lock.
        meeting = threading.Barrier(3, timeout=60)

        def meet(call: spry.Call) -> int:
            meeting.wait()
            return 0

        options = spry.Options(devices={("host", "function"): meet})
        with spry.Pool(guest("host_function"), options, workers=2) as pool:
            outcomes: list[spry.Outcome] = []
            threads = [threading.Thread(target=lambda: outcomes.append(pool.run(b"x"))) for _ in range(2)]
            for thread in threads:
                thread.start()
            meeting.wait()
            for thread in threads:
                thread.join()
            self.assertEqual([outcome.succeeded for outcome in outcomes], [True, True])

    def test_serve_asyncio(self) -> None:
        async def run(pool: spry.Pool) -> list[bytes]:
            outcomes = await asyncio.gather(*(pool.run_async(str(number).encode()) for number in range(50)))
            return [outcome.output for outcome in outcomes]

        with spry.Pool(guest("echo_input"), workers=2, queue=2) as pool:
            self.assertEqual(asyncio.run(run(pool)), [b"%d" % number for number in range(50)])

    def test_finish_or_cancel_what_waits(self) -> None:
        for cancel in (False, True):
            gate = Gate()
            pool = gate.pool()
            futures = [pool.submit(b"hold")]
            gate.reached.wait()
            futures += [pool.submit(b"x") for _ in range(5)]
            closing = threading.Thread(target=lambda pool=pool, cancel=cancel: pool.close(cancel=cancel))
            closing.start()
            while cancel and pool.statistics().cancelled == 0:
                time.sleep(0.001)
            gate.open.set()
            closing.join()
            pool.close()
            self.assertTrue(all(future.done() for future in futures))
            cancelled = [future for future in futures if future.cancelled()]
            self.assertEqual(len(cancelled), 5 if cancel else 0)
            self.assertEqual(pool.statistics().cancelled, 5 if cancel else 0)

    def test_take_back_what_waits(self) -> None:
        gate = Gate()
        with gate.pool() as pool:
            running = pool.submit(b"hold")
            gate.reached.wait()
            futures = [pool.submit(b"x") for _ in range(5)]
            called: list[bool] = []
            futures[3].add_done_callback(lambda future: called.append(future.cancelled()))
            self.assertFalse(running.cancel())
            self.assertTrue(futures[3].cancel())
            self.assertTrue(futures[3].cancel())
            self.assertTrue(futures[3].cancelled())
            with self.assertRaises(concurrent.futures.CancelledError):
                futures[3].result()
            gate.open.set()
            pool.drain()
            self.assertEqual(called, [True])
            self.assertEqual([future.cancelled() for future in futures], [False, False, False, True, False])
            self.assertFalse(futures[0].cancel())
            self.assertTrue(running.result().succeeded)
            self.assertEqual(pool.statistics().cancelled, 1)
            self.assertEqual(concurrent.futures.wait(futures).not_done, set())

    def test_take_a_deadline_for_one_action(self) -> None:
        with spry.Pool(guest("spy"), workers=1) as pool:
            self.assertIs(pool.run(SPIN, deadline=0.05).reason, spry.Reason.DEADLINE)
            self.assertIs(pool.submit(SPIN, deadline=0.05).result().reason, spry.Reason.DEADLINE)
            outcome = asyncio.run(pool.run_async(SPIN, deadline=0.05))
            self.assertIs(outcome.reason, spry.Reason.DEADLINE)
            with self.assertRaises(ValueError):
                pool.submit(SPIN, deadline=0.0)

    def test_cancel_after_an_exception(self) -> None:
        with self.assertRaises(KeyError), spry.Pool(guest("hello"), workers=1) as pool:
            raise KeyError
        with self.assertRaises(spry.MonitorError):
            pool.run()

    def test_leave_no_thread_and_no_descriptor(self) -> None:
        def use() -> None:
            for closes in (True, False):
                pool = spry.Pool(guest("hello"), workers=2)
                self.assertEqual(pool.submit().result().output, b"Hello\n")
                if closes:
                    pool.close()

        use()
        gc.collect()
        before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
        for _ in range(5):
            use()
        gc.collect()
        self.assertEqual((len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))), before)

    def test_keep_disks_as_they_were(self) -> None:
        with tempfile.NamedTemporaryFile() as disk:
            disk.truncate(65536)
            with self.assertRaisesRegex(spry.MonitorError, "serves one action only"):
                spry.Pool(guest("block_action"), spry.Options(block={"disk": disk.name}))
            with spry.Pool(guest("block_action"), spry.Options(block={"disk": f"{disk.name},overlay"})) as pool:
                for _ in range(3):
                    self.assertEqual(pool.run().status, 0)


if __name__ == "__main__":
    # A shell starts programs in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    unittest.main(argv=sys.argv, warnings="error")
