"""The part of the page about wrong labels: each flag with its picture and the neighbours that speak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from vicinal_cli.demo.findings import Findings
from vicinal_cli.demo.noise import RATE, THRESHOLDS, Catch
from vicinal_cli.demo.report.pictures import figure, picture
from vicinal_client import Flag

__all__ = ["flags_section"]

_PLANTED = 16
_OWN = 8
"""About how many flags are shown of either kind."""


def flags_section(found: Findings) -> str:
    """Return the section about planted wrong labels and what was flagged."""
    hunt = found.hunt
    planted = [flag for flag in hunt.flags if flag.label.sample_id in hunt.wrong]
    own = [flag for flag in hunt.flags if flag.label.sample_id not in hunt.wrong]
    rows = "\n".join([_row(hunt.by_default, " (the default)"), *map(_row, map(hunt.at, THRESHOLDS))])
    return f"""
<h2>Which labels are wrong</h2>
<p>A third dataset got a label for every image, as data from elsewhere would bring them: trust
<code>GIVEN</code>, none verified. {len(hunt.wrong)} of the {len(hunt.labels)} labels ({RATE:.0%}) were
replaced by another class, each other class being equally likely. The suspicion is
the estimated probability that a label is wrong, judged without it; by default the list ends where the
expected F1 of the flags is best.</p>
<div class="wide"><table>
<tr><th>suspicion<th class="number">flagged<th class="number">planted among them
<th class="number">precision<th class="number">recall
{rows}
</table></div>
<p class="soft">Precision is the share of the flagged labels that were planted, recall the share of the
planted labels that were flagged. The ranking by suspicion has an average precision of
{hunt.average_precision:.1%}; a random order would have {len(hunt.wrong) / len(hunt.labels):.0%}.</p>
{_shown("Planted and found: the most suspicious of each class", _varied(planted, _PLANTED), found)}
{_shown("Flagged, though nothing was planted", _varied(own, _OWN), found)}
<p class="soft">Flags on labels that were not planted count as false above. Look at them: some are mistakes of
the method, others are images whose own label can be doubted.</p>"""


def _row(catch: Catch, remark: str = "") -> str:
    return (
        f'<tr><td>{catch.suspicion:.2f} or more{remark}<td class="number">{catch.flagged}'
        f'<td class="number">{catch.hits}<td class="number">{catch.precision:.1%}'
        f'<td class="number">{catch.recall:.1%}'
    )


def _varied(flags: Sequence[Flag], about: int) -> list[Flag]:
    """Return the most suspicious flags of each suggested class, as many of each; about so many in all."""
    classes = {flag.suggested_class for flag in flags}
    quota = Counter(dict.fromkeys(classes, max(1, about // max(1, len(classes)))))
    chosen: list[Flag] = []
    for flag in flags:
        if quota[flag.suggested_class] and len(chosen) < about:
            quota[flag.suggested_class] -= 1
            chosen.append(flag)
    return chosen


def _shown(title: str, flags: Sequence[Flag], found: Findings) -> str:
    if not flags:
        return ""
    cards = "\n".join(_card(flag, found) for flag in flags)
    return f'<h3>{escape(title)}</h3>\n<div class="flags">\n{cards}\n</div>'


def _card(flag: Flag, found: Findings) -> str:
    name, label = flag.label.sample_id, flag.label.class_name
    planted = name in found.hunt.wrong
    mark = (
        '<span class="mark planted">planted</span>'
        if planted
        else '<span class="mark own">not planted</span>'
    )
    truth = f"<br>truth: {escape(found.truth[name])}" if planted else ""
    near = "\n".join(
        figure(
            found.pictures[one.sample_id],
            f"{one.sample_id}, similarity {one.similarity:.2f}",
            f"{one.class_name} {one.weight:.0%}",
        )
        for one in flag.evidence
    )
    return f"""<div class="card flag">
<div class="said">{picture(found.pictures[name], name)}
<span class="wrong">{escape(label)}</span> → <span class="right">{escape(flag.suggested_class)}</span>
<br>suspicion {flag.suspicion:.2f}{truth}<br>{mark}</div>
<div class="near"><div class="soft">neighbours that speak against it, and their share of the vote</div>
<div class="row">{near}</div></div>
</div>"""
