"""What the public names of fastnn.export take of PyTorch, which is large to install for its types.

For `basedpyright --verifytypes` only, which must know a class's bases.
"""

from . import nn as nn

class Tensor: ...
