"""Do the tests notice small faults?

Cosmic Ray plants one fault at a time in an exported module (another number, operator, comparison, condition, loop or decorator) and runs the
tests of that module: its notebook, whose exported cells are taken from the module, its properties and what else looks at it. A
fault that no test notices has survived. Everything happens in a copy of the project. At most one fault a place in the code, drawn
with a seed; none in messages of errors and in type hints.

    python benchmarks/mutate.py                                  # 30 faults in each module of the numerical core
    python benchmarks/mutate.py --modules ruler --faults 40 --seed 1
    python benchmarks/mutate.py --modules records,making --faults 5      # any module of `TESTS`
    python benchmarks/mutate.py --modules fisher --show          # list the faults that would be planted
"""

import argparse
import ast
import difflib
import importlib
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cosmic_ray.commands.init import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT = Path(__file__).parents[1]
GOAL = 0.9
SECONDS = 120  # of processor time for one run of a module's tests: a fault may make a loop endless
LIBRARIES = (
    "IPython",
    "execnb.shell",
    "fastcore.all",
    "hypothesis",
    "ipywidgets",
    "joblib",
    "matplotlib.pyplot",
    "mpmath",
    "nbdev.process",
    "ot",
    "pandas",
    "safetensors.torch",
    "scipy.stats",
    "seaborn",
    "sklearn.linear_model",
    "torch._dynamo",
    "torch.func",
    "torchvision",
    "tqdm.auto",
)

# module -> what tests it, the quick ones first; `test_...` alone: a property
CORE = {
    "fisher": [
        "nbs/02_fisher.ipynb",
        "tests/test_numerics.py",
        "test_lengths_are_lengths",
        "test_geodesics_divide_the_distance",
    ],
    "information": [
        "nbs/02c_information.ipynb",
        "tests/test_models.py::test_fisher_information_of_every_kind",
        "tests/test_numerics.py",
        "test_fisher_information_is_positive",
    ],
    "batches": ["nbs/02b_batches.ipynb", "test_epochs_go_through_all", "test_moving_tasks_give_batches"],
    "moving": [
        "nbs/03_moving.ipynb",
        "test_times_and_orders",
        "test_what_moves_stays_between",
        "test_moving_tasks_give_batches",
    ],
    "couplings": [
        "nbs/03c_couplings.ipynb",
        "test_plans_have_their_marginals",
        "test_block_plans_and_what_follows",
        "test_blocks_hold_every_sample",
    ],
    "crossvalidated": ["nbs/03a_crossvalidated.ipynb", "test_what_walks_share"],
    "ruler": ["nbs/03b_ruler.ipynb", "test_a_ruler_reads_parts_and_chords"],
    "training": ["tests/test_settings_act.py", "nbs/03f_training.ipynb", "nbs/04_trajectory.ipynb"],
    "trajectory": ["tests/test_settings_act.py", "nbs/04_trajectory.ipynb", "tests/test_exact_toy.py"],
    "mantel": [
        "nbs/08_mantel.ipynb",
        "tests/test_face.py::test_mantel_is_callable_whatever_was_imported_before",
        "test_mantel_gives_a_p_value",
        "test_mantel_of_many_tasks",
    ],
}
TESTS = CORE | {
    "registry": ["nbs/00_registry.ipynb", "tests/test_registry.py"],
    "attached": ["nbs/00_attached.ipynb"],
    "finite": ["nbs/00b_finite.ipynb"],
    "block_coupling": ["nbs/02b_block_coupling.ipynb", "test_couplings_are_whole_or_refused"],
    "crops": ["nbs/02b_crops.ipynb", "test_crops_hold_pixels_of_the_image"],
    "later": ["nbs/02b_later.ipynb", "nbs/03_moving.ipynb"],
    "parts": ["nbs/03b_parts.ipynb", "test_parts_of_a_step_add_up"],
    "looks": ["nbs/03b_looks.ipynb", "test_a_ruler_reads_parts_and_chords"],
    "products": ["nbs/05b_products.ipynb", "nbs/05b_stack.ipynb"],
    "stack": ["nbs/05b_stack.ipynb"],
    "seeds": ["nbs/00b_seeds.ipynb", "test_streams_and_rates"],
    "schedules": ["nbs/03f_schedules.ipynb", "test_streams_and_rates", "tests/test_registry.py"],
    "averages": ["nbs/03f_averages.ipynb", "tests/test_settings_act.py", "nbs/04_trajectory.ipynb"],
    "fitting": ["nbs/03g_fitting.ipynb", "tests/test_settings_act.py"],
    "clock": ["nbs/04_clock.ipynb", "test_streams_and_rates", "tests/test_published_turn.py"],
    "lengths": ["nbs/04_lengths.ipynb"],
    "excess": ["nbs/04_excess.ipynb", "tests/test_settings_act.py"],
    "walks": ["nbs/04_walks.ipynb", "tests/test_exact_toy.py"],
    "noise_floor": ["nbs/04a_noise_floor.ipynb"],
    "matrices": ["nbs/04c_matrices.ipynb", "test_foreign_tables_are_refused"],
    "toy": ["nbs/05c_toy.ipynb"],
    "plausible": ["nbs/06a_plausible.ipynb"],
    "records": ["nbs/06b_records.ipynb", "tests/test_store.py"],
    "making": ["nbs/06e_making.ipynb", "tests/test_store.py"],
    "running": ["nbs/06e_running.ipynb", "tests/test_store.py"],
    "progress": ["nbs/07b_progress.ipynb"],
    "weights": ["nbs/09c_weights.ipynb", "nbs/09d_named.ipynb"],
    "named": ["nbs/09d_named.ipynb", "tests/test_adapters.py"],
    "saved": ["nbs/09e_saved.ipynb"],
    "tuning": ["nbs/09e_tuning.ipynb"],
    "few_labels": ["nbs/09e_few_labels.ipynb"],
    "methods": ["nbs/09e_methods.ipynb", "tests/test_settings_act.py"],
    "candidates": ["nbs/09f_candidates.ipynb"],
    "tuned": ["nbs/09g_tuned.ipynb"],
    "halves": ["nbs/10_halves.ipynb"],
    "measurements": ["nbs/10_measurements.ipynb"],
    "order": ["nbs/10_order.ipynb"],
    "ranking_verdict": ["nbs/10_ranking_verdict.ipynb"],
    "ranking_network": ["nbs/10_ranking_network.ipynb"],
    "evidence": ["nbs/10b_evidence.ipynb"],
    "negative_transfer": ["nbs/10b_negative_transfer.ipynb", "test_warnings_are_counted_or_refused"],
    "selection_maps": ["nbs/10b_selection_maps.ipynb", "test_purity_is_a_share_or_refused"],
    "selection_networks": ["nbs/10b_selection_networks.ipynb"],
    "options": ["nbs/11g_options.ipynb", "tests/test_cli.py"],
}

