"""The audit log."""

from __future__ import annotations

from gaud_core.access.audit import read_audit
from gaud_core.admin.answers import AuditEntry, AuditList
from gaud_core.admin.desk import Ask
from gaud_core.admin.requests import PageQuery

__all__ = ["show_audit"]


def show_audit(ask: Ask) -> AuditList:
    """Give one page of changes."""
    query: PageQuery = ask.query
    changes, total = read_audit(ask.desk.store, query.page, query.per_page)
    data = [AuditEntry.of(change) for change in changes]
    return AuditList(data=data, page=query.page, per_page=query.per_page, total=total)
