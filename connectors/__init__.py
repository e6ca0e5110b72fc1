"""The border to the vendors: foreign JSON becomes our records here, and our entries become foreign JSON."""

import warnings

# Authlib prefers a fork of httpx that we keep out on purpose (docs/connectors.md); its notice at every start tells nobody
# anything they could act on.
warnings.filterwarnings("ignore", message="The httpx module is deprecated")
