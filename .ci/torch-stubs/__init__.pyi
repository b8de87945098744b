"""Types of PyTorch in the public names of fastnn.export, since PyTorch is large to install.

For `basedpyright --verifytypes` only, which must know a class's bases.
"""

from . import nn as nn

class Tensor: ...
