"""The model card's record: what the manifest holds stands in it, and what speaks against the model on top."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from support.cards import HAZARD, MADE, NASTY, changed, shown_in_html, shown_in_markdown, sparse, texts, top, with_lead

from features.signal import all_signals
from features.tables import TABLES
from training.bundle.bundle import Bundle, Manifest
from training.card.card import Card, card_of
from training.card.card_html import html_of, markdown_of, summary_of
from training.card.caveats import TAKEN_AS_KNOWN
from training.card.data import families
from training.card.figures import DASH, number, percent, with_interval
from training.card.headline import GRADES, remarks
from training.card.parts import make_table
from training.card.printing import MEASURES, ROWS
from training.judge.verdict import COMPARED
from training.worth.bootstrap import Interval

#: Kinds of remarks on the model itself, which come before those on its rivals.
ITSELF = ("known", "warning", "missing")


@pytest.fixture(scope="module")
def manifest(bundle: Bundle) -> Manifest:
    return bundle.manifest


@pytest.fixture(params=MADE)
def card(request: pytest.FixtureRequest, manifest: Manifest) -> Card:
    return card_of(MADE[request.param](manifest), "7")


def test_no_null_is_written_as_python_writes_it(card: Card) -> None:
    for text in texts(card):
        assert not re.search(r"\b(None|nan|NaN|inf)\b|[{}]", text.replace(NASTY, "")), text


def test_a_leaf_below_the_settings_says_why(manifest: Manifest) -> None:
    asked = manifest.settings["fit"]["min_data_in_leaf"]
    small, large = (" ".join(texts(card_of(changed(manifest, smallest_leaf=rows), "7"))) for rows in (7, asked))
    assert f"with 7 rows in the smallest leaf (below the {asked} of the settings: LightGBM counts a row by" in small
    assert f"with {asked} rows in the smallest leaf " in large and "of the settings: LightGBM" not in large


def test_a_dash_comes_with_its_reason(card: Card) -> None:
    tables = [table for section in card.sections for table in section.tables]
    for table in tables:
        dashed = any(DASH in cell.text for row in table.rows for cell in row)
        assert dashed == (f"{DASH} not known: " in table.note), table.key
        assert f"{DASH} not known: ." not in table.note, table.key


def test_a_dash_without_a_reason_is_not_left_alone() -> None:
    made = make_table("t", "T", ("A", "B"), [("a", DASH)], unknown="nobody counted")
    assert made.note == f"{DASH} not known: nobody counted."
    with pytest.raises(ValueError, match="table 't': every row must have 2 cells"):
        make_table("t", "T", ("A", "B"), [("a",)])


def section(card: Card, key: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the tables of a section: key -> name of the row -> the cells after it."""
    [found] = [one for one in card.sections if one.key == key]
    return {
        table.key: {row[0].text: tuple(cell.text for cell in row[1:]) for row in table.rows} for table in found.tables
    }


def test_every_metric_of_the_model_and_every_rival(manifest: Manifest) -> None:
    table = section(card_of(manifest, "1"), "rivals")["metrics"]
    metrics = manifest.verdict["metrics"].values()
    assert len(table) == len(ROWS)
    for cells, (_, key, form) in zip(table.values(), ROWS, strict=True):
        assert [cell.removesuffix(" ▲") for cell in cells] == [number(one[key], form) for one in metrics]
    ours, *others = metrics
    better = [one["brier"] < ours["brier"] for one in others]
    assert [cell.endswith(" ▲") for cell in table["Brier"][1:]] == better
    better = [one["roc_auc"] > ours["roc_auc"] for one in others]
    assert [cell.endswith(" ▲") for cell in table["ROC AUC"][1:]] == better


def test_every_interval(manifest: Manifest) -> None:
    tables, intervals = section(card_of(manifest, "1"), "rivals"), manifest.verdict["intervals"]
    measures = [name for name in intervals if name in MEASURES]
    assert tuple(measures) == COMPARED
    for measure in measures:
        form, table = MEASURES[measure][1], tables[f"measure-{measure}"]
        assert table["this model"][1] == with_interval(Interval(**intervals[measure]), form)
        assert list(table)[1:] == list(manifest.verdict["metrics"])[1:]
        for rival in list(table)[1:]:
            assert table[rival][0] == with_interval(Interval(**intervals[f"{measure} - {rival}"]), form, signed=True)
            assert table[rival][1] == with_interval(Interval(**intervals[f"{measure} of {rival}"]), form)


