/** The first page: which scene? */
import { useState } from "preact/hooks";
import { upload } from "./api";
import { act, choosing, current, failure, report } from "./store";
import { texts } from "./texts";

const SUFFIXES = [".ply", ".spz", ".splat", ".sog", ".zip"];

export async function openFile(file: File, onPart: (share: number) => void): Promise<void> {
  if (!SUFFIXES.some((suffix) => file.name.toLowerCase().endsWith(suffix))) {
    failure.value = texts.start.wrongFile(file.name);
    return;
  }
  failure.value = "";
  try {
    await act("/studio/open", { upload: await upload(file, onPart) });
    choosing.value = false;
  } catch (error) {
    report(error);
  }
}

export function Start({ sending }: { sending: number | null }) {
  const [path, write] = useState("");
  const [part, send] = useState<number | null>(null);
  const open = async (body: unknown): Promise<void> => {
    await act("/studio/open", body);
    if (!failure.value) choosing.value = false;
  };
  const share = part ?? sending;
  return (
    <section class="start" aria-labelledby="start-title">
      <h1 id="start-title">{texts.start.title}</h1>
      <p>{texts.start.lead}</p>
      <div class="card">
        <button type="button" class="main" onClick={() => void open({ path: "demo" })}>
          {texts.start.demo}
        </button>
        <p>{texts.start.demoSaid}</p>
      </div>
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (path.trim()) void open({ path: path.trim() });
        }}
      >
        <label for="path">{texts.start.path}</label>
        <div class="row">
          <input
            id="path"
            type="text"
            value={path}
            placeholder={texts.start.pathExample}
            onInput={(event) => write(event.currentTarget.value)}
          />
          <button type="submit" disabled={!path.trim()}>
            {texts.start.open}
          </button>
        </div>
      </form>
      <div class="card">
        <label class="file">
          {texts.start.choose}
          <input
            type="file"
            accept={SUFFIXES.join(",")}
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file) void openFile(file, send).finally(() => send(null));
            }}
          />
        </label>
        <p>{share === null ? texts.start.drop : texts.start.sending(Math.round(100 * share))}</p>
      </div>
      {current.value && (
        <button type="button" onClick={() => (choosing.value = false)}>
          {texts.start.back}
        </button>
      )}
    </section>
  );
}
