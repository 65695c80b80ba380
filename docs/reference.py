"""Pages of the reference, read from the modules without importing them: signatures, docments as tables, docstrings, links to notebooks."""

import ast
import io
import re
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

from taskdist_nb.registry import TABLES

LIB = Path(__file__).resolve().parents[1] / "taskdist_nb"
CELL = re.compile(r"# %% .*?nbs/(\S+)\.ipynb #(\S+)")
LITERAL = re.compile(r"(`[^`]+`|\$[^$\s][^$]*\$)")
# The widget of a module, as the registry names it, and what goes with it.
WITH_WIDGETS = {"widgets_map": "fine_tuning_gain", "widgets_walk": "Walk record_walk"}
WIDGETS = {
    module: f"{name} {WITH_WIDGETS.get(module, '')}".rstrip()
    for module, _, name in (entry.function.partition(":") for entry in TABLES["widget"].values())
}
# What a reader calls, in this order; the rest of a module is what that is made of. A module that isn't named here is all of the first kind.
CALLED = {
    "checks": "UnknownName",
    "class_names": "class_ids is_word",
    "cuts": "stratified",
    "data": "Task Suite digits_suite",
    "labels": "LabelSpace joint_label_space",
    "leakage": "leaks",
    "pictures": "read_picture",
    "cache": "map_images",
    "reading": "Reading",
    "archives": "Suite.from_npz",
    "readers": "Suite.from_folder",
    "torchdata": "Suite.from_dataset",
    "datasets": "cifar100_suite cifar10_suite mnist_suite fashion_mnist_suite load_suite",
    "registry": "Entry add names_of entry_of offered using label_of",
    "models": "small_cnn wrn_16_4 mlp get_model to_inputs",
    "building": "build_model",
    "predictions": "predict_logits penultimate resolve_precision",
    "fisher": "kl_divergence step_length path_length mean_length fisher_rao geodesic as_probabilities",
    "information": "fisher_information",
    "block_coupling": "BlockCoupling",
    "crops": "CropFlip",
    "later": "Later",
    "moving": "MovingTask Displacement Mixture StaticTask Probe displace soft_labels tau_schedule mixup_tau",
    "couplings": "exact_plan entropic_plan block_plans proximal_step make_blocks",
    "crossvalidated": "cross_length cross_products",
    "parts": "kl_parts root_parts",
    "looks": "look_at",
    "ruler": "LengthMeter cross_lengths",
    "fewer_steps": "same_path walk_spread",
    "constraints": "check_setting",
    "presets": "paper_settings fast_settings toy_settings choice_settings",
    "settings": "TransferConfig SourceSettings SGDSettings LabelSettings StepSettings ClockSettings MarkSettings ReadingSettings InputSettings "
    "CouplingSettings Task2VecSettings WassersteinSettings ScoreSettings ImageSettings AugmentationSettings ArithmeticSettings",
    "schedules": "learning_rates",
    "averages": "Average",
    "training": "train",
    "fitting": "Fitted fit_task",
    "clock": "path_times",
    "lengths": "lengths_at parts_at reading_of",
    "excess": "excess_loss",
    "trajectory": "follow follow_all Trajectory",
    "walks": "follow_walks join_walks",
    "noise_floor": "fit_source still_trajectory",
    "results": "TransferResult",
    "heads": "imprint fit_head",
    "pairs": "prepare_transfer Setting",
    "first_coupling": "first_coupling",
    "alternation": "BlockCosts",
    "paths": "cut_at",
    "scratch": "from_scratch",
    "samples": "wasserstein_2",
    "embeddings": "embed_task embedding_distance Embedding",
    "distances": "coupled_transfer uncoupled_transfer fine_tuning task2vec wasserstein wasserstein_features get_distance",
    "products": "Products",
    "stack": "Stack",
    "together": "transfer_together",
    "formulas": "leep nce logme h_score knn_accuracy",
    "labelled_samples": "otdd label_costs",
    "scores": "measure_score measure_scores get_measure",
    "chance": "exact_interval at_chance guessing gap_interval",
    "measures": "register as_measure",
    "matrices": "DistanceMatrix assemble",
    "matrix": "distance_matrix",
    "progress": "progress_of seconds_left",
    "store": "Store DamagedRecord",
    "mantel": "mantel MantelResult",
    "style": "figure_style to_png to_data_uri",
    "viz": "plot_matrix plot_matrices",
    "viz_agreement": "plot_mantel plot_scatter plot_error plot_dial",
    "viz_images": "plot_interpolation plot_pictures",
    "viz_map": "place_tasks plot_task_map",
    "viz_paths": "plot_path plot_iterations plot_parts parts_table",
    "widgets": "Panel Scene",
    **WIDGETS,
    "bodies": "Trained find_head untrained",
    "weights": "read_weights",
    "adapters": "torch_model adapt",
    "named": "load_model",
    "saved": "load_network TunedNetwork",
    "tuning": "Tuning Checkpoint balanced_error",
    "few_labels": "few_shot",
    "methods": "images_used methods_now methods_alone",
    "ranking": "Ranking Doubt",
    "ranking_verdict": "Ranking.verdict Ranking.doubts",
    "ranking_network": "Ranking.network Ranking.save",
    "rounds": "Step",
    "select": "rank_sources rank_architectures",
    "evidence": "run_selection read_selection read_studies",
    "negative_transfer": "predict_negative NegativeTransfer",
    "selection_networks": "run_architectures beyond_size",
    "selection_maps": "nearest_purity",
    "selection_study": "judge_selection",
    "thresholds": "limit threshold_table Threshold",
    "control": "new_classes shared_classes",
    "difficulties": "difficulties",
    "mantel_tests": "mantel_tests",
    "experiment": "run_experiment Experiment",
    "known": "measure_known Known known_summary",
    "summary": "summary_table nearest_sources ceilings",
    "tables": "write_tables read_table",
    "answers": "answers",
    "cautions": "warnings_for",
    "drawings": "draw_figures drawings Drawing",
    "report": "write_report",
    "decision": "write_decision write_page",
    "pulse": "Pulse",
    "maps": "network_map NetworkMap plot_map bhattacharyya inpca lay_out geodesic_progress at_progress imprinted_predictions",
    "arguments": "WrongUse",
    "options": "parse make_parser",
    "command_run": "run_command",
    "command_select": "select_command",
    "command_status": "status_command",
    "cli": "main",
}


