"""Speed and memory of an answer: the row of figures, and the panel with all of them."""
