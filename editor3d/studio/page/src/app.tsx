/** The page as a whole. */
import { useEffect, useState } from "preact/hooks";
import { Ask } from "./ask";
import { Export, History } from "./history";
import { Start, openFile } from "./start";
import { act, busy, choosing, current, failure, locked, lost, state } from "./store";
import { texts } from "./texts";
import { Viewport } from "./viewport";

const THEMES = ["dark", "light"] as const;

function Header() {
  const usual = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  const [theme, paint] = useState<string>(() => localStorage.getItem("theme") ?? usual);
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  const source = state.value?.source ?? "";
  return (
    <header>
      <a class="skip" href="#instruction">
        {texts.skip}
      </a>
      <span class="brand">{texts.name}</span>
      <span class="source" title={source}>
        {source.split("/").pop()}
      </span>
      <span class="grow" />
      {current.value && (
        <button type="button" disabled={busy.value} onClick={() => (choosing.value = true)}>
          {texts.openOther}
        </button>
      )}
      <button type="button" onClick={() => paint(theme === THEMES[0] ? THEMES[1] : THEMES[0])}>
        {texts.theme}
      </button>
    </header>
  );
}

function JobBar() {
  const job = state.value?.job;
  if (!job || !busy.value) return null;
  const { done, total, unit, seconds_left, note } = job.progress;
  const name = texts.job[job.kind as "scene"] ?? job.kind;
  const how = job.state === "queued" ? texts.job.queued : total ? `${done} / ${total} ${unit}` : texts.job.starting;
  return (
    <div class="job" role="status">
      <b>{name}</b>
      <span>{[how, note, seconds_left === null ? "" : texts.job.left(seconds_left)].filter(Boolean).join(" · ")}</span>
      <progress aria-label={name} max={total || 1} {...(total ? { value: done } : {})} />
      <button type="button" onClick={() => void act("/studio/cancel")}>
        {texts.job.cancel}
      </button>
    </div>
  );
}

function Live() {
  const job = state.value?.job;
  if (!job || !busy.value || !job.picture_revision) return null;
  return (
    <figure class="live">
      <img alt={texts.job.live} src={`/studio/v1/jobs/${job.id}/picture?revision=${job.picture_revision}`} />
      <figcaption>{texts.job.live}</figcaption>
    </figure>
  );
}

function Making() {
  const root = state.value?.entries[0];
  const bad = root?.state === "failed" || root?.state === "cancelled";
  const job = state.value?.job;
  return (
    <section class="making" aria-labelledby="making-title">
      <h1 id="making-title">{root?.state === "failed" ? texts.making.failed : texts.making.title}</h1>
      <p class={root?.state === "failed" ? "refusal" : ""}>
        {root?.state === "failed" ? root.error : root?.state === "cancelled" ? texts.making.cancelled : texts.making.said}
      </p>
      {bad ? (
        <div class="row">
          <button type="button" class="main" onClick={() => void act("/studio/again")}>
            {texts.making.again}
          </button>
          <button type="button" onClick={() => (choosing.value = true)}>
            {texts.openOther}
          </button>
        </div>
      ) : job?.picture_revision ? (
        <Live />
      ) : (
        <p class="note">{texts.making.waiting}</p>
      )}
    </section>
  );
}

export function App() {
  const [sending, send] = useState<number | null>(null);
  useEffect(() => {
    const over = (event: DragEvent): void => event.preventDefault();
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file && !busy.value) void openFile(file, send).finally(() => send(null));
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  }, []);

  if (locked.value) {
    return (
      <main class="plain">
        <h1>{texts.locked.title}</h1>
        <p>{texts.locked.said}</p>
      </main>
    );
  }
  const all = state.value;
  const first = !all?.source || choosing.value;
  return (
    <>
      <Header />
      {lost.value && (
        <p class="banner" role="alert">
          {texts.lost}
        </p>
      )}
      {failure.value && (
        <p class="banner" role="alert">
          {failure.value}
          <button type="button" onClick={() => (failure.value = "")}>
            {texts.dismiss}
          </button>
        </p>
      )}
      <JobBar />
      <main class={first || !current.value ? "plain" : "work"}>
        {!all ? null : first ? (
          <Start sending={sending} />
        ) : !current.value ? (
          <Making />
        ) : (
          <>
            <div class="stage">
              <Viewport />
              <Live />
            </div>
            <aside aria-label={texts.ask.title}>
              <Ask />
              <History />
              <Export />
            </aside>
          </>
        )}
      </main>
    </>
  );
}
