"""Demo corpus of the project: short labelled videos of drawn faces that act the expressions.

A head is a smooth relief on a canvas (``relief``). It is painted once per person (``identity``,
``paint``), and deformed, lit and turned once per frame (``face``, ``features``). The facial action
units of the person change over time (``acting``) in front of a background (``scene``). ``clip``
writes one video, ``corpus`` a folder of them with its label table, ``reel`` a video with several
expressions.

The faces are drawings, made without pictures of people. They show that the path from videos to
answers works. They do not show that a model is good on real faces.
"""
