"""Pages and plots. A page is one HTML file without links to other files, for screens and phones.

``page`` renders the templates, ``charts`` computes the numbers of their charts, ``plots`` draws
with Matplotlib. Each other module makes one page or one part of a page.
"""
