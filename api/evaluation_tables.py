"""Shows what `canteen evaluate` measured to a person; every figure stands beside its sample size."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.evaluating import Answer
from engine.domain.money import yuan
from recognition.evaluation.evaluation import Evaluation, RecognitionFigures
from recognition.evaluation.robustness import Curve
from recognition.evaluation.shares import Share
from recognition.evaluation.trays import COUNTED_FROM_BPS

CONFUSIONS_SHOWN = 12
DISHES_SHOWN = 15


def show_evaluation(answer: Answer, out: Console) -> None:
    """Print all tables, and the pictures that were drawn."""
    evaluation = answer.evaluation
    out.print(_detector(evaluation))
    for file in evaluation.refused_photographs:
        out.print(f"[yellow]refused[/] {escape(file)}: nothing can be seen on it, or too much", highlight=False)
    if evaluation.recognition is not None:
        figures = evaluation.recognition
        for table in (_naming(figures), _trays(figures), _portions(figures), _amounts(figures), _dishes(figures)):
            out.print(table)
        if figures.confusions:
            out.print(_confusions(figures))
    for curve in answer.robustness:
        out.print(_curve(curve))
    for path in answer.drawn:
        out.print(f"drawn: {escape(str(path))}", highlight=False, soft_wrap=True)


def share(value: Share) -> str:
    """Write a share with its sample size, such as `.975 (39/40)`."""
    if value.value is None:
        return "- (0/0)"
    return f"{value.value:.3f}".removeprefix("0") + f" ({value.hits}/{value.of})"


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    return table


def _detector(evaluation: Evaluation) -> Table:
    title = f"找菜 · portions found, IoU .5 ({evaluation.photographs} photographs)"
    if evaluation.partly_labelled:
        title += "; boxes that lie on no label are left out"
    table = _table(title, "检测分 score", "召回 recall", "精确 precision", "数目全对 exact count")
    for row in evaluation.detector_by_score:
        style = "bold" if row.counted_from_bps == COUNTED_FROM_BPS else ""
        score = f"{row.counted_from_bps / 10_000:.2f}"
        table.add_row(score, share(row.recall), share(row.precision), share(row.exact_count), style=style)
    return table


def _naming(figures: RecognitionFigures) -> Table:
    title = f"认菜 · dishes named ({figures.dishes_enrolled} dishes, at most {figures.exemplars} exemplars)"
    table = _table(title, "", "首选 top-1", "前三 top-3", "整盘首选全对 trays all top-1")
    for name, naming in (
        ("标注框 labelled boxes", figures.naming_on_labels),
        ("检测框 detected boxes", figures.naming_on_detected),
    ):
        table.add_row(name, share(naming.top1), share(naming.top3), share(naming.whole_trays))
    return table


def _trays(figures: RecognitionFigures) -> Table:
    table = _table(
        f"整盘 · whole trays ({figures.policy_id})",
        "",
        "清单对 cAcc",
        "无人工且对 right",
        "静默错误 silent error",
        "转人工 handed off",
    )
    for name, trays in (
        ("菜全在册 all dishes enrolled", figures.all_enrolled),
        ("有菜不在册 with a dish that is not", figures.with_strange_dish),
        ("全部 all", figures.all_trays),
    ):
        table.add_row(
            name, share(trays.list_right), share(trays.right), share(trays.silent_error), share(trays.handed_off)
        )
    return table


def _portions(figures: RecognitionFigures) -> Table:
    table = _table("逐份 · portions", "", "")
    portions, open_set, off_menu = figures.portions, figures.open_set, figures.off_menu
    auroc = "-" if open_set.auroc is None else f"{open_set.auroc:.3f}".removeprefix("0")
    for name, value in (
        ("通过 accepted, of those found and enrolled", share(portions.accepted)),
        ("通过却错 wrong among accepted", share(portions.wrong_among_accepted)),
        ("不在册却通过 accepted although not on the menu", share(portions.strange_accepted)),
        ("无标注却通过 accepted without a label", share(portions.unlabelled_accepted)),
        (f"逐菜陌生 each of {open_set.dishes} dishes made unknown: accepted", share(open_set.portions_accepted)),
        ("逐菜陌生 the same: whole trays billed", share(open_set.trays_accepted)),
        ("逐菜下架 enrolled but off the menu: accepted", share(off_menu.portions_accepted)),
        ("逐菜下架 the same: whole trays billed", share(off_menu.trays_accepted)),
        ("在册与陌生 AUROC of known against unknown", auroc),
    ):
        table.add_row(name, value)
    return table


def _amounts(figures: RecognitionFigures) -> Table:
    amounts = figures.amounts
    table = _table(
        "金额 · amounts" + ("" if amounts.prices == "given" else f" (prices {amounts.prices})"),
        "",
        "金额全对 exact",
        "误差合计 error 元",
        "应收合计 true 元",
    )
    table.add_row(
        "无人工结账 billed without a person",
        share(amounts.unattended_exact),
        yuan(amounts.unattended_error_fen),
        yuan(amounts.unattended_true_fen),
    )
    table.add_row(
        "若全信首选 if all first candidates were billed",
        share(amounts.unchecked_exact),
        yuan(amounts.unchecked_error_fen),
        yuan(amounts.unchecked_true_fen),
    )
    if amounts.trays_without_price:
        table.caption = f"{amounts.trays_without_price} trays with a dish without a price are left out"
    return table


def _dishes(figures: RecognitionFigures) -> Table:
    title = "逐菜 · dishes, worst named first"
    if len(figures.dishes) > DISHES_SHOWN:
        title += f" ({DISHES_SHOWN} of {len(figures.dishes)}; all with --json)"
    table = _table(title, "菜品 dish", "首选 top-1 on labels", "找到 found", "通过 accepted")
    for dish in figures.dishes[:DISHES_SHOWN]:
        table.add_row(escape(dish.dish_id), share(dish.top1), share(dish.found), share(dish.accepted))
    return table


def _confusions(figures: RecognitionFigures) -> Table:
    title = "认错 · confusions on labelled boxes"
    if len(figures.confusions) > CONFUSIONS_SHOWN:
        title += f" ({CONFUSIONS_SHOWN} of {len(figures.confusions)}; all with --json)"
    table = _table(title, "菜品 dish", "认作 taken for", "次数 boxes")
    for confusion in figures.confusions[:CONFUSIONS_SHOWN]:
        table.add_row(escape(confusion.dish_id), escape(confusion.taken_for), f"{confusion.boxes} of {confusion.of}")
    return table


def _curve(curve: Curve) -> Table:
    table = _table(
        f"{curve.title_zh} · {curve.title}",
        "",
        "召回 recall",
        "首选 top-1",
        "无人工且对 right",
        "静默错误 silent error",
        "转人工 handed off",
        "拒收 refused",
    )
    for step in curve.steps:
        table.add_row(
            step.condition,
            share(step.detector.recall),
            share(step.naming_on_labels.top1),
            share(step.trays.right),
            share(step.trays.silent_error),
            share(step.trays.handed_off),
            str(step.refused),
        )
    return table
