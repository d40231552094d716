"""What a CycloneDX file describes and lists, as `name==version` lines: `python .ci/sbom.py FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sbom = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for component in (sbom["metadata"]["component"], *sbom["components"]):
        print(f"{component['name']}=={component['version']}")
