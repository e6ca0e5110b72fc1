"""Which Millrace this is, as certificates say it. The same number as in pyproject.toml, which a deployment does not carry."""

VERSION = "0.1.0"
