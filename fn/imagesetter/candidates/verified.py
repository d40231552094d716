"""Verified: only images that somebody whom the policy trusts has signed (`imagesetter.verification`).

What is verified is the digest that the tag points to now, and this digest is the one that is written, whatever the tag
points to later. A tag whose image is not signed falls to the next-best; a registry that does not respond fails the
policy, since nothing is known then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from imagesetter.candidates.chain import Candidate, Verdict, no
from imagesetter.candidates.situation import Situation
from imagesetter.errors import SignatureError
from imagesetter.verification.trust import Trust, Verification
from imagesetter.verification.verify import verify


@dataclass(slots=True)
class Signed:
    """Whether the image of a tag is signed by somebody whom the policy trusts."""

    situation: Situation
    verification: Verification
    _trust: Trust | None = field(default=None, init=False, repr=False)

    name = "verify"
    asks_registry = True
    unmet = "is signed as the policy asks"
    hint = "sign the image, or change `verify` of the policy"

    def judge(self, candidate: Candidate) -> Verdict:
        """No for an image that is not signed, with the reason for each signature that it has.

        Raises:
            RegistryError: the registry gave no answer.
            ResolveError: keys, certificates or a library are missing.
            CredentialError: keys or certificates cannot be read.
        """
        if self._trust is None:
            self._trust = self.verification.trust()
        policy, puller = self.situation.policy, self.situation.puller
        digest = candidate.digest
        try:
            found = verify(puller, policy.image, digest, self._trust, self.situation.now)
        except SignatureError as error:
            return no(f"{candidate.tag} is not signed as {policy.name} asks: {error.what}")
        return Verdict(allowed=True, digest="" if policy.reflection == "Never" else digest, signed_by=found.by)
