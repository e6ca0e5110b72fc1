"""The same world as the pipeline's tests: both vendors in process, a tenant with a mapped flow between them."""

from tests.pipeline.conftest import kept_company, sandbox, world

__all__ = ["kept_company", "sandbox", "world"]
