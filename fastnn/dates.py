"""Dates in text: names of months, quarters and months of a year as year-month-day.

The code from `_MONTHS` on is part of exported Python files, too.

Private: it may change without notice.
"""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = re.compile(  # "3 January 2020", "Jan 3, 2020", "Jan 2020", "3-Jan-20"
    r"(?:(\d{1,2})(?:st|nd|rd|th)?[-/. ]*)?"
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
    r"(?:[-/. ]*(\d{1,2})(?:st|nd|rd|th)?)?[-/., ]+(\d{4}|\d\d)",
    re.IGNORECASE,
)
_QUARTER, _MONTH = re.compile(r"(\d{4})[- ]?[qQ]([1-4])"), re.compile(r"\d{4}-\d\d")


def plain_date(text: str) -> str:
    """Return dates with names of months, quarters and months of a year as year-month-day."""
    found = _NAMED.fullmatch(text)
    if found is not None:
        before, name, after, year = found.groups()
        month = _MONTHS.index(name[:3].lower()) + 1
        if (before and after) or (len(year) == 2 and not before):
            return text
        if len(year) == 2:
            year = ("19" if int(year) >= 69 else "20") + year
        return f"{year}-{month:02}-{int(before or after or 1):02}"
    found = _QUARTER.fullmatch(text)
    if found is not None:
        return f"{found[1]}-{3 * int(found[2]) - 2:02}-01"
    return f"{text}-01" if _MONTH.fullmatch(text) else text
