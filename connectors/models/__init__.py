"""Tables of the connectors. Grants and consent states belong to the platform; all others to one tenant each."""

from connectors.models.call import Call
from connectors.models.connection import Connection
from connectors.models.grant import Grant
from connectors.models.oauth_state import OAuthState
from connectors.models.reference import Reference

__all__ = ["Call", "Connection", "Grant", "OAuthState", "Reference"]
