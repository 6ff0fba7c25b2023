"""From what the engine recorded to boxes, edges and steps, the plain data of `viz.graph.ir`.

`capture` finds what there is to draw (`restore` leaves all as it was, `symbolic` has no data yet),
`build` makes the boxes (`fold`: what is one box; `calls`: the modules around), `steps` says what
both passes did, and `captions` in which words (`formulas`).
"""
