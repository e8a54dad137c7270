"""Feeds `steward config check` with damaged settings: it must say what is wrong, with a place, and never crash.

    configuration.py STEWARD SECONDS FILE…     what the files hold is where it begins
"""

import os
import random
import subprocess
import sys
import tempfile
import time

program, seconds, *files = sys.argv[1:]
seeds = [open(file, "rb").read() for file in files]
words = [b"null", b"~", b"[]", b"{}", b"-1", b"1e999", b"0x7f", b"99999999999999999999", b"'", b'"', b": ", b"- ", b"&a ",
         b"*a", b"<<: ", b"!!binary ", b"\t", b"\x00", b"\xff", "\u202e".encode(), b"unlimited", b"10s", b"1 GiB", b"\n  "]
seed = random.randrange(1 << 32)
chance = random.Random(seed)


def damaged(text):
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(text))
        lines = text.split(b"\n")
        match chance.randrange(6):
            case 0: text = text[:at] + chance.choice(words) + text[at:]
            case 1: text = text[:at] + text[at + chance.randint(1, 12):]
            case 2: text = text[:at] + bytes([chance.randrange(256)]) + text[at + 1:]
            case 3:
                lines.insert(chance.randrange(len(lines)), chance.choice(lines))
                text = b"\n".join(lines)
            case 4:
                line = chance.randrange(len(lines))
                lines[line] = b"  " * chance.randint(0, 3) + lines[line].lstrip()
                text = b"\n".join(lines)
            case 5:
                head, colon, _ = chance.choice(lines).partition(b":")
                text += b"\n" + head + colon + b" " + chance.choice(words)
    return text


end, count, refused = time.monotonic() + float(seconds), 0, 0
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "steward.yaml")
    while time.monotonic() < end:
        text = damaged(chance.choice(seeds))
        with open(path, "wb") as file:
            file.write(text)
        ran = subprocess.run([program, "config", "check", "--config", path], capture_output=True, timeout=20, env={"HOME": folder, "UPSTREAM_KEY": "x"})
        said = ran.stdout + ran.stderr
        if ran.returncode not in (0, 1) or (ran.returncode == 1 and path.encode() not in said):
            kept = f"crash-configuration-{seed:08x}.yaml"
            with open(kept, "wb") as file:
                file.write(text)
            sys.exit(f"`config check` ended with {ran.returncode} on {kept} (seed {seed}): {said[-500:].decode(errors='replace')}")
        count, refused = count + 1, refused + (ran.returncode == 1)
print(f"configuration: {count} files, of which {refused} were refused with a place (seed {seed})")
sys.exit(0 if refused else "No file was refused, so nothing was tried.")
