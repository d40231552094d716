"""Log in to GitHub as the App of an automation's GitRepository."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.operator_transport import operator_transport
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.automation import Automation
from imagesetter.git.forge import Forge
from imagesetter.git.forge_address import ForgeAddress
from imagesetter.git.github_app import API, installation_token, read_app, signed_token
from imagesetter.registry.http.limits import Deadline


@dataclass(frozen=True, slots=True)
class AppLogin:
    """The token of a GitHub App for one repository, and the API that gave it."""

    address: ForgeAddress
    token: str = field(repr=False)


def github_login(
    automation: Automation, rules: GitAddressRules, network: NetworkOptions, deadline: Deadline
) -> AppLogin | None:
    """The login for git; None if the GitRepository has no App, or its Secret is not in the files.

    Raises:
        CredentialError: the Secret cannot be used, or GitHub refuses it.
        EgressRefused: the operator does not allow the API's host, or the repository's.
    """
    app = None if automation.suspended else read_app(automation)
    if app is None:
        return None
    rules.check(automation.url)
    # A URL from the files is not the operator's word.
    transport = operator_transport(API if app.address.api == API else "", rules, network)
    try:
        forge = Forge("github", app.address.api, app.address.repository, signed_token(app), transport, deadline)
        return AppLogin(app.address, installation_token(app, forge))
    finally:
        transport.close()
