"""The CUDA kernels compile for an H100, on a machine without one; run by test_triton.py in a process of its own.

Triton brings its own assembler, so whatever the interpreter lets pass and the compiler does not is found here.
"""

import re
import subprocess
from pathlib import Path

import pytest

from smoothlab.torch.kernels import triton_kernels as kernels

triton = pytest.importorskip("triton", reason="Triton is not installed here: scripts/check_triton")
H100 = triton.backends.compiler.GPUTarget("cuda", 90, 32)
BITS = {"bf16": 16, "fp16": 16, "fp32": 32, "fp64": 64}


def compiled(
    kernel, dtype, *, aligned=True, background=False, dense=False, mask=False, smoothed=True, warps=8
):
    each = 128 // BITS[dtype]
    sums = "*fp64" if dtype == "fp64" else "*fp32"
    known = {
        "SMOOTHED": smoothed,
        "DIVISOR": "count" if background else "mass",
        "DENSE": dense,
        "ALIGNED": aligned,
        "SAME": True,
        "EACH": each,
        "LANES": warps * (256 if dtype == "fp64" else 512) // each,
        **({} if background else {"background": None}),
        **({} if mask else {"class_mask": None}),
    }
    types = dict.fromkeys(kernel.arg_names, sums)
    types |= {name: "i32" for name in types if name == "classes" or name.endswith("step")}
    types |= {"logits": f"*{dtype}", "gradient": f"*{dtype}", "class_mask": "*u8", "ignored": "*u8"}
    types |= {} if dense else {"label": "*i64"}
    types |= dict.fromkeys(known, "constexpr")
    places = {name: (place,) for place, name in enumerate(kernel.arg_names)}
    source = triton.compiler.ASTSource(
        fn=kernel,
        signature={name: types[name] for name in places},
        constexprs={places[name]: value for name, value in known.items() if name in places},
        attrs={places[name]: [["tt.divisibility", 16]] for name in places if types[name].startswith("*")},
    )
    return triton.compile(source, target=H100, options={"num_warps": warps}).asm


def stack(asm, tmp_path):
    """Bytes of local memory, where registers go that there is no room for."""
    (tmp_path / "kernel.cubin").write_bytes(asm["cubin"])
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    told = subprocess.run(
        [tool, "-res-usage", tmp_path / "kernel.cubin"], capture_output=True, text=True, check=True
    )
    return [int(size) for size in re.findall(r"(?:STACK|LOCAL):(\d+)", told.stdout)]


@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "anywhere"])
@pytest.mark.parametrize("dtype", ["bf16", "fp32", "fp64"])
@pytest.mark.parametrize("kernel", ["forward", "backward"])
def test_every_kernel_compiles_and_keeps_to_its_registers(kernel, dtype, aligned, tmp_path):
    for everything in (False, True):
        asm = compiled(
            getattr(kernels, kernel),
            dtype,
            aligned=aligned,
            background=everything,
            dense=everything,
            mask=everything,
        )
        assert sum(stack(asm, tmp_path)) <= 16  # no more than a predicate or two


@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "anywhere"])
@pytest.mark.parametrize("dtype", ["bf16", "fp16", "fp32"])
def test_logits_and_gradient_move_in_pieces_of_16_bytes_wherever_rows_begin(dtype, aligned):
    pieces = {"bf16": 2, "fp16": 2, "fp32": 4}[dtype]  # of the 16 logits of a thread
    forward, backward = (
        compiled(kernel, dtype, aligned=aligned) for kernel in (kernels.forward, kernels.backward)
    )
    assert forward["ptx"].count("ld.global.v4") == backward["ptx"].count("ld.global.v4") == pieces
    assert backward["ptx"].count("st.global.v4") == pieces
    if aligned:  # else the edges move one by one
        assert not re.search(r"st\.global\.b(16|32) ", backward["ptx"])


def test_no_lane_waits_for_another_before_the_end_of_the_row():
    ptx = compiled(kernels.forward, "bf16")["ptx"]
    loop = re.search(r"(\$L__BB0_\d+):(?:(?!\$L__BB0).)*?ex2\.approx.*?bra\s+\1;", ptx, re.DOTALL)
    assert loop
    assert "shfl" not in loop[0]
    assert "bar.sync" not in loop[0]
    assert "shfl" in ptx


def test_rows_of_few_classes_compile_for_one_warp():
    for kernel in (kernels.forward, kernels.backward):
        compiled(kernel, "bf16", aligned=False, smoothed=False, warps=1)


def test_no_count_makes_another_kernel():
    for kernel in (kernels.forward, kernels.backward):
        numbers = [p for p in kernel.params if p.name == "classes" or p.name.endswith("step")]
        assert len(numbers) >= 5
        assert all(parameter.do_not_specialize for parameter in numbers)


def test_the_exponentials_of_float64_are_taken_in_float64():
    assert "0d3FF71547652B82FE" in compiled(kernels.forward, "fp64")["ptx"]  # log2 e to 53 bits
