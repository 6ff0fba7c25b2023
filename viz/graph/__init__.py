"""The flow graph as plain data, and what of it is drawn.

`ir` is the data, with a `summary` of each array, `names` of its boxes and the `contents` of its
groups; `share` draws leaves where they are used, `groups` finds what can be one box, `view` says
what is there while some groups are open. `matching` and `alignment` compare two graphs.
"""
