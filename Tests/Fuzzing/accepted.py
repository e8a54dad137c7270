"""Whether what our JSON parser accepts, Python's strict decoder accepts too, with the same meaning, before and after it
was written anew. Reads lines of two texts in hexadecimal digits."""

import json
import sys
from decimal import MAX_EMAX, MIN_EMIN, Context, InvalidOperation

# Longer numbers than any input has.
EXACT = Context(prec=1_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation])


def members(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def refuse(word):
    raise ValueError(f"{word} is no JSON")


def number(text):
    """Numbers keep all their digits; an exponent is a matter of spelling, unless it is one beyond all reckoning."""
    try:
        return EXACT.create_decimal(text).normalize(EXACT)
    except InvalidOperation:
        return text


def meaning(text):
    return json.loads(text.decode("utf-8", "strict"), object_pairs_hook=members, parse_constant=refuse,
                      parse_float=number, parse_int=number)


count = 0
for line in sys.stdin.buffer:
    parts = line.rstrip(b"\n").split(b" ")
    if len(parts) != 2:
        continue
    came, written = (bytes.fromhex(part.decode()) for part in parts)
    try:
        same = meaning(came) == meaning(written)
        written.decode("utf-8").encode("utf-16", "strict")
    except ValueError as error:
        sys.exit(f"Our parser accepts what Python refuses, because {error}: {came!r}")
    if not same:
        sys.exit(f"Written anew, it means something else: {came!r} became {written!r}")
    count += 1
print(f"json: {count} accepted documents mean the same to Python's decoder")
sys.exit(0 if count else "No document was accepted, so nothing was compared.")
