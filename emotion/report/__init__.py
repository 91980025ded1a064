"""Pages and plots. A page is one HTML file that needs no other file; it also fits a phone's screen.

``page`` renders the templates, ``charts`` computes the numbers of their charts, and ``plots`` draws
with Matplotlib. Each other module makes one page or one part of a page.
"""
