"""The page that raters open: one HTML file with all pictures in it, which writes a file of answers."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence

from PIL import Image

from editor3d.rating.study import Shown

_SIDE, _QUALITY = 480, 88
"""Every picture is brought to the same size and saved alike, photographs too: nothing but what it shows tells them
apart."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'">
<title>Rate edits</title>
<style>
  body { font: 17px/1.5 system-ui, sans-serif; max-width: 1040px; margin: 2rem auto; padding: 0 1rem; color: #202024; }
  #pictures { display: flex; gap: 12px; justify-content: center; }
  #pictures img { max-width: 49%; height: auto; }
  #choices { display: flex; gap: 12px; justify-content: center; margin: 1.2rem 0; }
  button { font: inherit; padding: .6rem 1.4rem; border: 1px solid #8a8a94; border-radius: 6px; background: #fff; }
  button:hover, button:focus { background: #eef; }
  #count { color: #6e6e76; }
</style>
<main>
  <p id="count"></p>
  <h1 id="question" style="font-size: 1.2rem"></h1>
  <div id="pictures"></div>
  <div id="choices"></div>
</main>
<script type="application/json" id="study">STUDY</script>
<script>
const study = JSON.parse(document.getElementById("study").textContent);
const answers = {}, rater = crypto.randomUUID();
let at = 0;
function show() {
  const item = study.items[at], by = (id) => document.getElementById(id);
  by("count").textContent = `${Math.min(at + 1, study.items.length)} of ${study.items.length}`;
  by("pictures").replaceChildren();
  by("choices").replaceChildren();
  if (!item) { finish(); return; }
  by("question").textContent = item.question;
  for (const source of item.pictures) {
    const picture = new Image();
    picture.src = source;
    picture.alt = "a picture to rate";
    by("pictures").append(picture);
  }
  for (const [value, text] of item.choices) {
    const button = document.createElement("button");
    button.textContent = text;
    button.onclick = () => { answers[item.id] = value; at += 1; show(); };
    by("choices").append(button);
  }
}
function finish() {
  document.getElementById("question").textContent = "Done, thank you. Save the file and send it back.";
  const link = document.createElement("a");
  const body = JSON.stringify({ study: study.id, rater, answers });
  link.href = URL.createObjectURL(new Blob([body], { type: "application/json" }));
  link.download = `answers-${rater.slice(0, 8)}.json`;
  link.textContent = link.download;
  document.getElementById("choices").append(link);
}
show();
</script>
</html>
"""


def page(shown: Shown) -> str:
    """The page of a study, HTML."""
    study = shown.study
    items = [
        {
            "id": pair.id,
            "question": f"Which picture shows better what was wanted: {pair.instruction}",
            "pictures": _sources(shown, (f"{pair.id}-left", f"{pair.id}-right")),
            "choices": [["left", "the left one"], ["same", "no difference"], ["right", "the right one"]],
        }
        for pair in study.pairs
    ]
    items += [
        {
            "id": single.id,
            "question": "Is this a photograph of the scene, or was it edited?",
            "pictures": _sources(shown, (single.id,)),
            "choices": [["real", "a photograph"], ["edited", "edited"]],
        }
        for single in study.singles
    ]
    body = json.dumps({"id": study.id, "items": items}).replace("<", "\\u003c")
    return _PAGE.replace("STUDY", body)


def _sources(shown: Shown, names: Sequence[str]) -> list[str]:
    return [_source(shown.pictures[name]) for name in names]


def _source(picture: Image.Image) -> str:
    """A picture as an address that holds it."""
    scale = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
