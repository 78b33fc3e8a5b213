"""Print the plan in a file as a comment for a pull request: `python comment.py plan.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

LONGEST = 60_000  # characters; GitHub refuses a comment of more than 65,536

plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
document = json.dumps(plan, indent=1)

print(f"### `lading plan`: {plan['service']} to {', '.join(plan['targets'])}\n")
print("| stage | action | reason |\n|---|---|---|")
for stage in plan["stages"]:
    reason = f"known after {stage['known_after']}" if stage["known_after"] else stage["reason"]
    print(f"| {stage['stage']} {stage['target']} | {stage['action']} | {reason.replace('|', ' ')} |")
if len(document) < LONGEST:
    print(f"\n<details><summary>The plan as JSON</summary>\n\n```json\n{document}\n```\n\n</details>")
