"""From a view and its places to a drawing.

`boxes` says what is written in each box, `scene` decides every colour and word (`looks`, `legend`,
`labels`, `ways`, `progress`), `svg` and `dot` write it down (`marks`, `programs`), and `frames`
makes a handout of it.
"""
