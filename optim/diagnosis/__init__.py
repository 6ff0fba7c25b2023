"""What is wrong with a network that does not learn.

`diagnose` runs it; `signals` reads the recorded graph, `overfitting` trains on a few examples,
`suspicions` look at the data and `symptoms` at the layers; `findings` are what is told.
"""
