/** The panel that says where an edit may change the scene. */
import { scene } from "./store";
import { texts } from "./texts";
import { type How, back, begin, choose, chosen, clear, how, pen, refusal, shape, strokes, take, thing } from "./where";

const WAYS: How[] = ["everywhere", "marked", "shape"];

export function Where() {
  const found = scene.value;
  if (!found?.parts) return null;
  const way = how.value;
  return (
    <section class="where" aria-labelledby="where-title">
      <h2 id="where-title">{texts.where.title}</h2>
      <div class="modes" role="radiogroup" aria-labelledby="where-title">
        {WAYS.map((one) => (
          <label key={one} class={one === way ? "chosen" : ""}>
            <input type="radio" name="where" checked={one === way} onChange={() => begin(one)} />
            {texts.where.ways[one]}
          </label>
        ))}
      </div>
      {way === "marked" && (
        <>
          <p class="fine">{texts.where.mark}</p>
          <div class="examples">
            {found.objects.map((name) => (
              <button type="button" class="chip" key={name} aria-pressed={thing.value === name} onClick={() => take(name)}>
                {name}
              </button>
            ))}
          </div>
          <div class="examples">
            <button type="button" aria-pressed={pen.value === "inside"} onClick={() => toggle("inside")}>
              {texts.where.inside}
            </button>
            <button type="button" aria-pressed={pen.value === "outside"} onClick={() => toggle("outside")}>
              {texts.where.outside}
            </button>
            <button type="button" disabled={!strokes.value.length} onClick={back}>
              {texts.where.back}
            </button>
            <button type="button" disabled={!chosen.value && !strokes.value.length} onClick={clear}>
              {texts.where.clear}
            </button>
          </div>
        </>
      )}
      {way === "shape" && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void choose();
          }}
        >
          <label for="shape" class="fine">
            {texts.where.shape}
          </label>
          <div class="row">
            <input
              id="shape"
              type="text"
              value={shape.value}
              aria-invalid={!!refusal.value}
              onInput={(event) => (shape.value = event.currentTarget.value)}
            />
            <button type="submit">{texts.where.show}</button>
          </div>
        </form>
      )}
      <p class={refusal.value ? "refusal" : "fine"} aria-live="polite" id="chosen">
        {refusal.value || (chosen.value ? texts.where.parts(chosen.value.parts, chosen.value.of) : "")}
      </p>
    </section>
  );
}

function toggle(which: "inside" | "outside"): void {
  pen.value = pen.value === which ? "off" : which;
}
