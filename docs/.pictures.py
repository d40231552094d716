"""The screenshots of the manual, from real runs on a registry of their own: `python docs/.pictures.py`.

Needs git, Chromium and Playwright (`make tools`). It writes docs/images/report.png and docs/images/pull-request.png.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown import markdown
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT / "fn"))

from imagesetter.cli.demo_registry import loopback_registry  # noqa: E402

NAMES = ("web", "shop", "payments", "search", "mailer")
POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: NAME, namespace: flux-system}
spec: {image: HOST/NAME, interval: 5m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: NAME, namespace: flux-system}
spec: {imageRepositoryRef: {name: NAME}, policy: {semver: {range: 1.x}}}
"""
STYLE = """\
body { margin: 0; padding: 20px 24px; font: 14px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; }
table { border-collapse: collapse; } td, th { border: 1px solid #d1d9e0; padding: 5px 10px; text-align: left; }
code { background: #eff1f3; border-radius: 4px; padding: 1px 5px; font: 12px ui-monospace, monospace; }
h3, h4 { margin: 12px 0 8px; }
"""


def run(*command: str) -> str:
    """The output of a command in the working directory, whatever its exit status."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def imagesetter(*arguments: str) -> str:
    """The output of imagesetter."""
    return run(sys.executable, "-m", "imagesetter", *arguments)


def commit(message: str) -> None:
    """Commit everything."""
    run("git", "add", "--all")
    run("git", "-c", "user.name=fluxbot", "-c", "user.email=bot@example.com", "commit", "--quiet", "--message", message)


def write_reports(host: str, tags: dict[str, list[str]]) -> None:
    """A repository with a few days behind it, report.html, and body.md."""
    Path("policies.yaml").write_text("---\n".join(POLICY.replace("NAME", name).replace("HOST", host) for name in NAMES))
    fields = (f'{name}: {host}/{name}:1.4.0 # {{"$imagepolicy": "flux-system:{name}"}}\n' for name in NAMES[:4])
    Path("apps.yaml").write_text("".join(fields))
    run("git", "init", "--quiet", "--initial-branch", "main")
    imagesetter("lock")
    commit("Lock the images")
    for name, tag in (("web", "1.4.1"), ("shop", "1.5.0"), ("search", "1.6.0"), ("payments", "1.4.2")):
        tags[name].append(tag)
    imagesetter("hold", "payments", "--exclude", "1.4.2", "--reason", "crashes at start", "--until", "2099-12-31")
    imagesetter("lock", "--refresh")
    imagesetter("update", "--from", "lock", "--only", "web")
    commit("Update images")
    Path("body.md").write_text(imagesetter("update", "--check", "--from", "lock", "--output", "markdown"))
    imagesetter("report", "--html", "report.html")


def shown(page: Path, host: str) -> None:
    """Name the registry as one outside, since its port is another one each time."""
    page.write_text(page.read_text().replace(host, "ghcr.io/example"))


def main() -> None:
    """Write the pictures."""
    tags = {name: ["1.3.0", "1.4.0", "2.0.0", "latest", *(f"0.{n}.0" for n in range(9))] for name in NAMES}
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)
    os.environ |= {"IMAGESETTER_ALLOW_LOOPBACK": "true", "IMAGESETTER_CACHE_DIR": str(folder / "cache")}
    os.environ["PYTHONPATH"] = str(ROOT / "fn")
    with loopback_registry(tags) as host:
        write_reports(host, tags)
    body = markdown(Path("body.md").read_text(), extensions=["tables"])
    Path("body.html").write_text(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}")
    for name in ("report.html", "body.html"):
        shown(Path(name), host)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 780, "height": 200}, device_scale_factor=1.5)
        page.goto((folder / "body.html").as_uri())
        page.screenshot(path=IMAGES / "pull-request.png", full_page=True)
        # Rows outside the window are not drawn, so it is as high as the page.
        page = browser.new_page(viewport={"width": 1080, "height": 900}, device_scale_factor=1.5)
        page.goto((folder / "report.html").as_uri())
        page.locator("#policies > details").first.click()
        page.screenshot(path=IMAGES / "report.png", full_page=True)
        browser.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
