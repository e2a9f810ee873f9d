"""Sections as text, in the hands of different people."""

import random
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Section:
    heading: str
    # Key and value; a key that begins with a blank is set in, and one that is empty is a line as it stands.
    lines: list[tuple[str, str]] = field(default_factory=list)
    # What is written around the heading, as in `[ %s ] # why`.
    dress: str = "[%s]"


def written(sections: list[Section], dice: random.Random, style: dict[str, Any]) -> str:
    equals = dice.choice((" = ", " = ", " = ", "=", "  =  ", "\t= "))
    lines: list[str] = [*style.get("first", [])]
    for section in sections:
        if lines and dice.random() < 0.7:
            lines.append("")
        if dice.random() < 0.08:
            lines.append(dice.choice(("# a comment", "; another", "#key = value")))
        lines.append(section.dress % section.heading)
        for key, value in section.lines:
            if not key:
                lines.append(value)
            elif not value:
                lines.append(f"{key}{equals.rstrip()}")
            else:
                lines.append(f"{key}{equals}{value}")
            if dice.random() < 0.02:
                lines.append(dice.choice(("", "# between", "; between")))
    newline = style.get("newline", "\n")
    text = newline.join(lines)
    if lines and dice.random() < 0.95:
        text += newline
    return style.get("before", "") + text if lines else ""
