import pytest

from smoothlab.targets import FAIRSEQ, KERAS, MEGATRON, OPENNMT, PYTORCH, TIMM, preset


def test_each_framework_is_found_by_its_name():
    for entry in (PYTORCH, KERAS, TIMM, FAIRSEQ, OPENNMT, MEGATRON):
        assert preset(entry.framework) is entry
        assert entry.meaning
        assert entry.source


def test_an_unknown_framework_is_told_in_one_sentence():
    with pytest.raises(ValueError, match=r"`name` must be one of 'pytorch', .* Did you mean 'pytorch'"):
        preset("PyTorch")
