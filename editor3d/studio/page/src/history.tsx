/** The tree of edits, and files of what is shown. */
import { useState } from "preact/hooks";
import type { Entry } from "./api";
import { matrix } from "./camera";
import { act, before, busy, current, scene, state } from "./store";
import { texts } from "./texts";
import { home, strength } from "./pose";

const THUMB = { width: 96, height: 64 };

function thumbnail(entry: Entry): string | null {
  const found = scene.value;
  if (!found || !entry.there) return null;
  const pose = home(found);
  const c2w = matrix(pose)
    .map((value) => value.toPrecision(8))
    .join(",");
  return `/studio/frame?entry=${entry.id}&c2w=${c2w}&fov=${pose.fov}&w=${THUMB.width}&h=${THUMB.height}&q=80`;
}

function depth(entry: Entry, entries: Entry[]): number {
  let found = 0;
  let parent = entry.parent;
  while (parent) {
    found += 1;
    parent = entries.find((one) => one.id === parent)?.parent ?? "";
  }
  return found;
}

/** Entries in the order of the tree: each behind the one that it starts from. */
function inOrder(entries: Entry[], parent = ""): Entry[] {
  return entries.filter((one) => one.parent === parent).flatMap((one) => [one, ...inOrder(entries, one.id)]);
}

export function History() {
  const entries = state.value?.entries ?? [];
  const shown = current.value;
  return (
    <section class="history" aria-labelledby="history-title">
      <div class="row">
        <h2 id="history-title">{texts.history.title}</h2>
        <button
          type="button"
          disabled={!before.value || busy.value}
          onClick={() => void act("/studio/select", { entry: before.value?.id })}
        >
          {texts.history.undo}
        </button>
      </div>
      <ul>
        {inOrder(entries).map((entry) => {
          const what = entry.parent ? entry.instruction : texts.history.root;
          const source = thumbnail(entry);
          const told =
            entry.state === "failed"
              ? `${texts.history.failed}: ${entry.error}`
              : entry.state === "cancelled"
                ? texts.history.cancelled
                : entry.state === "done"
                  ? entry.parent
                    ? texts.history.seconds(entry.seconds)
                    : ""
                  : texts.history.running;
          return (
            <li key={entry.id} style={{ "--depth": Math.min(6, depth(entry, entries)) }}>
              <button
                type="button"
                class="entry"
                disabled={!entry.there}
                aria-current={entry.id === shown?.id}
                onClick={() => void act("/studio/select", { entry: entry.id })}
              >
                {source ? <img alt="" {...THUMB} loading="lazy" src={source} /> : <span class="blank" />}
                <span>
                  <b>{what}</b>
                  <small class={entry.state === "failed" ? "refusal" : ""}>{told}</small>
                </span>
              </button>
              {entry.parent && entry.state !== "running" && entry.state !== "queued" && (
                <button
                  type="button"
                  class="small"
                  disabled={busy.value}
                  aria-label={`${texts.history.remove}: ${what}`}
                  onClick={() => void act("/studio/remove", { entry: entry.id })}
                >
                  ×
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {entries.length < 2 && <p class="note">{texts.history.empty}</p>}
    </section>
  );
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function Export() {
  const [format, choose] = useState("splats.ply");
  const entry = current.value;
  const done = state.value?.exported;
  if (!entry) return null;
  const [kind, suffix] = format.split(".");
  const share = kind === "splats" && scene.value?.splats && entry.parent ? strength.value / 100 : 1;
  return (
    <section class="export" aria-labelledby="export-title">
      <h2 id="export-title">{texts.export.title}</h2>
      <div class="row">
        <label>
          <span class="hidden">{texts.export.choose}</span>
          <select value={format} onChange={(event) => choose(event.currentTarget.value)}>
            {Object.entries(texts.export.formats).map(([key, said]) => (
              <option key={key} value={key}>
                {said}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          disabled={busy.value}
          onClick={() => void act("/studio/export", { entry: entry.id, format: kind, suffix: `.${suffix}`, strength: share })}
        >
          {texts.export.write}
        </button>
      </div>
      {share < 1 && <p class="fine">{texts.export.strength(Math.round(100 * share))}</p>}
      {done?.state === "failed" && <p class="refusal">{done.error}</p>}
      {done?.state === "done" &&
        Object.entries(done.files).map(([name, bytes]) => (
          <p key={name}>
            <a href={`/studio/v1/jobs/${done.id}/files/${name}`} download={name}>
              {texts.export.download(name, size(bytes))}
            </a>
          </p>
        ))}
    </section>
  );
}
