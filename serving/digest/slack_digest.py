"""One digest as a text in Slack's form, and its way there: through the guards of webhooks, at once or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from serving.digest.digest import Digest
from serving.digest.digest_html import one_line
from serving.digest.outcomes import Outcome
from serving.webhooks.delivery.sending import Sender
from serving.webhooks.delivery.slack import escaped


def slack_text_of(digest: Digest) -> str:
    """Return a digest as one text; no name of it can become a link or a mention."""
    return "\n".join(_lines(digest))


def post(sender: Sender, url: str, text: str) -> Outcome:
    """Send a text to an incoming webhook in Slack's form."""
    answer = sender.post(url, {}, msgspec.json.encode({"text": text}))
    if answer.taken:
        return Outcome("sent")
    if answer.status is not None:
        return Outcome("failed", f"{answer.status} {one_line(answer.text)}"[:300].rstrip(), answer.trouble)
    if answer.unsent:
        return Outcome("failed", answer.error or "", passing=True)
    return Outcome("uncertain", answer.error or "")


def _lines(digest: Digest) -> Iterator[str]:
    words = digest.words
    yield f"*{_line(digest.title)}*"
    yield from map(_line, filter(None, (digest.deputy, digest.as_of, *digest.notes)))
    yield from (f"{_line(label)}: {_line(value)}" for label, value, _ in digest.figures)
    yield f"\n*{_line(words['calls']['heading'])}*"
    if digest.no_calls:
        yield _line(digest.no_calls)
    for line, address, step in zip(digest.calls, digest.call_addresses, digest.call_steps, strict=True):
        facts = (line.probability, line.revenue_at_risk, line.size, line.action, line.reason, step, *line.watch)
        facts = (*facts, *line.flags)
        yield f"• {_linked(line.name, address)}{_beside(words, line.crm)}: {_line(', '.join(filter(None, facts)))}"
    if digest.more:
        yield _line(digest.more)
    for section in digest.sections:
        yield f"\n*{_line(section.heading)}*"
        for entry in section.entries:
            yield f"• {_linked(entry.name, entry.address)}{_beside(words, entry.crm)}: {_line(entry.told)}"
        yield from map(_line, filter(None, (section.more,)))
    yield ""
    yield from map(_line, digest.foot)


def _beside(words: Mapping[str, Mapping[str, str]], crm: str) -> str:
    """Return the link to the account in the CRM, where there is one."""
    return f" ({_linked(words['head']['crm'], escaped(crm))})" if crm else ""


def _line(text: str) -> str:
    return escaped(one_line(text))


def _linked(name: str, address: str) -> str:
    """Return a name, as a link where there is an address; Slack ends the text of a link at > alone."""
    return f"<{address}|{_line(name).replace('|', '¦')}>" if address else _line(name)