def test_calibration_by_band(manifest: Manifest) -> None:
    tables, found = section(card_of(manifest, "1"), "calibration"), manifest.findings["reliability"]
    for band in found["bands"]:
        ratio, predicted, realised, _ = tables["bands"][band["name"]]
        assert ratio == with_interval(Interval(**band["ratio"]), ",.2f")
        assert (predicted, realised) == (f"{band['predicted_loss']:,.0f}", f"{band['realised_loss']:,.0f}")
        rates = (percent(band["predicted_rate"]), percent(band["churn_rate"]))
        assert tables["band-rates"][band["name"]] == (f"{band['rows']:,}", f"{band['churned']:,}", *rates)
    assert tables["slopes"]["weighted by revenue"][0] == with_interval(Interval(**found["weighted_slope"]), ",.2f")


@pytest.mark.parametrize(
    ("low", "high", "reading"),
    [(0.5, 0.9, "too little predicted, beyond chance"), (0.9, 1.1, "holds 1"),
     (1.2, 2.0, "too much predicted, beyond chance"), (None, None, DASH)],
)  # fmt: skip
def test_a_band_is_held_against_1(manifest: Manifest, low: float | None, high: float | None, reading: str) -> None:
    found = json.loads(json.dumps(manifest.findings["reliability"]))
    found["bands"][0]["ratio"] = {"value": 1.0, "low": low, "high": high}
    tables = section(card_of(changed(manifest, findings={"reliability": found}), "1"), "calibration")
    assert tables["bands"]["smaller half"][-1] == reading


def test_treated_families_and_schemes(manifest: Manifest) -> None:
    card = card_of(manifest, "1")
    apart = manifest.findings["apart"]
    rates = tuple(percent(apart[part]["churn_rate"]) for part in ("treated", "untreated"))
    assert section(card, "apart")["apart"]["Churn rate"] == rates
    worth = {
        one["family"]: with_interval(Interval(**one["roc_auc"]), ".3f", True) for one in manifest.findings["ablation"]
    }
    assert {name: cells[0] for name, cells in section(card, "ablation")["ablation"].items()} == worth
    schemes = section(card, "making")["schemes"]
    assert {name.removesuffix(" (chosen)") for name in schemes} == set(manifest.choice["schemes"])
    assert f"{manifest.weighting} (chosen)" in schemes


def test_what_was_done_in_short_is_said(manifest: Manifest) -> None:
    dropped = changed(manifest, choice={**manifest.choice, "dropped": {"revenue": 0.0212, "log revenue": 0.011}})
    rows = [{**row, "every": 3} for row in manifest.findings["ablation"]]
    short = changed(manifest, findings={**manifest.findings, "ablation": rows})
    told = {" ".join(texts(card_of(one, "1"))) for one in (dropped, short)}
    whole = " ".join(texts(card_of(manifest, "1")))
    for words in (
        "The earlier half of the origins dropped revenue (0.021 behind), log revenue (0.011 behind).",
        "with and without the family, both on one in 3 dates and in trees of larger steps, weighting and rounds as",
    ):
        assert any(words in text for text in told) and words not in whole


def test_signals_by_family(manifest: Manifest) -> None:
    tables = section(card_of(manifest, "1"), "signals")
    for name, signals in families(all_signals()).items():
        rising, falling = (sum(item.monotone == sign for item in signals) for sign in (1, -1))
        free = len(signals) - rising - falling
        can = sum(item.actionable for item in signals)
        assert tables["families"][name][1:] == tuple(map(str, (len(signals), rising, falling, free, can)))
    assert set(tables["every-signal"]) == set(manifest.signals)


def test_signals_that_this_code_does_not_know_are_named(manifest: Manifest) -> None:
    card = card_of(changed(manifest, signals=[*manifest.signals, "moon_phase_30d"]), "1")
    assert "Signals that this code does not describe: moon_phase_30d." in texts(card)


def test_a_card_begins_with_what_a_reader_must_know_and_comes_to_lost_comparisons_later(manifest: Manifest) -> None:
    """Grade and meaning, learnt from what and until when, what counts as churn, how many churned; then the rivals."""
    lost = with_lead(manifest, "recency alone", -0.05, -0.08, -0.02)
    card = card_of(changed(lost, findings={"warnings": ["a signal looks like a leak"]}, missing_tables=["loops"]), "1")
    titles = [remark.title for remark in card.remarks]
    assert titles[:6] == [
        "Learnt from", "What counts as churn", "Churned", "Warning", "Not in the book", "Not the best in everything"
    ]  # fmt: skip
    learnt, rule, churned = (remark.text for remark in card.remarks[:3])
    slices, model = manifest.slices, manifest.verdict["metrics"]["model"]
    assert f"{manifest.rows:,} rows at {len(slices)} as-of dates from {slices[0]} to {slices[-1]}" in learnt
    assert f"It knows what happened until {slices[-1] + timedelta(days=179)}, and nothing later." in learnt
    assert "the first day without a valid relationship (`churned_on`), not the day of notice" in rule
    assert "180 days" in rule
    assert churned.startswith(f"{model['churned']:,} of the {model['rows']:,} rows that it was judged on (")
    for document in (html_of(card), markdown_of(card), summary_of(card)):
        places = [document.index(text) for text in (f"Grade {card.grade}", *titles)]
        assert places == sorted(places)


