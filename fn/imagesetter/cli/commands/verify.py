"""``imagesetter verify``: are the images of these files signed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from imagesetter.cli import clock
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import network_options, read_stdin, reading_options, report_options
from imagesetter.cli.registry_client import open_client
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.terminal import echo, print_results, styled, write
from imagesetter.config.options import API_VERSION
from imagesetter.errors import LockError, SignatureError
from imagesetter.fields.report import failure, report
from imagesetter.files.read import read_named
from imagesetter.flux.catalog import Catalog
from imagesetter.lock.document import REMEDY, Lock
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import ScannedTree, read_tree
from imagesetter.update.signatures import (
    SignatureCheck,
    SignatureChecker,
    images_of_lock,
    images_of_tree,
    verifying_policies,
    with_policies,
)
from imagesetter.update.tree_catalog import catalog_from_tree
from imagesetter.verification.identity import IdentityMatch, literal
from imagesetter.verification.keys import read_public_keys
from imagesetter.verification.trust import CosignKeys, Keyless, Trust
from krm_functions.errors import UsageError
from krm_functions.result import Result, failed

_SIGNED_BY = "for images that no policy with `verify` selects from"


@click.command("verify")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Accept signatures by this public key. Repeatable.",
)
@click.option("--certificate-identity", metavar="TEXT", help="Accept keyless signatures by this identity.")
@click.option("--certificate-identity-regexp", metavar="REGEXP", help="The same, as a pattern for the whole identity.")
@click.option("--certificate-oidc-issuer", metavar="URL", help="The issuer of that identity.")
@click.option("--certificate-oidc-issuer-regexp", metavar="REGEXP", help="The same, as a pattern for the whole issuer.")
@click.option(
    "--trusted-root",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The trusted_root.json of a Sigstore other than the public one.",
)
@click.option("--lock", "of_lock", is_flag=True, help="Verify what the lock has, instead of the images in the files.")
@click.option("--strict", is_flag=True, help="Report an image whose signature nothing asks for as an error.")
@reading_options
@report_options
@network_options
def command(
    paths: tuple[str, ...],
    keys: tuple[Path, ...],
    certificate_identity: str | None,
    certificate_identity_regexp: str | None,
    certificate_oidc_issuer: str | None,
    certificate_oidc_issuer_regexp: str | None,
    trusted_root: Path | None,
    of_lock: bool,
    strict: bool,
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    output: str,
    quiet: bool,
    network: NetworkOptions,
) -> int:
    """Verify that the images of these files are signed.

    PATH is a file or a directory, the working directory by default. An image that a policy with `verify` selects from
    has to be signed as this policy asks. The options --key and --certificate-identity say whose signatures are accepted
    for all other images. Writes nothing, and needs no cluster.

    \b
    Examples:
      imagesetter verify                        by the policies of this directory
      imagesetter verify --key cosign.pub deploy
      imagesetter verify --certificate-oidc-issuer https://gitlab.com \\
        --certificate-identity-regexp 'https://gitlab.com/org/.*'
      imagesetter verify --lock                 ask again about what the lock has
    """
    trust = _trust(
        keys,
        _pattern("--certificate-identity", certificate_identity, certificate_identity_regexp),
        _pattern("--certificate-oidc-issuer", certificate_oidc_issuer, certificate_oidc_issuer_regexp),
        trusted_root,
    )
    tree = read_tree(paths or (".",), exclude=exclude, needed=True)
    catalog = catalog_from_tree(
        tree, paths=paths, policies=policies, namespace=namespace, stdin=read_stdin, values=values
    )
    with open_client(network._replace(quiet=network.quiet or quiet)) as client:
        checker = SignatureChecker(client, clock.now(), trust)
        if of_lock:
            lock = _lock(tree, catalog, paths)
            checks = checker.check([(image, (policy,)) for image, policy in images_of_lock(lock, catalog)])
            results: list[Result] = []
        else:
            by_repository, results = verifying_policies(catalog)
            images, unread = images_of_tree(paths or (".",), exclude)
            results += unread
            checks = checker.check(with_policies(images, by_repository))
    results += [each for check in checks if (each := _result(check, strict=strict))]
    if output == "json":
        write(f"{json_text(_as_json(checks, results))}\n")
    elif not quiet:
        _print(checks)
    print_results(result for result in results if not quiet or result.severity != "info")
    if output == "text" and not quiet:
        echo(_closing_line(checks))
    return FAILED if failed(results) else OK


def _pattern(option: str, text: str | None, pattern: str | None) -> str:
    """The pattern for an identity or issuer, from one of two options; empty where neither is given."""
    if text is not None and pattern is not None:
        raise UsageError(f"{option} and {option}-regexp are both given", hint="give one of them")
    return literal(text) if text is not None else pattern or ""


def _trust(keys: Sequence[Path], identity: str, issuer: str, trusted_root: Path | None) -> Trust | None:
    """Whose signatures the operator accepts; None where the options do not say it.

    Raises:
        UsageError: options that do not go together.
        CredentialError: a key that cannot be read.
    """
    if keys:
        if identity or issuer or trusted_root:
            raise UsageError(
                "--key and options for keyless signatures are both given", hint=f"give one kind, {_SIGNED_BY}"
            )
        return CosignKeys(tuple(key for path in keys for key in read_public_keys(read_named(str(path)), str(path))))
    if not identity and not issuer:
        if trusted_root:
            raise UsageError("--trusted-root is given without an identity", hint="add --certificate-identity")
        return None
    if not identity or not issuer:
        missing = "--certificate-identity" if issuer else "--certificate-oidc-issuer"
        raise UsageError(
            f"{missing} is missing", hint="an identity is a subject and its issuer: give both, or their -regexp"
        )
    match = IdentityMatch(issuer, identity)
    match.check()
    return Keyless((match,), read_named(str(trusted_root)) if trusted_root else b"")


def _lock(tree: ScannedTree, catalog: Catalog, paths: Sequence[str]) -> Lock:
    lock = Nearby(catalog, tree, paths).lock()
    if lock is None:
        raise LockError("there is no lock", hint=REMEDY)
    return lock


def _result(check: SignatureCheck, *, strict: bool) -> Result | None:
    """The result of an image that is not known to be signed."""
    if check.error:
        found = failure(check.error, check.image.location, policy=", ".join(map(str, check.policies)))
        if isinstance(check.error, SignatureError):
            return found
        return found._replace(message=f"{check.image}: {found.message}")
    if check.by or not strict:
        return None
    return report(
        "error",
        f"nothing says whose signature {check.image} needs; write a policy with `verify`, or give --key or "
        "--certificate-identity",
        check.image.location,
        tags={"error": "NotAsked"},
    )


def _print(checks: Sequence[SignatureCheck]) -> None:
    for check in checks:
        if check.by:
            mark = styled("signed", sys.stdout, fg="green")
            where = check.image.location
            place = f"{where.file}:{where.line}" if where.line else where.file
            echo(f"{place}: {check.image} {mark} by {check.by}")


def _closing_line(checks: Sequence[SignatureCheck]) -> str:
    signed = sum(bool(check.by) for check in checks)
    wrong = sum(check.error is not None for check in checks)
    rest = len(checks) - signed - wrong
    images = f"{len(checks)} image{'' if len(checks) == 1 else 's'}: {signed} signed, {wrong} not"
    return f"{images}, {rest} not checked, since nothing says whose signature they need" if rest else images


def _as_json(checks: Sequence[SignatureCheck], results: Sequence[Result]) -> dict[str, object]:
    return {
        "apiVersion": API_VERSION,
        "kind": "VerifyReport",
        "images": [
            {
                "image": str(check.image),
                "digest": check.digest,
                "file": check.image.location.file,
                "line": check.image.location.line,
                "policies": [str(name) for name in check.policies],
                "signed": True if check.by else False if check.error else None,
                "by": check.by,
                "reason": check.error.what if check.error else "",
            }
            for check in checks
        ],
        "results": [result.to_dict() for result in results],
    }
