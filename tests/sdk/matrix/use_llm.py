"""The `llm` command line tool, as its users set it up: a model of their own with our address."""

import os
import pathlib
import subprocess
import sys
import tempfile

from turns import BASE, SAID


def run(name, home):
    words = [pathlib.Path(sys.executable).parent / "llm", "-m", "standin", "--no-stream", "--no-log"]
    words += ["--key", os.environ[name], "Say hello."]
    env = {"LLM_USER_PATH": home, "HOME": home, "PATH": os.environ["PATH"]}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    said = next((short for text, short in SAID.items() if text in done.stderr), done.stderr.strip())
    print(name.lower(), done.returncode, done.stdout.strip() or said)


with tempfile.TemporaryDirectory() as home:
    model = f"- model_id: standin\n  model_name: m\n  api_base: {BASE}/proxy/openai/v1\n  api_key_name: ugent\n"
    pathlib.Path(home, "extra-openai-models.yaml").write_text(model, encoding="utf-8")
    for turn in ("GOOD", "REVOKED", "NARROW"):
        run(turn, home)
