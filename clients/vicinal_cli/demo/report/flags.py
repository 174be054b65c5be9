"""The part of the page about wrong labels: each flag with its picture and the neighbours that speak."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from vicinal_cli.demo.findings import Findings
from vicinal_cli.demo.noise import RATE
from vicinal_cli.demo.report.pictures import figure, picture
from vicinal_client import Flag

__all__ = ["flags_section"]

_PLANTED = 16
_OWN = 8
"""Most flags shown of either kind."""


def flags_section(found: Findings) -> str:
    """Return the section about planted wrong labels and what was flagged."""
    hunt = found.hunt
    planted = [flag for flag in hunt.flags if flag.label.sample_id in hunt.wrong]
    own = [flag for flag in hunt.flags if flag.label.sample_id not in hunt.wrong]
    return f"""
<h2>Which labels are wrong</h2>
<p>A third dataset got a label for every image, as data from elsewhere would bring them: trust
<code>GIVEN</code>, none verified. {len(hunt.wrong)} of the {len(hunt.labels)} labels ({RATE:.0%}) were
replaced by another class, each other class being equally likely. A label is flagged when half or more of the
belief that its neighbourhood holds without it is in other classes.</p>
<div class="wide card"><table>
<tr><th>planted<td class="number">{len(hunt.wrong)}<td class="soft">labels made wrong
<tr><th>flagged<td class="number">{len(hunt.flags)}<td class="soft">suspicion of 0.5 or more
<tr><th>precision<td class="number">{hunt.precision:.1%}<td class="soft">of the flagged labels were planted
<tr><th>recall<td class="number">{hunt.recall:.1%}<td class="soft">of the planted labels were flagged
<tr><th>average precision<td class="number">{hunt.average_precision:.1%}<td class="soft">of all labels
ranked by suspicion; a random order would have {len(hunt.wrong) / len(hunt.labels):.0%}
</table></div>
{_shown("The most suspicious of the planted", planted[:_PLANTED], found)}
{_shown("Flagged, though nothing was planted", own[:_OWN], found)}
<p class="soft">Flags on labels that were not planted count as false above. Look at them: some are mistakes of
the method, others are images whose own label can be doubted.</p>"""


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
