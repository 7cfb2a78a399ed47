"""When does label smoothing help, on your data and for your model, and what does it cost?"""

__version__ = "0.1.0"
