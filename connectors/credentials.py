"""The only reader and writer of tokens.

One chain of tokens belongs to one grant and may serve several tenants. A refresh is single flight across all processes: a
short lease is taken by compare-and-set on the grant's row, the vendor is asked with no transaction open, and the new
tokens are stored, under the lease's epoch, before anybody uses them. The old refresh token is kept: Xero accepts it for
another 30 minutes, so neither a lost answer nor a dead process costs the connection.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Now

from connectors import faults, oauth, providers
from connectors.contract.errors import ActionRequired, ConnectorError, RetryLater
from connectors.contract.spec import CallRecord
from connectors.models import Grant
from connectors.oauth import InvalidGrant, Provider, TokenSet

LEASE = timedelta(seconds=20)
COOL_DOWN = timedelta(seconds=5)  # after a refresh that failed nobody tries again at once
PATIENCE = 12.0  # seconds to wait for somebody else's refresh
FRESH, USABLE = timedelta(minutes=5), timedelta(minutes=1)
GRACE = timedelta(minutes=30)
Ask = Callable[[Provider], TokenSet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long a lease lasts and how patiently others wait for it; tests shorten both."""

    lease: timedelta = LEASE
    patience: float = PATIENCE


def token_timing(lease_seconds: float) -> Timing:
    """A sixth of a flow's lease, and a tenth to wait for others; never more than the usual times."""
    lease, patience = lease_seconds / 6, lease_seconds / 10
    return Timing(lease=min(LEASE, timedelta(seconds=lease)), patience=min(PATIENCE, patience))


