#!/usr/bin/env python3
"""How long the window takes to show a recording of hundreds of gigabytes, from the start of the process.

Makes sparse recordings (a `.npy` and a `.raw` of 569 GB, 128 channels of int16; they take a few hundred megabytes of
disk), opens each in the release build on a screen of its own (Xvfb, software rasteriser) and looks at that screen until
something is drawn (the window is there) and until traces are. There is no sidecar before any run. Prints the seconds to
either, and their difference, which is to be below one.

  python benches/cold_start.py [--runs 5]

Needs numpy, Xvfb, xwd and the release build (or LONGWAVE=path). For figures that mean something, let nothing else run.
"""

import argparse
import os
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
LONGWAVE = Path(os.environ.get("LONGWAVE", ROOT / "target" / "release" / "longwave"))
SIZE = 569_000_000_000
CHANNELS = 128
RATE_HZ = 30_000
SCREEN = ":97"
# Strongly coloured pixels in the middle of the window that are more than icons and less than the first traces.
TRACES = 3000
PATIENCE_S = 60


def write_recordings(folder: Path) -> list[list[str]]:
    """Noise at the start and in the middle of nothing; the arguments that open each."""
    noise = np.random.default_rng(1).integers(-200, 200, (300_000, CHANNELS), dtype=np.int16).tobytes()
    frames = SIZE // (2 * CHANNELS)
    header = f"{{'descr': '<i2', 'fortran_order': False, 'shape': ({frames}, {CHANNELS}), }}"
    header = (header + " " * (-(len(header) + 11) % 64) + "\n").encode()
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    for name, start in [("day.npy", header), ("day.raw", b"")]:
        with open(folder / name, "wb") as file:
            for at in (0, frames // 2):
                file.seek(len(start) + at * 2 * CHANNELS)
                file.write(noise)
            file.seek(0)
            file.write(start or noise[:2])
            file.truncate(len(start) + frames * 2 * CHANNELS)
    rate = ["--rate", str(RATE_HZ)]
    return [
        [str(folder / "day.npy"), *rate],
        [str(folder / "day.raw"), *rate, "--format", "raw", "--dtype", "i16", "--channel-count", str(CHANNELS)],
    ]


def seen(env: dict) -> np.ndarray:
    """The screen: height x width x (blue, green, red)."""
    dump = subprocess.run(["xwd", "-root", "-silent"], env=env, capture_output=True, check=True).stdout
    head = struct.unpack(">25I", dump[:100])
    header_bytes, width, height, line_bytes, colours = head[0], head[4], head[5], head[12], head[19]
    pixels = np.frombuffer(dump, np.uint8, offset=header_bytes + 12 * colours)[: line_bytes * height]
    return pixels.reshape(height, line_bytes // 4, 4)[:, :width, :3]


def measure(arguments: list[str], env: dict) -> tuple[float, float]:
    """Seconds to the window and to the traces."""
    Path(arguments[0] + ".lwpeaks").unlink(missing_ok=True)
    start = time.monotonic()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([LONGWAVE, *arguments], env=env, **quiet)
    window = None
    try:
        while True:
            screen = seen(env)
            now = time.monotonic() - start
            if window is None and screen.any():
                window = now
            middle = screen[100:700, 300:800].astype(int)
            if (middle.max(2) - middle.min(2) > 60).sum() > TRACES:
                return window, now
            if now > PATIENCE_S or process.poll() is not None:
                raise SystemExit(f"{arguments[0]}: no traces are drawn (exit status {process.poll()})")
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    for tool in ("Xvfb", "xwd"):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        env = {**os.environ, "DISPLAY": SCREEN, "HOME": name, "XDG_RUNTIME_DIR": str(folder / "run")}
        env.pop("WAYLAND_DISPLAY", None)
        screen = subprocess.Popen(["Xvfb", SCREEN, "-screen", "0", "1920x1080x24"], stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            print(f"{'seconds, median of ' + str(runs):<28} {'window':>8} {'traces':>8} {'between':>8}")
            for arguments in write_recordings(folder):
                times = [measure(arguments, env) for _ in range(runs)]
                window, traces = (statistics.median(t[i] for t in times) for i in (0, 1))
                between = statistics.median(t[1] - t[0] for t in times)
                size = os.path.getsize(arguments[0]) / 1e9
                print(f"{Path(arguments[0]).name + f' ({size:.0f} GB)':<28} {window:8.2f} {traces:8.2f} {between:8.2f}")
        finally:
            screen.kill()
            screen.wait()


if __name__ == "__main__":
    main()
