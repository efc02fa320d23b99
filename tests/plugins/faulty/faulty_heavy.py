"""A module of options that imports torch."""

import torch
from pydantic import Field

from posegen.core import Config


class Heavy(Config):
    threads: int = Field(torch.get_num_threads(), description="threads")