# What any call would trip over says nothing of the tests: bits in place of numbers, identity in place of order.
TRIVIAL = ("LShift", "RShift", "BitOr", "BitAnd", "BitXor", "Is", "IsNot")


def words_of(module):
    "What pytest is called with to test a module; it ends with the first failure."
    tests = [f"tests/test_properties.py::{t}" if t.startswith("test_") else t for t in TESTS[module]]
    return ["-q", "-x", "-p", "no:cacheprovider", "--exported", *tests]


def load_libraries():
    "What all tests import, but for the package itself: a process that is forked from here starts at once."
    for name in LIBRARIES:
        importlib.import_module(name)


def test_in_a_fork(words):
    "(pytest's exit status, what it printed) from a process of its own; -1 if it was ended, by a fault in its memory or by its limit."
    with tempfile.TemporaryFile() as out:
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            for stream in (1, 2):
                os.dup2(out.fileno(), stream)
            os._exit(int(pytest.main(words)))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        return max(status, -1), out.read().decode(errors="replace")


def try_each(db, words):
    "Cosmic Ray's local distributor, but for the fork: it starts Python and imports torch again for each fault, 6 seconds of 8."
    for item in db.pending_work_items:
        fault = item.mutations[0]
        with use_mutation(fault.module_path, get_operator(fault.operator_name)(), fault.occurrence) as (
            before,
            after,
        ):
            status, output = test_in_a_fork(words)
        diff = "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))
        outcome = TestOutcome.KILLED if status else TestOutcome.SURVIVED
        db.set_result(item.job_id, WorkResult(WorkerOutcome.NORMAL, output, outcome, diff))