@dataclass
class Entry:
    "What the reference says about one function, class, member or constant."

    name: str  # within its module: "Suite", "Suite.from_arrays"
    kind: str  # the directive of Sphinx's Python domain that describes it
    signature: str  # names and defaults, in brackets
    doc: str
    rows: list  # [(parameters, type, meaning)]
    line: int  # of the module, where it starts
    options: list = field(default_factory=list)  # of the directive
    members: list = field(default_factory=list)  # entries of a class


def comments(source):
    "{line: text} of the comments that follow code, and of indented ones that stand on the line before it."
    found = [t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type == tokenize.COMMENT]
    notes, above = {}, {}
    for t in found:
        own = t.line.lstrip().startswith("#")
        if not own or t.start[1]:
            (above if own else notes)[t.start[0] + own] = t.string.lstrip("# ").rstrip()
    return notes | {line: "; ".join(filter(None, (notes.get(line), text))) for line, text in above.items()}


def merge(rows, notes):
    "[(name, type, line)] -> [(names, types, meaning)]: parameters on one line share its comment."
    merged = []
    for name, kind, line in rows:
        if merged and line in notes and line == merged[-1][2]:
            merged[-1][0].append(name)
            merged[-1][1].append(kind)
        else:
            merged.append(([name], [kind], line))
    return [
        (", ".join(names), ", ".join(dict.fromkeys(filter(None, kinds))), notes.get(line, ""))
        for names, kinds, line in merged
    ]


def decorators(node):
    "{name: the whole decorator}"
    return {whole.split("(")[0].split(".")[-1]: whole for whole in map(ast.unparse, node.decorator_list)}


def split_arguments(node, skip_first):
    "-> (signature without types, [(name, type, line)])."
    rows, args = [], node.args
    if skip_first:
        (args.posonlyargs or args.args).pop(0)
    starred = [(star, a) for star, a in (("*", args.vararg), ("**", args.kwarg)) if a]
    for star, arg in [("", a) for a in args.posonlyargs + args.args + args.kwonlyargs] + starred:
        rows.append((star + arg.arg, ast.unparse(arg.annotation) if arg.annotation else "", arg.end_lineno))
        arg.annotation = None
    return f"({ast.unparse(args)})", rows


