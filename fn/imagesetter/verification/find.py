"""The signatures beside an image, from the three places where cosign and notation put them.

==========================  ====================================================================  =================
place                       who puts them there                                                   requests
==========================  ====================================================================  =================
referrers API               cosign 3 and notation, on registries that have it                     1, and 2 for each
fallback tag ``sha256-HEX``  the same, on registries without it (GHCR, distribution 3): an index   2, and 2 for each
``sha256-HEX.sig``          cosign 2: a manifest whose layers are signed payloads                 1, and 1 for each
==========================  ====================================================================  =================

They are yielded one by one, newest first, so that a valid one ends the search. Everything is bounded: a stranger who
may push to the repository can hide a signature behind others, which leaves the image unverified, and the run short.
Not looked at: signatures in another repository (``COSIGN_REPOSITORY``), and cosign's experimental ``sig`` referrers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

from imagesetter.errors import NotFound, ProtocolError, SignatureError
from imagesetter.registry.http.redaction import printable
from imagesetter.registry.manifests import Manifest, is_digest
from imagesetter.registry.puller import Puller
from imagesetter.verification.cosign import SIGN_PREDICATE
from imagesetter.verification.signature import Signature

Provider = Literal["cosign", "notation"]

MOST_SIGNATURES = 16
"""How many signatures of an image are looked at."""
LARGEST = 1024 * 1024
"""Bytes of a bundle, a payload or an envelope; those of cosign and notation have about ten thousand."""

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
NOTATION = "application/vnd.cncf.notary.signature"
JWS, COSE = "application/jose+json", "application/cose"
_SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
_UNSPECIFIC = ("", "application/vnd.oci.image.config.v1+json", "application/vnd.oci.empty.v1+json")
"""Types of a config, which some registries (go-containerregistry's) give for the type of the artifact."""
_PREDICATE = "dev.sigstore.bundle.predicateType"


def signatures(puller: Puller, digest: str, provider: Provider) -> Iterator[Signature | SignatureError]:
    """The signatures of the image with this digest; one that cannot be read is an error in its place.

    Raises:
        RegistryError: the registry gave no answer, so that nothing is known.
    """
    wanted = BUNDLE if provider == "cosign" else NOTATION
    found = _referrers(puller, digest, wanted)
    for descriptor in found[:MOST_SIGNATURES]:
        signature = _caught(partial(_by_referrer, puller, digest, descriptor, provider))
        if signature is not None:
            yield signature
    if len(found) > MOST_SIGNATURES:
        yield SignatureError(f"it has {len(found):,} signatures, of which {MOST_SIGNATURES} were looked at")
    if provider == "cosign":
        yield from _simple_signing(puller, digest)


def _referrers(puller: Puller, digest: str, wanted: str) -> Sequence[Mapping[str, object]]:
    """Those that may be signatures: those that say so first, each newest first."""
    found = [each for each in puller.referrers(digest, wanted) if not _says_else(each)]
    found.sort(key=_created, reverse=True)
    named = [each for each in found if each.get("artifactType") == wanted]
    return named + [each for each in found if each.get("artifactType", "") in _UNSPECIFIC]


def _annotations(holder: Mapping[str, object]) -> Mapping[str, str]:
    found = holder.get("annotations")
    return {key: text for key, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}


def _says_else(descriptor: Mapping[str, object]) -> bool:
    """Whether a bundle says in its descriptor that it is an attestation of something else."""
    return _annotations(descriptor).get(_PREDICATE, SIGN_PREDICATE) != SIGN_PREDICATE


def _created(descriptor: Mapping[str, object]) -> str:
    return _annotations(descriptor).get("org.opencontainers.image.created", "")


def _caught(read: Callable[[], Signature | None]) -> Signature | SignatureError | None:
    """A signature, if it is one; an error where it is broken, and not where the registry does not respond."""
    try:
        return read()
    except SignatureError as error:
        return error
    except (NotFound, ProtocolError) as error:
        return SignatureError(f"a signature cannot be read: {error.what}")


def _by_referrer(puller: Puller, digest: str, descriptor: Mapping[str, object], provider: Provider) -> Signature | None:
    manifest = _manifest(puller, str(descriptor.get("digest", "")), "a signature")
    if _type(manifest) != (BUNDLE if provider == "cosign" else NOTATION):
        return None
    subject = manifest.document.get("subject")
    if not isinstance(subject, dict) or subject.get("digest") != digest:
        raise SignatureError("a signature that is listed for this image belongs to another one")
    layers = _layers(manifest)
    if len(layers) != 1:
        raise SignatureError(f"a signature has {len(layers)} layers, not one")
    kind = str(layers[0].get("mediaType", ""))
    if provider == "cosign":
        if kind != BUNDLE:
            raise SignatureError(f"a signature is of type '{printable(kind, 80)}', not {BUNDLE}")
        return Signature("bundle", _blob(puller, layers[0]), kind)
    if kind == COSE:
        raise SignatureError(f"a signature is a COSE envelope ({COSE}); only JWS ({JWS}) can be verified here")
    if kind != JWS:
        raise SignatureError(f"a signature is of type '{printable(kind, 80)}', not {JWS}")
    return Signature("notation", _blob(puller, layers[0]), kind)


def _simple_signing(puller: Puller, digest: str) -> Iterator[Signature | SignatureError]:
    manifest = puller.manifest(f"{digest.replace(':', '-', 1)}.sig")
    if manifest is None:
        return
    layers = _layers(manifest)
    for layer in layers[::-1][:MOST_SIGNATURES]:
        signature = _caught(partial(_payload, puller, layer))
        if signature is not None:
            yield signature
    if len(layers) > MOST_SIGNATURES:
        yield SignatureError(f"it has {len(layers):,} signatures, of which {MOST_SIGNATURES} were looked at")


def _payload(puller: Puller, layer: Mapping[str, object]) -> Signature:
    kind = str(layer.get("mediaType", ""))
    if kind != _SIMPLE_SIGNING:
        raise SignatureError(f"a signature is of type '{printable(kind, 80)}', not {_SIMPLE_SIGNING}")
    return Signature("simple-signing", _blob(puller, layer), kind, _annotations(layer))


def _type(manifest: Manifest) -> object:
    config = manifest.document.get("config")
    return manifest.document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)


def _layers(manifest: Manifest) -> list[Mapping[str, object]]:
    layers = manifest.document.get("layers")
    return [each for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []


def _manifest(puller: Puller, digest: str, what: str) -> Manifest:
    found = puller.manifest(digest) if is_digest(digest) else None
    if found is None:
        raise SignatureError(f"{what} is listed, but its manifest was not found")
    return found


def _blob(puller: Puller, layer: Mapping[str, object]) -> bytes:
    digest, size = layer.get("digest"), layer.get("size")
    if not isinstance(size, int) or not 0 < size <= LARGEST:
        raise SignatureError(f"a signature has {printable(str(size), 30)} bytes; {LARGEST:,} is the most")
    data = puller.blob(str(digest)) if is_digest(digest) else None
    if data is None:
        raise SignatureError("a signature is listed, but its contents were not found")
    if len(data) != size:
        raise SignatureError(f"a signature should have {size:,} bytes, and has {len(data):,}")
    return data
