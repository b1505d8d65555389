"""Sample, annotate, evaluate and rank hand keypoints in the wild.

Everything a user needs is an attribute of this package, and is imported when it is first used:

    import hint

    labels = hint.load_labels("HInt_annotation_partial", subsets=["newdays"])
    result = hint.evaluate(labels, hint.load_method("hamer"))
    result.to_frame()
"""

from hint.version import __version__

TYPE_CHECKING = False  # type checkers take it for True; typing itself is slow to import
if TYPE_CHECKING:
    from annotation.agreement.consensus import consensus as consensus
    from annotation.agreement.run import agreement as agreement
    from annotation.check.run import check as check
    from annotation.export import export as export
    from annotation.prelabel.run import prelabel as prelabel
    from annotation.sample.labels import sample_labels as sample_labels
    from annotation.sample.photos import sample_photos as sample_photos
    from annotation.sample.run import sample as sample
    from benchmark.evaluate import Evaluation as Evaluation
    from benchmark.evaluate import evaluate as evaluate
    from benchmark.protocol import list_protocols as list_protocols
    from benchmark.record import Record as Record
    from benchmark.record import load_record as load_record
    from benchmark.shard import evaluate_shard as evaluate_shard
    from benchmark.submit import submit as submit
    from hint.engine.work import Work as Work
    from hint.errors import HintError as HintError
    from hint.errors import InputError as InputError
    from hint.errors import MissingRequirementError as MissingRequirementError
    from hint.errors import UnknownNameError as UnknownNameError
    from hint.errors import WriteError as WriteError
    from hint.files.load import load_labels as load_labels
    from hint.files.load import load_predictions as load_predictions
    from hint.files.load import save_predictions as save_predictions
    from hint.fit.hands import fit_hands as fit_hands
    from hint.fit.result import FittedHands as FittedHands
    from hint.methods.table import list_methods as list_methods
    from hint.methods.table import load_method as load_method
    from hint.prediction import predict as predict
    from hint.render.draw import draw as draw
    from hint.training.fit_labels import FittedLabels as FittedLabels
    from hint.training.fit_labels import fit_labels as fit_labels
    from hint.training.fit_labels import fit_shard as fit_shard
    from hint.training.train import train as train
    from hint.types import Hand as Hand
    from hint.types import HandLabels as HandLabels
    from hint.types import Method as Method
    from hint.types import MethodCard as MethodCard
    from hint.types import MethodOptions as MethodOptions
    from hint.types import Predictions as Predictions
    from leaderboard.comparison import compare as compare
    from leaderboard.site.build import build_leaderboard as build_leaderboard
    from leaderboard.submission_check import check_submissions as check_submissions
    from leaderboard.view import view as view

#: Name -> where it is. The block above says the same to type checkers and editors; a test compares the two.
_PUBLIC = {
    "Evaluation": "benchmark.evaluate:Evaluation",
    "FittedHands": "hint.fit.result:FittedHands",
    "FittedLabels": "hint.training.fit_labels:FittedLabels",
    "Hand": "hint.types:Hand",
    "HandLabels": "hint.types:HandLabels",
    "HintError": "hint.errors:HintError",
    "InputError": "hint.errors:InputError",
    "Method": "hint.types:Method",
    "MethodCard": "hint.types:MethodCard",
    "MethodOptions": "hint.types:MethodOptions",
    "MissingRequirementError": "hint.errors:MissingRequirementError",
    "Predictions": "hint.types:Predictions",
    "Record": "benchmark.record:Record",
    "UnknownNameError": "hint.errors:UnknownNameError",
    "Work": "hint.engine.work:Work",
    "WriteError": "hint.errors:WriteError",
    "agreement": "annotation.agreement.run:agreement",
    "build_leaderboard": "leaderboard.site.build:build_leaderboard",
    "check": "annotation.check.run:check",
    "check_submissions": "leaderboard.submission_check:check_submissions",
    "compare": "leaderboard.comparison:compare",
    "consensus": "annotation.agreement.consensus:consensus",
    "draw": "hint.render.draw:draw",
    "evaluate": "benchmark.evaluate:evaluate",
    "evaluate_shard": "benchmark.shard:evaluate_shard",
    "export": "annotation.export:export",
    "fit_hands": "hint.fit.hands:fit_hands",
    "fit_labels": "hint.training.fit_labels:fit_labels",
    "fit_shard": "hint.training.fit_labels:fit_shard",
    "list_methods": "hint.methods.table:list_methods",
    "list_protocols": "benchmark.protocol:list_protocols",
    "load_labels": "hint.files.load:load_labels",
    "load_method": "hint.methods.table:load_method",
    "load_predictions": "hint.files.load:load_predictions",
    "load_record": "benchmark.record:load_record",
    "predict": "hint.prediction:predict",
    "prelabel": "annotation.prelabel.run:prelabel",
    "sample": "annotation.sample.run:sample",
    "sample_labels": "annotation.sample.labels:sample_labels",
    "sample_photos": "annotation.sample.photos:sample_photos",
    "save_predictions": "hint.files.load:save_predictions",
    "submit": "benchmark.submit:submit",
    "train": "hint.training.train:train",
    "view": "leaderboard.view:view",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'hint' has no attribute {name!r}")
    from hint.imports import load

    try:
        value = load(_PUBLIC[name])
    except ModuleNotFoundError as error:
        from hint.requirements import absent_package

        if (advice := absent_package(error)) is None:
            raise
        raise advice from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
