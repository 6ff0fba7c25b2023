"""The rows that are measured, by their names in the project's list."""

from benchmarks import ops_table
from benchmarks.checkpointing import CHECKPOINT
from benchmarks.contest import Row
from benchmarks.costs import COSTS
from benchmarks.drawings import DRAW
from benchmarks.inspecting import INSPECT
from benchmarks.layout import LAYOUT
from benchmarks.loops import LOOPS
from benchmarks.p1_p3_mlp import P1, P2, P3, P3_ADAM
from benchmarks.p4_autoencoder import P4
from benchmarks.p5_scalar_graph import P5
from benchmarks.p6_elementwise import P6
from benchmarks.p7_p8_chain import P7, P8
from benchmarks.p9_scaling import P9
from benchmarks.p10_second_order import P10
from benchmarks.p11_imports import P11
from benchmarks.p12_memory import P12

# What is run unless rows are named: some 20 minutes. The others take as long again.
LISTED: tuple[Row, ...] = (
    *(P1, P2, P3, P3_ADAM, P4, P5, P6, P7, P8, P9, P10, P11, P12),
    *(INSPECT, COSTS),
)
ROWS: dict[str, Row] = {row.id: row for row in (*LISTED, LOOPS, CHECKPOINT, DRAW, LAYOUT)}
# The one row that is no contest of a few processes: all ops, each against itself by hand.
SWEEP = ops_table.ID
NAMES = (*ROWS, SWEEP)
