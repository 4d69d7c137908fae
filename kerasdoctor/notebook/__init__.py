"""What Keras Doctor does in a notebook; the only package that imports IPython and the widgets."""
