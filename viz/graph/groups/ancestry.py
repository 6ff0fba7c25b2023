"""Where two groups part, in a forest that may be thousands of groups deep."""

from __future__ import annotations

__all__ = ["Ancestry"]


class Ancestry:
    """Where two groups part: each knows its parent and one far ancestor (Myers 1983)."""

    def __init__(self, parent: list[int]) -> None:
        # Numbers are one more here: 0 is what is around all.
        self.up, self.jump, self.depth = [0], [0], [0]
        for around in parent:
            p = around + 1
            j = self.jump[p]
            far = self.depth[p] - self.depth[j] == self.depth[j] - self.depth[self.jump[j]]
            self.up.append(p)
            self.jump.append(self.jump[j] if far else p)
            self.depth.append(self.depth[p] + 1)

    def apart(self, x: int, y: int) -> tuple[int, int, int]:
        """The innermost group around both, and what in it holds each: a group, or -1 if none."""
        if x == y:
            return x, -1, -1
        x, y = x + 1, y + 1
        if self.depth[x] != self.depth[y]:
            deep, other = (x, y) if self.depth[x] > self.depth[y] else (y, x)
            below = self._ancestor(deep, self.depth[other] + 1)
            if self.up[below] == other:
                return other - 1, *((below - 1, -1) if deep == x else (-1, below - 1))
            above = self.up[below]
            x, y = (above, other) if deep == x else (other, above)
        while self.up[x] != self.up[y]:
            if self.jump[x] != self.jump[y]:
                x, y = self.jump[x], self.jump[y]
            else:
                x, y = self.up[x], self.up[y]
        return self.up[x] - 1, x - 1, y - 1

    def _ancestor(self, x: int, depth: int) -> int:
        while self.depth[x] > depth:
            x = self.jump[x] if self.depth[self.jump[x]] >= depth else self.up[x]
        return x
