"""Whose signatures a policy accepts: ``verify`` of Flux's OCIRepository, as an annotation of an ImagePolicy.

Flux's image policies have no such field, so its fields are written, as YAML or JSON, in the annotation
``imagesetter.dev/verify``, and in ``verify`` of an inline policy. Source: source-controller v1.10
``api/v1/ociverification_types.go``, field by field.

Departures: an unknown field is an error, since a check that is misspelt would be none; and so are keyless signatures
without ``matchOIDCIdentity``, which would be accepted from anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from imagesetter.flux.annotations import EMPTY, VERIFY, annotation
from imagesetter.flux.models import FluxModel, LocalObjectReference, resource_path, unknown_fields
from imagesetter.flux.resources import Resource
from imagesetter.verification.identity import IdentityMatch
from imagesetter.verification.trust import Verification
from krm_functions.errors import ReportedError, ResourceError
from krm_functions.model_errors import model_error
from krm_functions.suggestions import did_you_mean
from krm_functions.yaml.load import load


class OIDCIdentity(FluxModel):
    """Who may have signed keyless: regular expressions for the issuer and the subject of the certificate."""

    issuer: str = Field(min_length=1)
    subject: str = Field(min_length=1)

    def match(self) -> IdentityMatch:
        """The patterns, compiled.

        Raises:
            InvalidPattern: one of them is not a regular expression of Go's.
        """
        found = IdentityMatch(self.issuer, self.subject)
        found.check()
        return found


class Verify(FluxModel):
    """Whose signatures are accepted; the fields of Flux's OCIRepository.spec.verify."""

    provider: Literal["cosign", "notation"] = "cosign"
    secret_ref: LocalObjectReference | None = Field(
        None, description="a Secret with public keys (NAME.pub), or with notation's trust policy and certificates"
    )
    match_oidc_identity: list[OIDCIdentity] | None = Field(
        None, alias="matchOIDCIdentity", description="keyless signatures of cosign: one of these has to match"
    )
    trusted_root_secret_ref: LocalObjectReference | None = Field(
        None, description="a Secret with trusted_root.json, of a Sigstore other than the public one"
    )

    @model_validator(mode="after")
    def _says_whose(self) -> Verify:
        if self.provider == "notation":
            if self.secret_ref is None:
                raise ValueError("secretRef is required with provider: notation")
            if self.match_oidc_identity or self.trusted_root_secret_ref:
                raise ValueError("matchOIDCIdentity and trustedRootSecretRef do not go with provider: notation")
            return self
        if self.secret_ref and (self.match_oidc_identity or self.trusted_root_secret_ref):
            raise ValueError("secretRef has keys, matchOIDCIdentity is for signatures without: write one of them")
        if not self.secret_ref and not self.match_oidc_identity:
            raise ValueError("write secretRef or matchOIDCIdentity: without, anybody's signature would be accepted")
        for each in self.match_oidc_identity or ():
            each.match()
        return self


def parse_verify(text: str) -> Verify:
    """The fields in an annotation's text.

    Raises:
        ValueError: each broken rule, with its field.
    """
    if not text.strip():
        raise ValueError(EMPTY)
    try:
        data = load(text)
    except ReportedError as error:
        raise ValueError(f"is not YAML: {error}") from error
    if not isinstance(data, Mapping):
        raise ValueError("is not a mapping, such as {secretRef: {name: cosign}}")
    known = [field.alias or name for name, field in Verify.model_fields.items()]
    for name in data:
        if name not in known:  # before anything else: what is misspelt is missing as well
            raise ValueError(f"{name}: unknown field{did_you_mean(str(name), known)}")
    try:
        found = Verify.model_validate(data)
    except ValidationError as error:
        broken = [(resource_path(each["loc"]), model_error(dict(each))) for each in error.errors()]
        raise ValueError("; ".join(f"{path}: {what}" if path else what for path, what in broken)) from error
    except ReportedError as error:  # a pattern that does not compile
        raise ValueError(f"matchOIDCIdentity: {error}") from error
    for path in unknown_fields(found):
        raise ValueError(f"{path.removeprefix('spec.')}: unknown field")
    return found


def read_verification(policy: Resource, find: Callable[[str], Mapping[str, Any] | None]) -> Verification:
    """Whose signatures a policy with the annotation accepts.

    Args:
        policy: the ImagePolicy.
        find: looks up a Secret of its namespace; None where there is none.

    Raises:
        ResourceError: the annotation breaks a rule.
    """
    text = annotation(policy, VERIFY)
    try:
        found = parse_verify(text)
    except ValueError as error:
        raise ResourceError(f'metadata.annotations["{VERIFY}"]: {error}', where=policy.origin) from error
    secret, root = found.secret_ref, found.trusted_root_secret_ref
    return Verification(
        found.provider,
        find(secret.name) if secret else None,
        secret.name if secret else "",
        tuple(each.match() for each in found.match_oidc_identity or ()),
        find(root.name) if root else None,
        root.name if root else "",
    )
