"""A wall clock that the tests set."""

import struct
import subprocess

from harness import TOP


class Clock:
    """The wall clock of whoever starts with this environment; it can be stepped."""

    def __init__(self, folder):
        library, self.offset = folder / "clock.so", folder / "clock.offset"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", library, TOP / "Tests/Soak/clock.c", "-ldl"], check=True)
        self.offset.write_bytes(struct.pack("q", 0))
        self.environment = {"LD_PRELOAD": str(library), "STEPPED_CLOCK": str(self.offset)}

    def step(self, seconds):
        # In place: the file is mapped.
        with open(self.offset, "r+b") as file:
            file.write(struct.pack("q", seconds))
