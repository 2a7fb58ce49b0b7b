"""The operations that a Fusion Cell chooses from, in the order of alpha.

One more is a file with an `Operation`, like those beside this one, and a line at the end of the
list: alpha and the weights of those before it are drawn as without it.

The paper's formulas are partly lost in its text (its section 2.2), so each class says how sure its
own is: [M-H] strong, [M] medium, [L] a guess.
"""

from mfsn.model.operations.attention import ATTENTION
from mfsn.model.operations.concat_fc import CONCAT_FC
from mfsn.model.operations.operation import Operation
from mfsn.model.operations.sum import SUM
from mfsn.model.operations.supplement import ISM
from mfsn.model.operations.zero import ZERO

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        ZERO,
        SUM,
        ATTENTION,
        ATTENTION.reversed(),
        CONCAT_FC,
        CONCAT_FC.reversed(),
        ISM,
        ISM.reversed(),
    )
}
"""By name, in the order of alpha."""
