/** Below the scene: what is shown of it, and how fast. */
import { drawer, measured, measuring } from "./drawing";
import { home, pose, strength, turning } from "./pose";
import { type Mode, before, divider, mode, scene, speed } from "./store";
import { texts } from "./texts";

const MODES: Mode[] = ["after", "before", "divide", "beside"];

/** A share of 0 to 100. */
function Slider({ share }: { share: { value: number } }) {
  const set = (event: { currentTarget: HTMLInputElement }) => (share.value = Number(event.currentTarget.value));
  return <input type="range" min="0" max="100" value={share.value} onInput={set} />;
}

export function Toolbar({ how, onDrawer }: { how: Mode; onDrawer: () => void }) {
  const found = scene.value;
  const earlier = before.value;
  const times = measured.value;
  return (
    <div class="tools">
      {earlier && (
        <div class="modes" role="radiogroup" aria-label={texts.view.mode}>
          {MODES.map((one) => (
            <label key={one} class={one === how ? "chosen" : ""}>
              <input type="radio" name="mode" checked={one === how} onChange={() => (mode.value = one)} />
              {texts.view.modes[one]}
            </label>
          ))}
        </div>
      )}
      {earlier && how === "divide" && (
        <label class="slide">
          <span class="hidden">{texts.view.divider}</span>
          <Slider share={divider} />
        </label>
      )}
      {earlier && how !== "before" && how !== "divide" && (
        <label class="slide">
          {found?.splats ? texts.view.strength : texts.view.blend}
          <Slider share={strength} />
          <output>{strength.value} %</output>
        </label>
      )}
      <span class="grow" />
      <button type="button" onClick={() => (turning.value = !turning.value)} aria-pressed={turning.value}>
        {turning.value ? texts.view.stop : texts.view.turn}
      </button>
      <button type="button" onClick={() => found && (pose.value = home(found))}>
        {texts.view.home}
      </button>
      {found?.splats && (
        <button type="button" disabled={measuring.value} onClick={onDrawer}>
          {texts.view.other[drawer.value]}
        </button>
      )}
      <span class="speed" title={times ? texts.view.measured(times.engine, times.browser) : ""}>
        {[
          measuring.value ? texts.view.measuring : texts.view.drawn[drawer.value],
          speed.value && drawer.value === "engine"
            ? texts.view.speed(speed.value.fps, speed.value.width, speed.value.height)
            : "",
        ]
          .filter(Boolean)
          .join(", ")}
      </span>
    </div>
  );
}
