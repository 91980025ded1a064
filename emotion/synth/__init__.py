"""The project's own labelled demo corpus: short videos of drawn faces that act the expressions.

A head is a smooth relief on a canvas (``relief``), painted once per person (``identity``,
``paint``) and deformed, lit and turned once per frame (``face``, ``features``). An actor moves its
facial action units over time (``acting``) in front of a background (``scene``); ``clip`` writes one
video and ``corpus`` a folder of them with its label table.

The faces are drawings, and no picture of a person went into them: they prove that the path from
videos to answers works, and nothing about how well a model reads real faces.
"""
