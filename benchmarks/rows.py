"""The rows that are measured, by their names in the project's list."""

from benchmarks import ops_table
from benchmarks.checkpointing import CHECKPOINT
from benchmarks.contest import Row
from benchmarks.drawings import DRAW
from benchmarks.inspecting import INSPECT
from benchmarks.layout import LAYOUT
from benchmarks.loops import LOOPS
from benchmarks.p1_p3_mlp import P1, P3
from benchmarks.p5_scalar_graph import P5
from benchmarks.p7_p8_chain import P7, P8
from benchmarks.p9_scaling import P9

ROWS: dict[str, Row] = {
    row.id: row for row in (P1, P3, P5, P7, P8, P9, LOOPS, CHECKPOINT, INSPECT, DRAW, LAYOUT)
}
# The one row that is no contest of a few processes: all ops, each against itself by hand.
SWEEP = ops_table.ID
NAMES = (*ROWS, SWEEP)
