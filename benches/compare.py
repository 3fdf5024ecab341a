#!/usr/bin/env python3
"""Longwave beside other tools on the same files: whole processes, in turn (A B A B ...), in one run.

Every row runs Longwave and its yardstick alternately after one unmeasured round, so that both find the page cache warm,
and reports the median of the ratios pair by pair: what the machine does meanwhile hits both. Python yardsticks measure
the computation only, not the start of the interpreter or its imports, which would flatter Longwave; Longwave's time is
that of the whole process. Peak memory is `ru_maxrss` of the process (resident pages of mapped files included).

  python benches/compare.py                      every row, inputs of 1 GB
  python benches/compare.py --only stats --runs 9
  python benches/compare.py --full               also the passes over 100 GB

Needs numpy, scipy and tsdownsample in the Python that runs it, and the release build (or LONGWAVE=path). Inputs are made
once, under target/bench. A row whose command fails is reported as failed, and the exit status is then 1.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "target" / "bench"
LONGWAVE = Path(os.environ.get("LONGWAVE", ROOT / "target" / "release" / "longwave"))
ORACLE = Path(os.environ.get("LONGWAVE_ORACLE", ROOT.parent / "shared" / "oracle"))
MIB = 1 << 20
CHANNELS = 128


class Failed(Exception):
    """A command did not do its work; the text is what it said."""


def run(argv, stdout=None, cwd=None):
    """Runs a process (in folder `cwd`); returns seconds and peak resident bytes."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(a) for a in argv],
        stdout=stdout or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
    )
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != 0:
        raise Failed(f"{Path(str(argv[0])).name} {argv[1] if len(argv) > 1 else ''}: {errors.decode(errors='replace').strip()}")
    # Linux counts ru_maxrss in KiB, macOS in bytes.
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def longwave(*args):
    return run([LONGWAVE, *args, "--quiet"])


def python_yardstick(code, *args):
    """Runs `code` in a fresh interpreter; returns the seconds that it prints (`seconds`) and the process' peak."""
    program = "import sys, time\nimport numpy as np\n" + code + "\nprint(seconds)"
    out = BENCH / "yardstick.txt"
    with out.open("wb") as file:
        _, peak = run([sys.executable, "-c", program, *args], stdout=file)
    return float(out.read_text()), peak


# --- Inputs -------------------------------------------------------------------------------------------------------


def apart(make):
    """Runs `make` in a forked process. The system counts the memory of this process, from before its `exec`, into the
    peak of every process that it starts: it must stay small, without numpy."""
    child = os.fork()
    if child == 0:
        try:
            make()
            os._exit(0)
        except BaseException as e:
            print(e, file=sys.stderr)
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        raise Failed("the input could not be made")


