"""Whether an image is signed by somebody whom a policy trusts.

`verify` looks at the signatures beside an image, one by one, until one is accepted. Which one that was is kept in the
cache under the image's digest: a later run verifies it again, without a request. So the cache holds evidence and no
verdicts, and whoever can write it cannot make an image look signed.
"""

from __future__ import annotations

from collections.abc import Iterable

from imagesetter.errors import SignatureError
from imagesetter.registry.puller import Puller
from imagesetter.registry.reference import Repository
from imagesetter.verification.cosign import verify_by_keys
from imagesetter.verification.find import Provider, signatures
from imagesetter.verification.kept import dump_signature, load_signature
from imagesetter.verification.keyless import verify_keyless
from imagesetter.verification.notation import verify_notation
from imagesetter.verification.signature import Signature, Verified
from imagesetter.verification.trust import CosignKeys, Keyless, Trust

_MOST_REASONS = 3


def verify(puller: Puller, repository: Repository, digest: str, trust: Trust, now: float) -> Verified:
    """Whether the image with this digest is signed by somebody who is trusted, and by whom.

    Args:
        puller: of the image's repository.
        repository: the image's.
        digest: of the manifest or index that is to be written.
        trust: whose signatures are accepted.
        now: the time, in seconds since the epoch.

    Raises:
        SignatureError: it is not; with the reasons for each signature that it has.
        RegistryError: the registry gave no answer, so that nothing is known.
        ResolveError: a library is not installed.
        CredentialError: keys, certificates or roots cannot be read.
    """
    provider: Provider = "cosign" if isinstance(trust, CosignKeys | Keyless) else "notation"
    kept = load_signature(puller.kept(_name(digest, provider)))
    if kept is not None:
        try:
            return _verified(kept, puller, repository, digest, trust, now)
        except SignatureError:
            pass  # another signature may have come since
    reasons: list[SignatureError] = []
    for found in signatures(puller, digest, provider):
        if isinstance(found, SignatureError):
            reasons.append(found)
            continue
        try:
            verified = _verified(found, puller, repository, digest, trust, now)
        except SignatureError as error:
            reasons.append(error)
            continue
        puller.keep(_name(digest, provider), dump_signature(found))
        return verified
    raise _refusal(provider, reasons)


def _verified(
    signature: Signature, puller: Puller, repository: Repository, digest: str, trust: Trust, now: float
) -> Verified:
    match trust:
        case CosignKeys():
            return verify_by_keys(signature, digest, trust.keys)
        case Keyless():
            return verify_keyless(signature, digest, trust.identities, trust.trusted_root)
        case _:
            return verify_notation(signature, puller, repository, digest, trust, now)


def _name(digest: str, provider: Provider) -> str:
    return f"{provider} signature of {digest}"


def _refusal(provider: Provider, reasons: Iterable[SignatureError]) -> SignatureError:
    whats = list(dict.fromkeys(each.what for each in reasons))
    if not whats:
        return SignatureError(f"it has no signature of {provider}")
    shown = "; ".join(whats[:_MOST_REASONS])
    rest = len(whats) - _MOST_REASONS
    more = f"; and {rest} more reasons" if rest > 0 else ""
    return SignatureError(f"its signatures are not accepted: {shown}{more}")
