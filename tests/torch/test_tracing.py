"""Who is looking: `plain` is true in eager mode alone, `readable` on its CPU alone."""

import torch
from torch.nn import Parameter

from smoothlab.torch.tracing import plain, readable


def test_tensors_and_parameters_in_eager_mode_are_plain_and_readable():
    assert plain(torch.zeros(2), Parameter(torch.zeros(2)), None)
    assert readable(torch.zeros(2), Parameter(torch.zeros(2)), None)


def test_nothing_is_plain_under_a_transform():
    seen = []
    torch.func.vmap(lambda x: seen.append(plain(x)) or x)(torch.zeros(2))
    torch.func.grad(lambda x: seen.append(plain(x)) or x)(torch.tensor(0.0))
    assert seen == [False, False]


def test_a_subclass_is_not_plain():
    class Tagged(torch.Tensor):
        pass

    assert not plain(torch.zeros(2).as_subclass(Tagged))


def test_a_tensor_without_values_is_plain_but_cannot_be_read():
    assert plain(torch.zeros(2, device="meta"))
    assert not readable(torch.zeros(2, device="meta"))
