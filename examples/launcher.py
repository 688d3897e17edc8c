"""launcher UNIKERNEL TEXT...: runs the unikernel once for each text, which is its input, and prints what it printed."""

import sys

import spry


def main(arguments: list[str]) -> int:
    if not arguments:
        print("usage: launcher UNIKERNEL TEXT...", file=sys.stderr)
        return 2
    unikernel, *texts = arguments
    try:
        # Each action finds its machine as the first one found it.
        with spry.Pool(unikernel, spry.Options(deadline=1.0), workers=2) as pool:
            for outcome in pool.map(text.encode() for text in texts):
                sys.stdout.buffer.write(outcome.output)
                if outcome.reason is not spry.Reason.EXIT:
                    print(f"launcher: {unikernel}: {outcome.reason.value}", file=sys.stderr)
    except spry.Error as error:
        print(f"launcher: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
