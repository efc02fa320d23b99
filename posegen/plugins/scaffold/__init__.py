"""`posegen plugins new`: a package that works, to be made one's own.

The templates beside this file are the files of such a package: those in `common`, and those of the
kind. Names are put in where there is a `$name`, as `string.Template` does it.
"""

from posegen.plugins.scaffold.names import Names
from posegen.plugins.scaffold.render import Made, scaffold

__all__ = ["Made", "Names", "scaffold"]
