"""Shapes and types in signatures are checked here, and only here: users pay nothing for them."""

from jaxtyping import install_import_hook

install_import_hook("smoothlab", "beartype.beartype")
