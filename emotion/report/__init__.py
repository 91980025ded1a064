"""Pages for people: one HTML file each, with everything inside, readable offline and on a phone.

``page`` renders the templates, ``charts`` computes what they draw; the other modules each make
one page: a dataset's, a score set's, an evaluation's, a validation's.
"""
