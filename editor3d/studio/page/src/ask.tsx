/** What should change: the instruction, what the editor says to it, a preview, and the go-ahead. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type EditorInfo, type Preview, post } from "./api";
import { norm, sub } from "./camera";
import { act, busy, current, editors, report, scene } from "./store";
import { texts } from "./texts";
import { chosen, how } from "./where";
import { Where } from "./where_panel";
import { pose } from "./pose";

const MATERIALS = 2;
const PAUSE_MS = 250;

/** Instructions that suit the scene: of its objects, and of the whole. */
function examples(objects: string[], words: Record<string, string[]>): string[] {
  const [first, second] = [objects.includes("teapot") ? "teapot" : objects[0], objects.find((one) => one !== "teapot")];
  const materials = words["material"] ?? [];
  const seasons = words["season"] ?? [];
  const found = first ? [`make the ${first} ${materials.includes("gold") ? "gold" : (materials[0] ?? "red")}`] : [];
  if (second) found.push(`turn the ${second} into ${materials.includes("wood") ? "wood" : (materials[MATERIALS] ?? "wood")}`);
  if (seasons.length) found.push(`make it look like ${seasons.includes("winter") ? "winter" : seasons[0]!}`);
  found.push("make it night");
  return found;
}

function label(one: EditorInfo): string {
  return one.name + (one.price ? texts.ask.paid(one.price) : one.remote ? texts.ask.remote : "");
}

/** A refusal without the list of words, which stands below it. */
function short(refusal: string): string {
  const [first, list] = refusal.split("; it understands ");
  return first && list ? `${first}.` : refusal;
}

/** The capture's camera that stands nearest to what is shown. */
function nearest(): string {
  const found = scene.value;
  const now = pose.value;
  if (!found || !now) return "";
  const far = (c2w: number[]): number => norm(sub([c2w[3]!, c2w[7]!, c2w[11]!], now.eye));
  const trained = found.views.filter((view) => view.split === "train");
  const views = trained.length ? trained : found.views;
  return views.reduce((best, view) => (far(view.c2w) < far(best.c2w) ? view : best), views[0]!).name;
}

export function Ask() {
  const [instruction, say] = useState("");
  const [editor, choose] = useState("auto");
  const [said, hear] = useState<{ refusal: string; objects: string[]; of: string } | null>(null);
  const [preview, show] = useState<Preview | null>(null);
  const [waiting, wait] = useState(false);
  const [seed, draw] = useState(42);
  const [quick, hurry] = useState(true);
  const box = useRef<HTMLTextAreaElement>(null);
  const entry = current.value?.id ?? "";
  const known = editors.value;
  const objects = scene.value?.objects ?? [];
  const checked = said?.of === `${entry} ${editor} ${instruction}`;
  const good = checked && !said.refusal && instruction.trim() !== "";

  useEffect(() => {
    show(null);
    if (!entry || !instruction.trim()) {
      hear(null);
      return;
    }
    let on = true;
    const timer = setTimeout(() => {
      post<{ refusal: string; objects: string[] }>("/studio/check", { entry, instruction, editor }).then(
        (answer) => on && hear({ ...answer, of: `${entry} ${editor} ${instruction}` }),
        report,
      );
    }, PAUSE_MS);
    return () => {
      on = false;
      clearTimeout(timer);
    };
  }, [instruction, editor, entry]);

  const look = async (by: number): Promise<void> => {
    wait(true);
    show(null);
    try {
      show(await post<Preview>("/studio/preview", { entry, instruction, editor, view: nearest(), seed: by }));
    } catch (error) {
      report(error);
    } finally {
      wait(false);
    }
  };

  const region = how.value === "everywhere" ? "" : (chosen.value?.region ?? "");
  const placed = how.value === "everywhere" || !!region;
  const start = (): void => {
    void act("/studio/edit", { instruction: instruction.trim(), editor, seed, quick: quick && !!preview?.quick, region });
    show(null);
  };

  const takes = preview ? (quick && preview.quick ? preview.edits.quick : preview.edits.full) : null;
  return (
    <section class="ask" aria-labelledby="ask-title">
      <h2 id="ask-title">{texts.ask.title}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (good && placed && !busy.value) void look(seed);
        }}
      >
        <label class="hidden" for="instruction">
          {texts.ask.label}
        </label>
        <textarea
          id="instruction"
          ref={box}
          rows={2}
          maxLength={2000}
          value={instruction}
          placeholder={texts.ask.placeholder}
          aria-describedby="said"
          aria-invalid={!!(checked && said.refusal)}
          onInput={(event) => say(event.currentTarget.value.replace(/[\r\n]+/g, " "))}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey) {
              event.preventDefault();
              event.currentTarget.form?.requestSubmit();
            }
          }}
        />
        <p id="said" aria-live="polite" class={checked && said.refusal ? "refusal" : "fine"}>
          {!instruction.trim() ? texts.ask.empty : checked ? short(said.refusal) || texts.ask.fine(said.objects, chosen.value !== null) : "…"}
        </p>
        {!instruction && known && (
          <div class="examples">
            <span>{texts.ask.examples}:</span>
            {examples(objects, known.words).map((one) => (
              <button
                type="button"
                class="chip"
                key={one}
                onClick={() => {
                  say(one);
                  box.current?.focus();
                }}
              >
                {one}
              </button>
            ))}
          </div>
        )}
        <div class="row">
          <label>
            {texts.ask.editor}
            <select value={editor} onChange={(event) => choose(event.currentTarget.value)}>
              <option value="auto">{texts.ask.auto(known?.auto ?? "…")}</option>
              {known?.editors.map((one) => (
                <option key={one.name} value={one.name} title={one.summary}>
                  {label(one)}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" class={preview ? "" : "main"} disabled={!good || !placed || waiting || busy.value}>
            {texts.ask.preview}
          </button>
        </div>
      </form>
      <Where />
      {known && (
        <details>
          <summary>{texts.ask.words}</summary>
          <dl class="words">
            {Object.entries(known.words).map(([kind, words]) => (
              <div key={kind}>
                <dt>{kind}</dt>
                <dd>{words.join(", ")}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {waiting && (
        <p class="note" role="status">
          {texts.ask.previewing}…
        </p>
      )}
      {preview && takes && (
        <div class="preview">
          <figure>
            <img alt="" src={`/studio/preview/${preview.key}-before`} />
            <figcaption>{texts.ask.photograph}</figcaption>
          </figure>
          <figure>
            <img alt={instruction} src={`/studio/preview/${preview.key}-after`} />
            <figcaption>{texts.ask.edited}</figcaption>
          </figure>
          {preview.quick && (
            <label class="wide">
              {texts.ask.how}
              <select value={quick ? "quick" : "full"} onChange={(event) => hurry(event.currentTarget.value === "quick")}>
                <option value="quick">{texts.ask.quick}</option>
                <option value="full">{texts.ask.full}</option>
              </select>
            </label>
          )}
          <p class="wide takes">{texts.ask.takes(takes.count, takes.views, takes.seconds, takes.cost)}</p>
          {preview.flat && <p class="wide">{texts.ask.flat}</p>}
          {chosen.value && <p class="wide">{texts.ask.partial}</p>}
          <div class="row wide">
            {preview.seeds && (
              <button
                type="button"
                onClick={() => {
                  draw(seed + 1);
                  void look(seed + 1);
                }}
              >
                {texts.ask.another}
              </button>
            )}
            <button type="button" class="main" disabled={busy.value || !placed} onClick={start}>
              {texts.ask.approve}
            </button>
          </div>
        </div>
      )}
    </section>
  );
}