def test_a_champion_that_vanished_alarms(manifest: Manifest) -> None:
    gate = {"decision": "vanished", "why": "the champion, version 3, has vanished from the registry"}
    [remark] = [one for one in card_of(changed(manifest, gate=gate), "4").remarks if one.title == "At the gate"]
    assert remark.is_alarming and remark.text == "Vanished: the champion, version 3, has vanished from the registry."


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(-0.08, -0.02, "beyond chance"), (-0.08, 0.03, "not told apart")],
    ids=["worse", "unclear"],
)
def test_a_better_rival_is_named_at_the_top(manifest: Manifest, low: float, high: float, told: str) -> None:
    card = card_of(with_lead(manifest, "recency alone", -0.05, low, high), "1")
    first = next(remark for remark in card.remarks if remark.kind not in ITSELF)
    assert first.title == "Not the best in everything" and first.is_alarming
    swung = f"{number(-high, '.3f', signed=True)} to {number(-low, '.3f', signed=True)}"
    assert first.text == f"On ROC AUC, recency alone is ahead by 0.050 ({told}; 95 % interval {swung})."
    reading = section(card, "rivals")["measure-roc_auc"]["recency alone"][-1]
    assert reading == f"behind, {told}"
    for document in (shown_in_html(top(html_of(card))), shown_in_markdown(top(markdown_of(card))), summary_of(card)):
        assert first.text in document


def test_where_no_rival_is_ahead_the_card_says_so(manifest: Manifest) -> None:
    card = card_of(with_lead(manifest, "recency alone", 0.05, 0.02, 0.08), "1")
    first, second, *_ = (remark for remark in card.remarks if remark.kind not in ITSELF)
    assert first.title == "No rival is ahead" and not first.is_alarming
    rivals = len(manifest.verdict["metrics"]) - 1
    assert f"{rivals} of {rivals} on ROC AUC" in second.text
    assert not any("Too few to tell the model apart" in remark.text for remark in card.remarks)


def test_a_rival_with_nothing_to_go_by_is_not_counted_as_beaten(manifest: Manifest) -> None:
    metrics = manifest.verdict["metrics"]
    blind = metrics | {"last score alone": metrics["last score alone"] | {"roc_auc": 0.5}}
    book = changed(with_lead(manifest, "recency alone", 0.05, 0.02, 0.08), verdict={"metrics": blind})
    told = next(remark.text for remark in card_of(book, "1").remarks if remark.title == "Ahead beyond chance")
    rivals = len(metrics) - 2
    assert f"{rivals} of {rivals} on ROC AUC" in told
    assert told.endswith("this book holds nothing that they go by: last score alone.")


def test_an_interval_that_holds_0_is_too_few_to_tell(manifest: Manifest) -> None:
    card = card_of(with_lead(manifest, "recency alone", 0.05, -0.02, 0.12), "1")
    told = "Too few to tell the model apart from recency alone on ROC AUC: the 95 % intervals hold 0."
    assert told in [remark.text for remark in card.remarks]
    assert told in card.sections[-1].points


def test_a_lead_that_is_not_known_is_claimed_by_nobody(manifest: Manifest) -> None:
    card = card_of(sparse(manifest), "1")
    titles = [remark.title for remark in card.remarks]
    assert "No rival is ahead" not in titles and "Not told apart" not in titles
    [told] = [remark.text for remark in card.remarks if remark.title == "Not known"]
    assert (
        told.startswith("The model's lead could not be told: over last score alone, ")
        and told in card.sections[-1].points
    )


@pytest.mark.parametrize(("share", "told"), [(0.6, True), (0.25, False), (None, False)])
def test_one_account_that_decides_is_told(manifest: Manifest, share: float | None, told: bool) -> None:
    metrics = manifest.verdict["metrics"] | {
        "model": manifest.verdict["metrics"]["model"] | {"largest_loss_share": share}
    }
    card = card_of(changed(manifest, verdict={"metrics": metrics}), "1")
    found = [remark.text for remark in card.remarks if remark.title == "One account can decide"]
    assert bool(found) == told and any("one account held" in point for point in card.sections[-1].points) == told
    assert not told or f"held {percent(0.6, 0)} of the lost revenue" in found[0]


@pytest.mark.parametrize("grade", [*GRADES, None])
def test_every_grade_has_a_meaning(manifest: Manifest, grade: str | None) -> None:
    card = card_of(changed(manifest, verdict={"grade": grade}), "1")
    assert card.grade == (grade or DASH)
    assert card.graded.startswith("No grade: " if grade is None else f"Grade {grade}: ")


