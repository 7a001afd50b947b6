"""The address of an account in the reader's CRM, by the setting `CHURN_RISK_CRM_URL`."""

from __future__ import annotations

from functools import cache

from serving.crm_address import filled
from serving.settings import ServiceSettings


def crm_link(account_id: str) -> str:
    """Return the address of an account in the CRM; empty without a template."""
    template = crm_template()
    return filled(template, account_id) if template else ""


@cache
def crm_template() -> str | None:
    """Return the template of these addresses, read once in a process; None: there is none."""
    return ServiceSettings().crm_url
