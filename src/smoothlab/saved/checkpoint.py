"""What `torch.save` wrote: the one file here that needs torch, and so stands alone."""

from pathlib import Path

from ..torch.stored import load
from .arrays import Stored
from .refusal import reading


def pt(path: Path) -> dict[str, Stored]:
    """Every tensor of a .pt file that NumPy can hold, mapped; one without a dict around it has no name."""
    way_out = (
        "Save {'logits': ..., 'labels': ...}, plain tensors, with torch.save, or write them with np.savez."
    )
    with reading(path, "a whole file of plain tensors", way_out=way_out):
        held = load(path)
    return {
        name: Stored.bfloat16(array) if half else Stored.in_memory(array)
        for name, (array, half) in held.items()
    }