def copied(folder):
    "A copy of the project: what git tracks, and new files that it does not ignore."
    names = (
        subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        .stdout.decode()
        .split("\0")
    )
    for name in filter(None, names):
        if not (ROOT / name).is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def silent_lines(path):
    "(first, last) position, (line, column), of everything that holds words or type hints: raising, defaults and hints of arguments, docstrings."
    spans = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts = [node] if isinstance(node, (ast.Raise, ast.JoinedStr)) else []
        if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation:
            parts.append(node.annotation)
        if isinstance(node, ast.FunctionDef) and node.returns:
            parts.append(node.returns)
        spans += [((p.lineno, p.col_offset), (p.end_lineno, p.end_col_offset)) for p in parts]
    return spans


def planted(db, path, n, seed):
    "Keep n faults of a session that holds all of them; one a place."
    spans, places = silent_lines(path), {}
    for item in db.work_items:
        fault = item.mutations[0]
        silent = any(first <= fault.start_pos and fault.end_pos <= last for first, last in spans)
        if not silent and fault.operator_name.rpartition("_")[2] not in TRIVIAL:
            places.setdefault(fault.start_pos, []).append(item)
    draw = random.Random(f"{seed} {path.stem}")
    chosen = [
        draw.choice(
            sorted(places[p], key=lambda i: (i.mutations[0].operator_name, i.mutations[0].occurrence))
        )
        for p in draw.sample(sorted(places), min(n, len(places)))
    ]
    db.clear()
    db.add_work_items(chosen)
    return len(places)


def changed_lines(result):
    "The line of the fault, before and after."
    return [
        line
        for line in (result.diff or "").splitlines()
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]


def try_module(module, n, seed, show):
    "(faults with their results, number of places): one module's session. Raises RuntimeError if the tests fail without a fault."
    path, words = Path("taskdist_nb", f"{module}.py"), words_of(module)
    with use_db(f"{module}.sqlite") as db:
        init([path], db, {})
        total = planted(db, path, n, seed)
        if show:
            return [(item, None) for item in db.work_items], total
        status, output = test_in_a_fork(words)
        if status:
            raise RuntimeError(f"the tests of {module} fail without a fault:\n{output[-4000:]}")
        try_each(db, words)
        return list(db.completed_work_items), total


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--modules", default=",".join(CORE), type=lambda text: text.split(","))
    parser.add_argument("--faults", default=30, type=int, help="in each module")
    parser.add_argument("--seed", default=0, type=int)
    parser.add_argument("--show", action="store_true", help="only list the faults")
    given = parser.parse_args()
    if unknown := set(given.modules) - set(TESTS):
        parser.error(f"--modules must be among {', '.join(TESTS)}. Got: {', '.join(sorted(unknown))}.")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        copied(Path(folder))
        os.chdir(folder)
        os.environ |= dict(
            PYTHONPATH=folder, OMP_NUM_THREADS="1", MPLBACKEND="Agg", PYTHONDONTWRITEBYTECODE="1"
        )
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        load_libraries()
        for module in given.modules:
            found[module] = report(module, *try_module(module, given.faults, given.seed, given.show))
        os.chdir(ROOT)
    if given.show:
        return
    faults, killed = (sum(v[k] for v in found.values()) for k in (0, 1))
    print(
        f"{'PASS' if killed >= GOAL * faults else 'SHORT'}: {killed} of {faults} faults noticed ({killed / faults:.0%}; goal {GOAL:.0%})"
    )


def report(module, results, total):
    "Print what became of a module's faults; (faults, noticed)."
    survivors = [(item, result) for item, result in results if result is None or not result.is_killed]
    print(
        f"{module}: {len(results) - len(survivors)} of {len(results)} noticed, drawn from {total} places",
        flush=True,
    )
    for item, result in sorted(survivors, key=lambda pair: pair[0].mutations[0].start_pos):
        fault = item.mutations[0]
        print(
            f"  line {fault.start_pos[0]}, {fault.definition_name}, {fault.operator_name.rpartition('/')[2]} {fault.occurrence}"
        )
        for line in changed_lines(result) if result else ():
            print(f"    {line}")
    sys.stdout.flush()
    return len(results), len(results) - len(survivors)


if __name__ == "__main__":
    main()
