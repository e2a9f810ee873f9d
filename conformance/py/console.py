"""Inside the sandbox: a console link is opened, and the page says who is signed in where and until when."""

import json
import re
import subprocess
from pathlib import Path

from browser import Browser

done = subprocess.run(["rolecall", "console", "blah", "--print"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
holds = {"rolecall console blah --print ends well": done.returncode == 0}
# Whoever has the link is signed in: from here it is seen by the browser alone.
url = done.stdout.strip()
holds["it prints one link"] = url.startswith("http") and len(url.split()) == 1
if all(holds.values()):
    with Browser() as browser:
        browser.open(url)
        text = browser.text()
        holds["the page names the account"] = "666666666666" in text
        holds["the page names the role"] = "BlahRole" in text
        holds["the page says when the session ends"] = bool(re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d", text))
        holds["the page can be seen"] = browser.screenshot(Path("console.png"))
        holds["the sign-in token is in no address that stays"] = "SigninToken" not in browser.run("location.href")
        holds["it asked for nothing else"] = not [text for text in browser.failed if "favicon" not in text and "404" not in text]
print(json.dumps(holds))