class Credentials:
    """The `TokenProvider` of one grant, for one thread. Raises ActionRequired or RetryLater as its protocol says."""

    def __init__(
        self,
        grant_id: int,
        *,
        record_call: Callable[[CallRecord], None] | None = None,
        on_lost: Callable[[str], None] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._grant_id = grant_id
        self._record_call = record_call
        self._on_lost = on_lost
        self._timing = timing or Timing()
        self._kept: Grant | None = None

    def token(self) -> str:
        """See `TokenProvider.token`. A token that is about to end is renewed early, by whoever comes first."""
        grant = self._kept if self._kept and _rest(self._kept) > FRESH else self._load()
        if _rest(grant) > _margin(grant, FRESH):
            return grant.access_token
        if _rest(grant) > _margin(grant, USABLE):
            return self._renew_early(grant)
        return self.renew(grant.access_token)

    def renew(self, stale: str) -> str:
        """See `TokenProvider.renew`."""
        deadline = time.monotonic() + self._timing.patience
        while True:
            grant = self._load()
            if _is_newer(grant, stale):
                return grant.access_token
            epoch = self._take_lease()
            if epoch is not None:
                return self._refresh(epoch, stale)
            if grant.last_error:
                raise RetryLater(grant.last_error, wait=COOL_DOWN, whole_connection=True)
            if time.monotonic() > deadline:
                raise RetryLater("Access is being renewed elsewhere.", wait=COOL_DOWN, whole_connection=True)
            time.sleep(0.05 + random.uniform(0, 0.1))

    def _renew_early(self, grant: Grant) -> str:
        epoch = self._take_lease()
        if epoch is None:
            return grant.access_token
        try:
            return self._refresh(epoch, grant.access_token)
        except RetryLater:
            return grant.access_token  # still good for a while; the next call tries again

    def _load(self) -> Grant:
        grant = Grant.objects.filter(pk=self._grant_id).first()
        if grant is None or grant.status != Grant.Status.ACTIVE:
            raise self._lost((grant.last_error if grant else "") or "The connection has ended. Please reconnect.")
        self._kept = grant
        return grant

    def _take_lease(self) -> int | None:
        """The epoch of our lease, None while somebody else has it. An older error is forgotten with it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE grant_chain SET lease_until = now() + make_interval(secs => %s), epoch = epoch + 1, last_error = ''"
                " WHERE id = %s AND status = 'active' AND (lease_until IS NULL OR lease_until < now()) RETURNING epoch",
                [self._timing.lease.total_seconds(), self._grant_id],
            )
            found = cursor.fetchone()
        return None if found is None else int(found[0])

    def _refresh(self, epoch: int, stale: str) -> str:
        """Under our lease: ask the vendor, store, then answer."""
        grant = self._load()
        if _is_newer(grant, stale):  # somebody was faster between our look and our lease
            self._end_lease(epoch)
            return grant.access_token
        try:
            used, found = self._ask(grant)
        except ActionRequired as error:
            self._end(epoch, grant, error)
            raise
        except ConnectorError as error:
            self._end_lease(epoch, error=error)
            raise
        faults.point("after_refresh_before_store")
        if not self._store(epoch, used, found):
            self._keep_candidate(found)
        return self._load().access_token

    def _ask(self, grant: Grant) -> tuple[str, TokenSet]:
        """The new tokens and the refresh token that gave them. InvalidGrant only when every token we know was tried."""
        provider = provider_of(grant, record_call=self._record_call)
        refused: InvalidGrant | None = None
        for candidate in self._candidates(grant):
            try:
                return candidate, oauth.refresh(provider, refresh_token=candidate)
            except InvalidGrant as error:
                refused = error
        if provider.json_body and grant.client_id:  # A2: the credentials themselves are always good for a token
            return "", oauth.client_credentials(provider)
        raise refused or InvalidGrant("There is no access any more. Please reconnect.")

    def _candidates(self, grant: Grant) -> Iterator[str]:
        """Our refresh token, then what changed in the row meanwhile, then a late one, then the previous one."""
        tried = {""}
        for read_again in (False, True):
            row = self._load() if read_again else grant
            previous = row.previous_refresh_token if _within_grace(row) else ""
            known = (
                [row.refresh_token] if not read_again else [row.refresh_token, row.candidate_refresh_token, previous]
            )
            for token in known:
                if token not in tried:
                    tried.add(token)
                    yield token

    def _store(self, epoch: int, used: str, found: TokenSet) -> bool:
        """Store under our epoch, in a commit of its own that has reached the disk. False: the lease was lost."""
        rotated = bool(found.refresh_token) and found.refresh_token != used
        fresh: dict[str, object] = {
            "access_token": found.access_token,
            "access_expires_at": Now() + Value(timedelta(seconds=found.expires_in)),
            "refreshed_at": Now(),
            "lease_until": None,
            "last_error": "",
        }
        if rotated:
            fresh |= {
                "refresh_token": found.refresh_token,
                "previous_refresh_token": used,
                "candidate_refresh_token": "",
                "rotated_at": Now(),
            }
        elif not used:
            fresh |= {"refresh_token": "", "previous_refresh_token": ""}
        with transaction.atomic():
            _commit_to_disk()
            return Grant.objects.filter(pk=self._grant_id, epoch=epoch).update(**fresh) == 1

    def _keep_candidate(self, found: TokenSet) -> None:
        """We came back too late: another refresher has stored its own chain. Ours may still be the living one."""
        if found.refresh_token:
            Grant.objects.filter(pk=self._grant_id).update(candidate_refresh_token=found.refresh_token)

    def _end_lease(self, epoch: int, *, error: ConnectorError | None = None) -> None:
        until = None if error is None else Now() + Value(_cool_down(error))
        Grant.objects.filter(pk=self._grant_id, epoch=epoch).update(
            lease_until=until, last_error="" if error is None else error.message[:500]
        )

    def _end(self, epoch: int, grant: Grant, error: ActionRequired) -> None:
        """The vendor said no. A token or key of this grant is dead for good; the platform's own identity can be mended."""
        is_ours = isinstance(error, InvalidGrant) or bool(grant.client_id)
        Grant.objects.filter(pk=self._grant_id, epoch=epoch).update(
            status=Grant.Status.NEEDS_RECONNECT if is_ours else Grant.Status.ACTIVE,
            lease_until=None if is_ours else Now() + Value(COOL_DOWN),
            last_error=error.message[:500],
        )
        if is_ours:
            self._lost(error.message)

    def _lost(self, message: str) -> ActionRequired:
        """Tell whoever shows the connection to people."""
        if self._on_lost is not None:
            self._on_lost(message)
        return ActionRequired(message)


# --------------------------------------------------------------- whole grants


def provider_of(grant: Grant, *, record_call: Callable[[CallRecord], None] | None = None) -> Provider:
    """Who we are at the vendor under this grant: the tenant's own key where it has one."""
    return providers.provider(
        grant.provider, client_id=grant.client_id, client_secret=grant.client_secret, record_call=record_call
    )


def grant_store(*, provider: Provider, subject: str, tokens: TokenSet, own_key: bool = False) -> Grant:
    """The grant of this subject with these new tokens: a first consent, a reconnect, or a new key."""
    values: dict[str, object] = {
        "client_id": provider.client_id if own_key else "",
        "client_secret": provider.client_secret if own_key else "",
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "access_expires_at": datetime.now(UTC) + timedelta(seconds=tokens.expires_in),
        "refreshed_at": datetime.now(UTC),
        "rotated_at": datetime.now(UTC),
        "scopes": list(tokens.scopes),
        "status": Grant.Status.ACTIVE,
        "last_error": "",
        "lease_until": None,
    }
    with transaction.atomic():
        _commit_to_disk()
        grant, created = Grant.objects.get_or_create(provider=provider.kind, subject=subject, defaults=values)
        if not created:
            old = Grant.objects.select_for_update().get(pk=grant.pk)
            values["previous_refresh_token"] = old.refresh_token
            Grant.objects.filter(pk=grant.pk).update(**values, epoch=F("epoch") + 1)
    return Grant.objects.get(pk=grant.pk)


def grant_with_key(*, client_id: str, client_secret: str) -> Grant:
    """The grant of a company's own key at Amnis. A key is tried before it is stored; one that works already is not.

    Raises ActionRequired for a key that Amnis does not accept, RetryLater where Amnis cannot be reached.
    """
    known = Grant.objects.filter(provider=providers.AMNIS, subject=client_id, status=Grant.Status.ACTIVE).first()
    if known is not None and known.client_secret == client_secret:
        return known
    provider = providers.provider(providers.AMNIS, client_id=client_id, client_secret=client_secret)
    tokens = oauth.client_credentials(provider)
    return grant_store(provider=provider, subject=client_id, tokens=tokens, own_key=True)


def grant_import(*, kind: str, refresh_token: str) -> Grant:
    """The grant behind a refresh token from a file, exchanged at once.

    The same token again changes nothing: it was rotated long ago, and its hash is remembered. Raises InvalidGrant for a
    token that the vendor refuses, RetryLater where the vendor cannot be reached.
    """
    digest = hashlib.sha256(f"{kind}:{refresh_token}".encode()).hexdigest()
    known = Grant.objects.filter(provider=kind, imported_hashes__contains=[digest]).first()
    if known is not None:
        return known
    provider = providers.provider(kind)
    tokens = oauth.refresh(provider, refresh_token=refresh_token)
    if not tokens.refresh_token:
        tokens = TokenSet(
            access_token=tokens.access_token,
            refresh_token=refresh_token,
            expires_in=tokens.expires_in,
            scopes=tokens.scopes,
        )
    grant = grant_store(provider=provider, subject=subject_of(tokens), tokens=tokens)
    Grant.objects.filter(pk=grant.pk).update(imported_hashes=[*grant.imported_hashes, digest])
    return Grant.objects.get(pk=grant.pk)


def grant_revoke(grant: Grant) -> None:
    """End the whole chain at the vendor and forget its secrets. Raises RetryLater where the vendor cannot be reached."""
    if grant.refresh_token and grant.status != Grant.Status.REVOKED:
        oauth.revoke(provider_of(grant), refresh_token=grant.refresh_token)
    Grant.objects.filter(pk=grant.pk).update(
        status=Grant.Status.REVOKED,
        access_token="",
        refresh_token="",
        previous_refresh_token="",
        candidate_refresh_token="",
        client_secret="",
        epoch=F("epoch") + 1,
    )


def subject_of(tokens: TokenSet) -> str:
    """Whose chain this is: Xero names its user in the access token. Raises ActionRequired where nobody is named."""
    subject = str(tokens.claims.get("xero_userid") or tokens.claims.get("sub") or "")
    if not subject:
        raise ActionRequired("The sign-in did not say whose access this is. Please try again.")
    return subject


def refresh_now(grant_id: int) -> None:
    """Refresh this chain whether its token is still good or not. Raises ActionRequired or RetryLater."""
    stale = Grant.objects.filter(pk=grant_id).values_list("access_token", flat=True).first()
    Credentials(grant_id).renew(stale or "")


def grants_to_keep_alive(*, older_than: timedelta) -> list[int]:
    """Active chains that nobody has used for that long (Xero ends them after 60 days). A company's own key never ends."""
    unused = Q(refreshed_at=None) | Q(refreshed_at__lt=Now() - Value(older_than))
    found = Grant.objects.filter(unused, status=Grant.Status.ACTIVE, client_id="")
    return list(found.order_by("refreshed_at").values_list("pk", flat=True))


# -------------------------------------------------------------------- inside


def _rest(grant: Grant) -> timedelta:
    if not grant.access_token or grant.access_expires_at is None:
        return timedelta(0)
    return grant.access_expires_at - datetime.now(UTC)


def _margin(grant: Grant, wanted: timedelta) -> timedelta:
    """A vendor may give very short tokens; then a quarter of their life has to do."""
    if grant.access_expires_at is None or grant.refreshed_at is None:
        return wanted
    return min(wanted, (grant.access_expires_at - grant.refreshed_at) / 4)


def _is_newer(grant: Grant, stale: str) -> bool:
    return grant.access_token != stale and _rest(grant) > _margin(grant, USABLE)


def _within_grace(grant: Grant) -> bool:
    return grant.rotated_at is not None and datetime.now(UTC) - grant.rotated_at < GRACE


def _cool_down(error: ConnectorError) -> timedelta:
    wait = error.wait if isinstance(error, RetryLater) else None
    return max(COOL_DOWN, min(wait or COOL_DOWN, timedelta(minutes=5)))


def _commit_to_disk() -> None:
    """A rotated token that a crash of the database forgets is a lost connection."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO on")
