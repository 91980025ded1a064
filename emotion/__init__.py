"""The pure core: plain functions on arrays and files, from a video to the emotions its faces show.

Rooms, in the order the data walks through them:

* ``extract`` turns one video into faces, tracks and clips;
* ``learn`` turns clips into a model package;
* ``predict`` turns a video and a package into an answer;
* ``synth`` renders the project's own labelled demo corpus.

Nothing here imports Ray, an AWS SDK or a web framework.
"""
