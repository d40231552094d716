"""Log in to GitHub as the App of an automation's GitRepository."""

from __future__ import annotations

from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.operator_transport import operator_transport
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.automation import Automation
from imagesetter.git.forge import Forge
from imagesetter.git.github_app import API, installation_token, read_app, signed_token
from imagesetter.registry.http.limits import Deadline


def github_token(automation: Automation, rules: GitAddressRules, network: NetworkOptions, deadline: Deadline) -> str:
    """The token for git; empty if the GitRepository has no App, or its Secret is not in the files.

    Raises:
        CredentialError: the Secret cannot be used, or GitHub refuses it.
        EgressRefused: the operator does not allow the API's host, or the repository's.
    """
    app = None if automation.suspended else read_app(automation)
    if app is None:
        return ""
    rules.check(automation.url)
    # A URL from the files is not the operator's word.
    transport = operator_transport(API if app.address.api == API else "", rules, network)
    try:
        forge = Forge("github", app.address.api, app.address.repository, signed_token(app), transport, deadline)
        return installation_token(app, forge)
    finally:
        transport.close()