def of_function(node, notes, owner=""):
    "The entry of a function, or of a member of the class `owner`; a patched function says itself whose it is."
    marks, returns = decorators(node), ast.unparse(node.returns) if node.returns else ""
    patch = marks.get("patch", "")
    if "patch" in marks:
        owner = node.args.args[0].annotation.id
    name, doc = f"{owner}.{node.name}".lstrip("."), ast.get_docstring(node) or ""
    signature, rows = split_arguments(node, owner and "staticmethod" not in marks)
    if marks.keys() & {"property", "cached_property"} or "as_prop=True" in patch:
        return Entry(name, "property", "", doc, [], node.lineno, [f":type: {returns}"] if returns else [])
    end = node.returns.end_lineno if node.returns else node.body[0].lineno - 1
    note = notes.get(end, "") if all(line != end for *_, line in rows) and end < node.body[0].lineno else ""
    told = merge(rows, notes) + ([("returns", returns, note)] if returns or note else [])
    options = [
        f":{o}:"
        for o in ("classmethod", "staticmethod")
        if o in marks or (o == "classmethod" and "cls_method=True" in patch)
    ]
    return Entry(
        name,
        "method" if owner else "function",
        signature,
        doc,
        [row for row in told if any(row[1:])],
        node.lineno,
        options,
    )


def of_class(node, notes):
    "The entry of a class: what it is made from, and its public members that are described."
    body = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    entry = Entry(node.name, "class", "", ast.get_docstring(node) or "", [], node.lineno)
    made = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    if made:
        entry.rows = merge([(n.target.id, ast.unparse(n.annotation), n.end_lineno) for n in made], notes)
        entry.signature = (
            f"({', '.join(n.target.id + (f'={default(n.value)}' if n.value else '') for n in made)})"
        )
    for init in (n for n in body if n.name == "__init__"):
        told = of_function(init, notes, node.name)
        entry.signature, entry.rows, entry.doc = told.signature, told.rows, entry.doc or told.doc
    members = [of_function(n, notes, node.name) for n in body if not n.name.startswith("_")]
    entry.members = [m for m in members if m.doc or m.kind == "property"]
    return entry


def default(node):
    "A dataclass field's default as a reader would write it."
    text = ast.unparse(node)
    match = re.match(r"field\(.*default_factory=(?:lambda: )?(\w+)", text)
    return (
        {"dict": "{}", "list": "[]"}.get(match[1], "...")
        if match
        else "..."
        if text.startswith("field(")
        else text
    )


def entries(source):
    "All described public names of a module, in its order."
    tree, notes, found = ast.parse(source), comments(source), []
    public = next(
        (
            ast.literal_eval(n.value)
            for n in tree.body
            if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"
        ),
        [],
    )
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in public:
            found.append(of_class(node, notes))
        if isinstance(node, ast.FunctionDef):
            entry = of_function(node, notes)
            owner = next((e for e in found if e.name == entry.name.split(".")[0] and e.kind == "class"), None)
            if "." in entry.name and not node.name.startswith("_"):
                (owner.members if owner else found).append(entry)
            if node.name in public:
                found.append(entry)
        if (
            isinstance(node, ast.Assign)
            and node.lineno in notes
            and (name := ast.unparse(node.targets[0])) in public
        ):
            value = ast.unparse(node.value)
            found.append(
                Entry(
                    name,
                    "data",
                    "",
                    notes[node.lineno],
                    [],
                    node.lineno,
                    [f":value: {value}"] if len(value) <= 60 else [],
                )
            )
    return [e for e in found if e.doc or any(meaning for *_, meaning in e.rows)]


def names(modules):
    """{name or Class.member: full name} of all that the reference tells of.

    Without names that two modules share, and without parts of modules whose name is a common word (`train`): in a text they may mean something else."""
    found, called = {}, set(" ".join(CALLED.values()).split())
    for module, made in modules.items():
        for entry in [e for one in made for e in [one, *one.members]]:
            found.setdefault(entry.name, []).append(f"taskdist_nb.{module}.{entry.name}")
    return {
        name: full[0]
        for name, full in found.items()
        if len(full) == 1 and (name in called or not re.fullmatch("[a-z]+", name))
    }


