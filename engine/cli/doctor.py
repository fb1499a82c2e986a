"""`tern doctor`: what this computer offers, which kernels Tern picks here, and why.

`--bundle` writes it into a support archive, with the logs.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from engine import support
from engine.cli import console, ipex_level, network_filter
from engine.cli.session import ClientFactory
from engine.doctor import KernelAdvice, Report, examine
from engine.hardware import Cpu, read_cpu
from engine.kernels.base import IPEX_WORTHWHILE, ipex_installed
from engine.messages import Kernel
from engine.paths import Paths


def run(args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the command."""
    paths = Paths.default()
    report = look(paths)
    if args.bundle is not None:
        return _bundle(paths, report, args.bundle, args.json)
    if args.json:
        console.print_json(report)
        return 0
    for name, text in lines(report):
        print(f"{name:16}{console.one_line(text)}".rstrip())
    return 0


def look(paths: Paths) -> Report:
    """Return what this computer offers. Takes a while: IPEX is asked in a process of its own."""
    cpu = read_cpu()
    report = _at_a_glance(paths, cpu)
    if not ipex_installed():
        return report
    # What the kernels will really run on: IPEX may see less than the flags say.
    return replace(report, ipex_isa=ipex_level.level_apart(cpu))


def _at_a_glance(paths: Paths, cpu: Cpu) -> Report:
    return replace(examine(paths, cpu), network_problem=network_filter.problem_apart())


def support_files(paths: Paths, report: Report | None = None) -> dict[str, str]:
    """Return what a support archive holds. report: as `look` has it, else without asking IPEX."""
    asked = report is not None
    report = report or _at_a_glance(paths, read_cpu())
    # Its models stand in a list of their own.
    return support.collect(paths, lines(replace(report, models=()), asked), report.models)


def _bundle(paths: Paths, report: Report, name: str, as_json: bool) -> int:
    file = Path(name or support.file_name(datetime.now())).expanduser().absolute()
    files = support_files(paths, report)
    support.write(file, files)
    if as_json:
        sizes = {held: len(text.encode()) for held, text in files.items()}
        console.print_json({"file": file, "files": sizes})
        return 0
    print(f"{file} holds these files. Look into them before you give it to anybody.")
    for held, text in files.items():
        print(f"{len(text.encode()):>9,}  {held}")
    print(support.NEVER)
    return 0


def lines(report: Report, asked_ipex: bool = True) -> Iterator[tuple[str, str]]:
    """Return what is told of `report`: names and texts, with empty ones between its parts."""
    for name, version in report.versions.items():
        yield name, version or "not installed"
    yield "system", report.system
    yield "CPU", report.cpu
    yield "instructions", f"{report.isa} ({_flags(report.flags)})"
    missing = "not built, as no C++ compiler was at hand: torch's slower operators serve instead"
    yield "native core", "compiled, for every instruction set" if report.core_built else missing
    if report.versions.get("ipex") and asked_ipex:
        yield "IPEX runs on", report.ipex_isa or "nothing: it cannot be imported here"
    yield "engine's network", _network(report.network_problem)
    limit = f", limited to {report.quota:g} CPUs" if report.quota else ""
    yield "threads", f"{report.threads} on cores {_ranges(report.cores)}{limit}"
    available, total = console.size(report.memory_available), console.size(report.memory_total)
    yield "memory", f"{available} of {total} available"
    library = report.openmp_library
    absent = "torch's own, as intel-openmp is not installed"
    yield "OpenMP library", f"{library}, preloaded in the engine" if library else absent
    yield "", ""
    for advice in report.kernels:
        yield f"{advice.precision}", f"{advice.kernel} kernels: {advice.why}{_exception(advice)}"
        asked = advice.ipex_problem or advice.ipex_caution or "IPEX can serve it"
        yield "  --kernel ipex", asked
    yield "", ""
    for place in report.places:
        yield (
            place.purpose,
            f"{place.folder}{f' (cannot write: {place.problem})' * bool(place.problem)}",
        )
    yield "", ""
    for model in report.models:
        problem = f" ({model.problem})" if model.problem else ""
        yield "model", f"{model.name}, {console.size(model.size)}, {model.folder}{problem}"


def _network(problem: str | None) -> str:
    if problem == "":
        return "none: the kernel refuses its processes every internet socket"
    because = f" ({problem})" if problem else ""
    return f"refused by Tern alone, to all of Python's sockets, not by the kernel{because}"


def _exception(advice: KernelAdvice) -> str:
    if advice.kernel != Kernel.IPEX:
        return ""
    return f" (models under {IPEX_WORTHWHILE / 1e6:.0f} million parameters run natively)"


def _flags(flags: dict[str, bool]) -> str:
    there = " ".join(flag for flag, present in flags.items() if present)
    absent = " ".join(flag for flag, present in flags.items() if not present)
    return f"has {there or 'none'}; lacks {absent or 'none'}"


def _ranges(cores: tuple[int, ...]) -> str:
    """Return core numbers in the kernel's list format: "0-3,8"."""
    runs: list[list[int]] = []
    for core in cores:
        if runs and core == runs[-1][-1] + 1:
            runs[-1].append(core)
        else:
            runs.append([core])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