def npy_header(file, descr, shape):
    """A version 1.0 header of 128 bytes."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape})
    file.write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode() + b"\n")


def input_int16(megabytes, channels=CHANNELS):
    """Interleaved int16, of 128 channels if nothing else is said: noise with a slow wave, made block by block."""
    frames = megabytes * MIB // (2 * channels)
    path = BENCH / (f"int16_{megabytes}.npy" if channels == CHANNELS else f"int16_{megabytes}_{channels}ch.npy")
    if not path.exists():
        print(f"making {path.name}", file=sys.stderr)

        def make():
            import numpy as np

            part = path.with_suffix(".part")
            noise = np.random.default_rng(1).normal(0, 200, (8192, channels)).astype(np.int16)
            with part.open("wb") as file:
                npy_header(file, "<i2", (frames, channels))
                for start in range(0, frames, 8192):
                    block = np.roll(noise, start // 8192 * 37, axis=0) + np.int16(500 * np.sin(start / 1e6))
                    file.write(block[: min(8192, frames - start)].tobytes())
            part.rename(path)

        apart(make)
    return path


def input_float32(megabytes):
    """One channel of float32 noise."""
    count = megabytes * MIB // 4
    path = BENCH / f"float32_{megabytes}.npy"
    if not path.exists():
        print(f"making {path.name}", file=sys.stderr)

        def make():
            import numpy as np

            part = path.with_suffix(".part")
            noise = np.random.default_rng(2).standard_normal(1 << 20).astype(np.float32)
            with part.open("wb") as file:
                npy_header(file, "<f4", (count,))
                for start in range(0, count, 1 << 20):
                    file.write((noise * np.float32(1 + start / count))[: count - start].tobytes())
            part.rename(path)

        apart(make)
    return path


def input_sparse(gigabytes):
    """Interleaved int16 that says it is this long and occupies no disk."""
    path = BENCH / f"sparse_{gigabytes}.npy"
    if not path.exists():
        frames = gigabytes * 10**9 // (2 * CHANNELS)
        with path.open("wb") as file:
            npy_header(file, "<i2", (frames, CHANNELS))
            file.truncate(file.tell() + frames * 2 * CHANNELS)
    return path


def input_rec():
    """A 17-hour .rec of 128 channels, sparse, from the generator beside the project; else a long demo recording."""
    generator = ORACLE / "gen_rec.py"
    path = BENCH / "day.rec"
    if generator.exists():
        if not path.exists():
            run([sys.executable, generator, "--out", path, "--sparse-hours", "17"])
        return path, "17 h .rec"
    path = BENCH / "demo.npy"
    if not path.exists():
        longwave("demo", "-o", path, "--seconds", "600", "--channels", "128")
    return path, "10 min demo (no generator for .rec here)"


def input_session(parts):
    """A folder of `parts` sparse .rec files, 17 hours together; `None` without the generator. Each has 20 packets at
    either end, whose counters and clocks go on from file to file."""
    generator = ORACLE / "gen_rec.py"
    folder = BENCH / f"session_{parts}"
    if not generator.exists():
        return None
    if folder.exists():
        return folder
    model = BENCH / "model.rec"
    run([sys.executable, generator, "--out", model, "--packets", "40"])
    facts = json.loads(Path(f"{model}.json").read_text())
    data, start, size = model.read_bytes(), facts["header_bytes"], facts["packet_bytes"]
    packets = [data[start + i * size : start + (i + 1) * size] for i in range(40)]
    counter_at, clock_at = facts["timestamp_offset"], facts["device_offsets"].get("SysClock")
    (counter,) = struct.unpack_from("<I", packets[0], counter_at)
    frames = 17 * 3600 * 30_000 // parts
    making = folder.with_suffix(".part")
    making.mkdir(parents=True, exist_ok=True)
    for part in range(parts):
        name = f"20230622_rat_{part // 50 + 1:02d}_r_part{part % 50 + 1}.rec"
        with (making / name).open("wb") as file:
            file.write(data[:start])
            for i in [*range(20), *range(frames - 20, frames)]:
                packet, tick = bytearray(packets[i % 40]), part * frames + i
                struct.pack_into("<I", packet, counter_at, (counter + tick) & 0xFFFFFFFF)
                if clock_at is not None:
                    (clock,) = struct.unpack_from("<q", packets[0], clock_at)
                    struct.pack_into("<q", packet, clock_at, clock + tick * 100_000 // 3)
                file.seek(start + i * size)
                file.write(packet)
    making.rename(folder)
    return folder


def warm(path):
    """Reads the file once, so that it is in the page cache if it fits."""
    with path.open("rb", buffering=0) as file:
        while file.read(MIB):
            pass


def forget(path):
    """Deletes the sidecar, so that the next pass is a whole one."""
    Path(f"{path}.lwpeaks").unlink(missing_ok=True)


# --- Rows ---------------------------------------------------------------------------------------------------------

STATS = """
x = np.load(sys.argv[1], mmap_mode='r')
started = time.perf_counter()
n, total, squares, low, high = 0, 0.0, 0.0, np.inf, -np.inf
for i in range(0, len(x), 1 << 20):
    c = np.asarray(x[i:i + (1 << 20)])
    low, high = min(low, c.min()), max(high, c.max())
    mean, std = c.mean(dtype=np.float64), c.std(dtype=np.float64)
    total += mean * len(c); squares += (std * std + mean * mean) * len(c); n += len(c)
mean = total / n; std = (squares / n - mean * mean) ** 0.5
seconds = time.perf_counter() - started
"""

WELCH = """
from scipy.signal import welch
x = np.load(sys.argv[1], mmap_mode='r')
started = time.perf_counter()
total, weight = 0.0, 0
for i in range(0, len(x), 1 << 22):
    c = np.asarray(x[i:i + (1 << 22) + 4096])
    if len(c) < 8192: break
    windows = (len(c) - 4096) // 4096
    total = total + windows * welch(c, 30000.0, 'hann', 8192, 4096)[1]; weight += windows