def text(words):
    "A comment or docstring as Markdown: what is in backticks is code, in dollars maths, and all else is meant literally."
    parts = LITERAL.split(words)
    return "".join(
        part if k % 2 else re.sub(r"([\\*_\[\]<>{}$|~#])", r"\\\1", part) for k, part in enumerate(parts)
    )


def code(words):
    return f"`{words}`" if words else ""


def table(head, rows):
    "A Markdown table of cells that are Markdown already."
    lines = [
        head,
        ["---"] * len(head),
        *([re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def parameters(rows):
    "The table of parameters, without columns that are empty throughout."
    columns = [("parameter", code), ("type", code), ("meaning", text)]
    kept = [k for k in range(3) if any(row[k] for row in rows)]
    return table([columns[k][0] for k in kept], [[columns[k][1](row[k]) for k in kept] for row in rows])


def describe(entry, sections, fence="````"):
    "One entry, and those in it, as directives."
    where = sections.get(max((line for line in sections if line < entry.line), default=0), "")
    body = [text(paragraph) for paragraph in re.split(r"\n\s*\n", entry.doc)] if entry.doc else []
    if entry.rows:
        body.append(parameters(entry.rows))
    if where and entry.kind in ("class", "function"):
        body.append(f"{{.explained}}\nExplained in [](#{where})")
    body += [describe(member, sections, fence[:-1]) for member in entry.members]
    return "\n".join(
        [
            f"{fence}{{py:{entry.kind}}} {entry.name}{entry.signature}",
            *entry.options,
            "",
            "\n\n".join(body),
            fence,
        ]
    )


def first_sentence(words):
    return re.split(r"(?<=[.:;]) (?![^(]*\))|\n", words)[0].rstrip(":;.")


def in_two(module, made):
    "(what a reader calls, what it is made of)"
    by_name = {entry.name: entry for entry in made}
    called = CALLED.get(module, " ".join(by_name)).split()
    if missing := [name for name in called if name not in by_name]:
        raise ValueError(f"CALLED names what taskdist_nb.{module} does not describe: {missing}.")
    return [by_name[name] for name in called], [entry for entry in made if entry.name not in called]


def overview(module, made):
    "A table of names that link to their entries, with the first sentence of what is said of each."
    return table(
        ["name", "what it is"],
        [
            (f"{{py:obj}}`{e.name} <taskdist_nb.{module}.{e.name}>`", text(first_sentence(e.doc)))
            for e in made
        ],
    )


TYPE = re.compile(r"^(:type: )(\w+)$", re.M)


def imported_from(source):
    "{name: module of the package} of what a module imports from its neighbours."
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.level]
    return {alias.asname or alias.name: node.module for node in nodes for alias in node.names}


def page(module, made, source, labels):
    "The reference page of one module. `labels`: {(notebook, cell id): label of the section it is in}."
    lines = source.splitlines()
    sections = {n: labels.get((m[1], m[2]), "") for n, line in enumerate(lines, 1) if (m := CELL.match(line))}
    notebook = next(m[1] for line in lines if (m := CELL.match(line)))
    called, parts = in_two(module, made)
    blocks = [
        f"# taskdist_nb.{module}",
        "> " + text(ast.get_docstring(ast.parse(source)) or ""),
        f"`taskdist_nb.{module}` is written in the notebook [](../{notebook}.ipynb), which explains, shows and tests it.",
        f"```{{py:module}} taskdist_nb.{module}\n```",
        overview(module, called),
        *(describe(entry, sections) for entry in called),
    ]
    if parts:
        blocks += [
            "## Parts",
            "What the above is made of, for who reads or changes the code.",
            overview(module, parts),
            *(describe(entry, sections) for entry in parts),
        ]
    # two modules may have a class of one name: a type is the one that this module imports
    full = {name: f"~taskdist_nb.{home}.{name}" for name, home in imported_from(source).items()}
    return TYPE.sub(lambda m: m[1] + full.get(m[2], m[2]), "\n\n".join(blocks)) + "\n"
