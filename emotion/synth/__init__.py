"""Demo corpus of the project: short labelled videos of drawn faces that act the expressions.

A head is a smooth relief on a canvas (``relief``), painted once per person (``identity``,
``paint``) and deformed, lit and turned once per frame (``face``, ``features``). An actor moves its
facial action units over time (``acting``) in front of a background (``scene``); ``clip`` writes one
video and ``corpus`` a folder of them with its label table.

The faces are drawings, made without pictures of people. They show that the path from videos to
answers works, not that a model is good on real faces.
"""