psd = total / weight
seconds = time.perf_counter() - started
"""

FILTER = """
from scipy import signal
x = np.load(sys.argv[1], mmap_mode='r')
# The margin that longwave reads around what it makes, and chunks of the size that it takes. Both make the file durable.
margin, chunk = 1567, 1 << 15
started = time.perf_counter()
sos = signal.butter(4, [300, 6000], 'bandpass', fs=30000, output='sos')
out = np.lib.format.open_memmap(sys.argv[2], mode='w+', dtype=np.float32, shape=x.shape)
for i in range(0, len(x), chunk):
    first, end = max(0, i - margin), min(len(x), i + chunk + margin)
    y = signal.sosfiltfilt(sos, np.asarray(x[first:end], dtype=np.float64), axis=0)
    out[i:i + chunk] = y[i - first:][:chunk]
out.flush()
seconds = time.perf_counter() - started
"""

WELCH_MANY = """
from scipy.signal import welch
x = np.load(sys.argv[1], mmap_mode='r')
started = time.perf_counter()
total, weight = 0.0, 0
for i in range(0, len(x), 1 << 18):
    c = np.asarray(x[i:i + (1 << 18) + 4096])
    if len(c) < 8192: break
    windows = (len(c) - 4096) // 4096
    total = total + windows * welch(c, 30000.0, 'hann', 8192, 4096, axis=0)[1]; weight += windows