def test_the_reigning_champion(manifest: Manifest) -> None:
    verdict = json.loads(json.dumps(manifest.verdict).replace("logistic regression", "reigning champion"))
    gate = {"decision": "lost", "why": "worse than the champion beyond chance: roc_auc -0.020 (-0.030 to -0.010)"}
    card = card_of(changed(manifest, verdict=verdict, gate=gate), "2")
    [found] = [one for one in card.sections if one.key == "champion"]
    assert found.points[0].startswith(
        "At the gate: lost; worse than the champion beyond chance: ROC AUC −0.020 (−0.030"
    )
    lead = with_interval(Interval(**verdict["intervals"]["roc_auc - reigning champion"]), ".3f", signed=True)
    assert f"Its lead over the reigning champion: ROC AUC {lead}, " in found.points[1]


def test_limits(manifest: Manifest) -> None:
    told = " ".join(card_of(manifest, "1").sections[-1].points)
    for words in (
        "carry the churn rates of the period",
        "never a cause",
        "Actions taken follow risk as much as they lower it: their signals carry no constraint and are never advised",
        "accounts.segment, accounts.industry, accounts.country, accounts.account_manager, contacts.role, "
        "contacts.decision_maker, loops.level, tickets.kind, tickets.severity",
    ):
        assert words in told
    sparse_told = " ".join(card_of(sparse(manifest), "1").sections[-1].points)
    assert "Churn is derived from silence" in sparse_told and "Not known in the book: actions, churns," in sparse_told


def test_what_is_taken_as_known_has_no_time_of_its_own() -> None:
    for table, columns in TAKEN_AS_KNOWN.items():
        for name in columns:
            column = TABLES[table].column(name)
            assert column.optional and column.known_at is None and not column.kind.is_time


def test_missing_tables(manifest: Manifest) -> None:
    card = card_of(sparse(manifest), "1")
    recorded = section(card, "data")["tables"]
    assert {name: cells[0] for name, cells in recorded.items() if name not in ("accounts", "invoices")} == {
        name: "missing: its signals are not known" for name in TABLES if name not in ("accounts", "invoices")
    }
    assert recorded["invoices"][0] == "since 2023-01-01"
    assert "It is not known which accounts were acted on: the actions table is missing." in texts(card)
    assert {one.key for one in card.sections} == {one.key for one in card_of(manifest, "1").sections}


def test_rows_silent_already_are_told_beside_what_churned(manifest: Manifest) -> None:
    """A version from before it was asked has nothing to tell."""
    findings = {name: found for name, found in manifest.findings.items() if name != "silent_already"}
    assert "Silent already" not in {one.title for one in remarks(changed(manifest, findings=findings))}
    told = changed(manifest, findings={**findings, "silent_already": {"sentence": "4 of the 8 rows", "figures": {}}})
    titles = {one.title: one.text for one in remarks(told)}
    assert titles["Silent already"] == "4 of the 8 rows." and list(titles).index("Silent already") == 3
    assert "finding-silent_already" not in {one.key for one in card_of(told, "1").sections}


def test_findings_of_another_kind_are_shown(manifest: Manifest) -> None:
    card = card_of(
        changed(manifest, findings={"hazard": HAZARD, "contraction": {"lost": 12345.6}, "tuning": None}), "1"
    )
    titles = [one.title for one in card.sections]
    assert "When, not only whether" in titles and "Contraction: revenue lost by shrinking" in titles
    assert "Tuning" not in titles and titles[-1] == "Limits"
    tables = section(card, "finding-hazard")
    assert tables["hazard-figures"] == {
        "Chosen": ("single horizon",),
        "At 180 days: ROC AUC": ("−0.012 (−0.046 to 0.021)",),
        "At 180 days: accounts": ("1,234",),
        "Is used": ("no",),
    }
    assert tables["hazard-horizons"] == {
        "ROC AUC: hazard": ("0.700", DASH),
        "ROC AUC: gap": ("0.010 (−0.020 to 0.030)", DASH),
        "Rows": ("5", "6"),
        "Note": (DASH, "too short"),
    }
    assert tables["hazard-ages"] == {"30": ("4",), "60": ("3",)}
    assert tables["hazard-judged"] == {"Expected": ("12,346", "2.500"), "Rows": ("7", "7"), "Gain": (DASH, "0.100")}
    [found] = [one for one in card.sections if one.key == "finding-hazard"]
    headings = {table.key: [column.heading for column in table.columns] for table in found.tables}
    assert headings["hazard-horizons"] == ["Figure", "Days 90", "Days 365"]
    assert headings["hazard-judged"] == ["Figure", "model", "mean"]
    assert headings["hazard-ages"] == ["Days", "Pairs"]
    assert f"Why: {HAZARD['why']}" in texts(card)
    assert section(card, "finding-contraction")["contraction-figures"] == {"Lost": ("12,346",)}
