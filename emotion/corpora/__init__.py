"""The corpora of the field: their names and list files to the rows of a label table."""