psd = total / weight
seconds = time.perf_counter() - started
"""

DOWNSAMPLE = """
from tsdownsample import MinMaxDownsampler
x = np.fromfile(sys.argv[1], dtype=np.int16, offset=128)
x = x[: len(x) // 2048 * 2048]
m = MinMaxDownsampler()
m.downsample(x[: 1 << 20], n_out=2048, parallel=True)
started = time.perf_counter()
m.downsample(x, n_out=2 * (len(x) // 32768), parallel=True)
seconds = time.perf_counter() - started
"""


def pairs(runs, ours, theirs, before=lambda: None):
    """Ours and theirs in turn; the median ratio theirs / ours, and both medians."""
    a, b, peaks = [], [], []
    for i in range(runs + 1):
        before()
        seconds, peak = ours()
        yardstick, _ = theirs()
        if i > 0:  # the first round warms up
            a.append(seconds)
            b.append(yardstick)
            peaks.append(peak)
    ratios = [y / x for x, y in zip(a, b)]
    return statistics.median(ratios), statistics.median(a), statistics.median(b), max(peaks)


def alone(runs, ours, before=lambda: None):
    seconds, peaks = [], []
    for i in range(runs + 1):
        before()
        s, peak = ours()
        if i > 0:
            seconds.append(s)
            peaks.append(peak)
    return statistics.median(seconds), max(peaks)


def mib(n):
    return f"{n / MIB:.0f} MiB"


def row_info(o):
    path, what = input_rec()
    seconds, peak = alone(o.runs, lambda: longwave("info", path, "--json"))
    yield f"info, {what}", f"{seconds:.3f} s, {mib(peak)}", "0.3 s, 150 MB", seconds < 0.3 and peak < 150e6
    target = BENCH / "shot.png"
    seconds, peak = alone(
        o.runs, lambda: longwave("shot", path, "-o", target, "--force"), before=lambda: forget(path)
    )
    yield f"shot, {what}", f"{seconds:.3f} s, {mib(peak)}", "1 s, 150 MB", seconds < 1 and peak < 150e6


def row_session(o):
    for parts in (17, 200):
        folder = input_session(parts)
        if folder is None:
            yield f"info, 17 h in {parts} parts", "no generator for .rec here", "0.5 s", None
            continue
        seconds, peak = alone(o.runs, lambda: longwave("info", folder, "--json"))
        yield f"info, 17 h in {parts} parts", f"{seconds:.3f} s, {mib(peak)}", "0.5 s", seconds < 0.5


def row_peaks(o):
    path = input_int16(o.size)
    warm(path)
    ours = lambda: longwave("peaks", path, "--threads", "2")
    clean = lambda: forget(path)

    def cat():
        with open(os.devnull, "wb") as null:
            return run(["cat", path], stdout=null)

    ratio, mine, theirs, _ = pairs(o.runs, ours, cat, clean)
    gb = path.stat().st_size / 1e9
    yield "peaks : cat", f"{ratio:.2f} ({gb / mine:.1f} : {gb / theirs:.1f} GB/s)", ">= 1", ratio >= 1
    ratio, mine, theirs, _ = pairs(o.runs, ours, lambda: python_yardstick(DOWNSAMPLE, path), clean)
    yield "peaks : tsdownsample", f"{ratio:.2f} ({gb / mine:.1f} : {gb / theirs:.1f} GB/s)", "aim 0.6", ratio >= 0.6
    share = Path(f"{path}.lwpeaks").stat().st_size / path.stat().st_size
    yield "sidecar : file", f"{100 * share:.2f} %", "<= 1.1 %", share <= 0.011
    forget(path)


def row_stats(o):
    path = input_float32(o.size)
    warm(path)
    ours = lambda: longwave("stats", path, "--rate", "30000", "--json")
    ratio, mine, theirs, _ = pairs(o.runs, ours, lambda: python_yardstick(STATS, path), lambda: forget(path))
    yield "stats : numpy", f"{ratio:.1f} ({mine:.2f} : {theirs:.2f} s)", ">= 4", ratio >= 4


def row_range(o):
    """10^10 samples that occupy no disk, one of them a spike."""
    path = BENCH / "samples_1e10.npy"
    if not path.exists():
        with path.open("wb") as file:
            npy_header(file, "<i2", (10**10,))
            file.truncate(file.tell() + 2 * 10**10)
            file.seek(128 + 2 * 7 * 10**9)
            file.write((12345).to_bytes(2, "little"))
    longwave("peaks", path, "--rate", "30000")
    ours = lambda: longwave("stats", path, "--rate", "30000", "--range", "#1234..#9999990000", "--json")
    seconds, peak = alone(max(o.runs, 10), ours)
    yield "stats of a range, 10^10 samples", f"{1000 * seconds:.1f} ms, {mib(peak)}", "10 ms", seconds < 0.01


def row_first(o):
    """The first excursion, far into samples that occupy no disk: 100 GB with --full, which need some minutes first."""
    samples = (50 if o.full else 10) * 10**9
    path = BENCH / f"spike_{samples}.npy"
    if not path.exists():
        with path.open("wb") as file:
            npy_header(file, "<i2", (samples,))
            file.truncate(file.tell() + 2 * samples)
            file.seek(128 + 2 * (samples // 100 * 98 + 123))
            file.write((2000).to_bytes(2, "little"))
    longwave("peaks", path, "--rate", "30000")
    ours = lambda: longwave("find", path, "--rate", "30000", "--above", "500", "--first", "--json")
    seconds, peak = alone(o.runs, ours)
    yield f"first excursion in {samples * 2 / 1e9:.0f} GB", f"{seconds:.3f} s, {mib(peak)}", "1 s", seconds < 1


def row_spectrum(o):
    target = BENCH / "spectrum.npy"
    inputs = [("spectrum", input_float32(o.size), WELCH), ("spectrum, 32 ch int16", input_int16(o.size, 32), WELCH_MANY)]
    for what, path, yardstick in inputs:
        warm(path)
        ours = lambda: longwave(
            "spectrum", path, "--rate", "30000", "--window", "8192", "--overlap", "4096", "--taper", "hann",
            "--threads", "2", "-o", target, "--force",
        )
        ratio, mine, theirs, _ = pairs(o.runs, ours, lambda: python_yardstick(yardstick, path))
        yield f"{what} : scipy", f"{ratio:.1f} ({mine:.2f} : {theirs:.2f} s)", ">= 15", ratio >= 15
    yield "spectrum : bare realfft", "run: cargo bench --bench analysis -- 'f32, 1 channel$|realfft'", ">= 0.6", None


def row_filter(o):
    path = input_int16(o.size, 32)
    warm(path)
    target, yardstick = BENCH / "filtered.npy", BENCH / "filtered_scipy.npy"

    def clean():
        for file in (target, yardstick, Path(f"{target}.longwave.toml")):
            file.unlink(missing_ok=True)

    ours = lambda: longwave(
        "filter", path, "--rate", "30000", "--no-remember", "--band-pass", "300..6000", "--threads", "2",
        "-o", target, "--force",
    )
    try:
        ratio, mine, theirs, _ = pairs(o.runs, ours, lambda: python_yardstick(FILTER, path, yardstick), clean)
        yield "filter : scipy", f"{ratio:.1f} ({mine:.2f} : {theirs:.2f} s)", ">= 4", ratio >= 4
    finally:
        clean()


def row_export(o):
    path = input_int16(o.size)
    warm(path)
    target, copy = BENCH / "export.npy", BENCH / "copy.npy"

    def cp():
        # Longwave makes its file durable before it renames it; so does the yardstick.
        seconds, peak = run(["cp", "--reflink=never", path, copy])
        started = time.perf_counter()
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        return seconds + time.perf_counter() - started, peak

    def clean():
        for file in (target, copy, Path(f"{target}.longwave.toml")):
            file.unlink(missing_ok=True)

    try:
        ours = lambda: longwave("export", path, "--rate", "30000", "-o", target, "--force")
        ratio, mine, theirs, _ = pairs(o.runs, ours, cp, clean)
        gb = path.stat().st_size / 1e9
        yield "export : cp + fsync", f"{ratio:.2f} ({gb / mine:.2f} : {gb / theirs:.2f} GB/s)", ">= 0.8", ratio >= 0.8
    finally:
        clean()


RIVAL = ROOT / "target" / "rival" / "bin" / "python"
RIVAL_PACKAGE = "trodes_to_nwb==0.1.9"
RIVAL_CODE = """
import sys, time, warnings
from pathlib import Path
warnings.filterwarnings("ignore")
from trodes_to_nwb import convert
# The sample metadata names videos and texts that are not there: they are no part of what is compared.
convert.add_associated_video_files = convert.add_associated_files = lambda *args, **kwargs: None
started = time.perf_counter()
convert.create_nwbs(Path(sys.argv[1]), output_dir=sys.argv[2], n_workers=1)
assert list(Path(sys.argv[2]).glob("*.nwb")), "no file was written"
print(time.perf_counter() - started)
"""


def rival():
    """A Python that has the reference converter, in an environment of its own."""
    if not RIVAL.exists():
        print(f"installing {RIVAL_PACKAGE}", file=sys.stderr)
        run([sys.executable, "-m", "venv", RIVAL.parent.parent])
        run([RIVAL, "-m", "pip", "install", "--quiet", RIVAL_PACKAGE])
    return RIVAL


def input_converted(seconds):
    """A folder with a generated recording, named and described as the reference converter wants it."""
    folder = BENCH / f"session_{seconds}"
    path = folder / "20230622_sample_01_a1.rec"
    if not path.exists():
        print(f"making {path.name}, {seconds} s", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        run([sys.executable, ORACLE / "gen_rec.py", "--out", path.with_suffix(".part"), "--seconds", str(seconds)])
        path.with_suffix(".part").rename(path)
        for name in folder.glob("*.json"):
            name.unlink()
        shutil.copy(ORACLE.parent / "data/rec/20230622_sample_metadataProbeReconfig.yml", folder / "20230622_sample_metadata.yml")
    return folder, path


def row_nwb(o):
    """To NWB beside the reference converter, which is run once: it takes minutes and 14 GB."""
    folder, path = input_converted(o.nwb_seconds)
    target, copy, theirs_in = BENCH / "out.nwb", BENCH / "copy.rec", BENCH / "rival_nwb"
    metadata = folder / "20230622_sample_metadata.yml"
    peaks = []

    def ours(*args):
        seconds, peak = longwave("export", path, "-o", target, "--force", "--metadata", metadata, *args)
        peaks.append(peak)
        return seconds, peak

    def cp():
        seconds, peak = run(["cp", "--reflink=never", path, copy])
        started = time.perf_counter()
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        return seconds + time.perf_counter() - started, peak

    def clean():
        for file in (target, copy):
            file.unlink(missing_ok=True)
        shutil.rmtree(theirs_in, ignore_errors=True)

    try:
        warm(path)
        gb = path.stat().st_size / 1e9
        ratio, plain, copied, _ = pairs(o.runs, lambda: ours("--compression", "none", "--no-verify"), cp, clean)
        yield "nwb : cp + fsync", f"{ratio:.2f} ({gb / plain:.2f} : {gb / copied:.2f} GB/s)", ">= 0.5", ratio >= 0.5
        verified = statistics.median(ours("--compression", "none")[0] for _ in range(o.runs))
        packed = statistics.median(ours()[0] for _ in range(o.runs))
        yield "nwb, memory", mib(max(peaks)), "256 MiB", max(peaks) <= 256 * MIB
        clean()
        theirs_in.mkdir(parents=True)
        program = BENCH / "rival.py"
        program.write_text(RIVAL_CODE)
        out = BENCH / "yardstick.txt"
        with out.open("wb") as file:
            # It leaves a log where it is started.
            _, peak = run([rival(), program, folder, theirs_in], stdout=file, cwd=BENCH)
        theirs = float(out.read_text().split()[-1])
        what = f"{theirs:.0f} s and {mib(peak)} there"
        yield "nwb : trodes_to_nwb", f"{theirs / verified:.1f} ({verified:.1f} s verified, {what})", ">= 12", theirs / verified >= 12
        yield "nwb, gzip : theirs without", f"{theirs / packed:.1f} ({packed:.1f} s verified)", ">= 3", theirs / packed >= 3
    finally:
        clean()


def row_memory(o):
    inputs = [("1 GB", input_sparse(1))] + ([("100 GB", input_sparse(100))] if o.full else [])
    outputs = {"spectrum": BENCH / "memory.npy", "export": BENCH / "memory_export.npy", "shot": BENCH / "memory.png"}
    for command in ("stats", "spectrum", "peaks", "shot", "export"):
        for name, path in inputs:
            forget(path)
            args = [command, path, "--rate", "30000"]
            if command in outputs:
                args += ["-o", outputs[command], "--force"]
            if command == "export":
                free = shutil.disk_usage(BENCH).free
                if path.stat().st_size * 1.1 > free:
                    yield f"memory, {command}, {name}", f"not run: {free / 1e9:.0f} GB free", "256 MiB", None
                    continue
            try:
                seconds, peak = longwave(*args)
                yield f"memory, {command}, {name}", f"{mib(peak)} ({seconds:.1f} s)", "256 MiB", peak <= 256 * MIB
            except Failed as e:
                yield f"memory, {command}, {name}", f"failed: {e}", "256 MiB", False
            finally:
                forget(path)
                for output in outputs.values():
                    output.unlink(missing_ok=True)
                    Path(f"{output}.longwave.toml").unlink(missing_ok=True)
    if not o.full:
        yield "memory, 100 GB", "not run: give --full", "256 MiB", None


def row_frame(_):
    yield "frame, 128 ch x 1900 columns", "run: cargo bench --bench frame", "4 ms (p95)", None


ROWS = {
    "info": row_info,
    "session": row_session,
    "peaks": row_peaks,
    "stats": row_stats,
    "range": row_range,
    "first": row_first,
    "spectrum": row_spectrum,
    "filter": row_filter,
    "export": row_export,
    "nwb": row_nwb,
    "memory": row_memory,
    "frame": row_frame,
}


def machine():
    """One line: processor, cores, memory, system."""
    processor = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (OSError, ValueError):
        memory = 0
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    return f"{processor}, {os.cpu_count()} threads, {memory:.0f} GiB, {platform.system()} {platform.release()}, load {load:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=ROWS, action="append", help="this row only (may be given several times)")
    parser.add_argument("--runs", type=int, default=5, help="measured rounds of each row (default 5)")
    parser.add_argument("--size", type=int, default=954, metavar="MIB", help="size of the inputs (default 954: 1 GB)")
    parser.add_argument(
        "--nwb-seconds", type=int, default=300, metavar="S", help="length of the recording of the row nwb (default 300)"
    )
    parser.add_argument("--full", action="store_true", help="also the passes over 100 GB, which take minutes each")
    o = parser.parse_args()
    if o.runs < 1 or o.size < 1:
        parser.error("--runs and --size must be at least 1")
    if not LONGWAVE.exists():
        sys.exit(f"{LONGWAVE} is missing: build it with `cargo build --release`, or set LONGWAVE")
    BENCH.mkdir(parents=True, exist_ok=True)
    about = machine()
    print(about)
    lines = [f"Machine: {about}.", f"Date: {time.strftime('%Y-%m-%d')}; inputs {o.size} MiB, {o.runs} rounds.", ""]
    lines += ["| what | measured | target | met |", "|---|---|---|---|"]
    failed = False
    results = []
    for name in o.only or ROWS:
        try:
            rows = ROWS[name](o)
            for what, measured, target, met in rows:
                verdict = {True: "yes", False: "no", None: "-"}[met if met is None else bool(met)]
                failed |= "failed" in measured
                print(f"{what:42} {measured:34} {target:16} {verdict}", flush=True)
                lines.append(f"| {what} | {measured} | {target} | {verdict} |")
                results.append({"what": what, "measured": measured, "target": target, "met": met and bool(met)})
        except (Failed, OSError, ValueError) as e:
            failed = True
            print(f"{name:42} failed: {e}", flush=True)
            lines.append(f"| {name} | failed | | no |")
    (BENCH / "latest.md").write_text("\n".join(lines) + "\n")
    (BENCH / "latest.json").write_text(json.dumps({"machine": about, "rows": results}, indent=1) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
