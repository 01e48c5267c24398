"""What `oddsbridge check` and `oddsbridge topics` ask, and what they make of the answers.

`survey` asks everything; `upstream` and `kafka` are the questions to the two ends; what follows from the answers is
in pure modules: `findings`, `names`, `clock`, `topics`, `permissions`. Nothing here publishes anything.
"""
