"""Numbers and tables as the documentation has them."""


def number(value, places=3):
    return "–" if value is None else f"{value:.{places}f}".replace("0.", ".", 1) if 0 <= value < 1 else f"{value:.1f}"


def interval(row):
    """A 95 % interval, or what stands where there is none."""
    return "–" if not row else " to ".join(number(x) for x in row)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])
