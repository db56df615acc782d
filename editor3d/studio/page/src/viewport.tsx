/** The scene: dragged, zoomed and compared. */
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import type { Scene, View } from "./api";
import { type Pose, between, dolly, fromView, matrix, orbit, pan } from "./camera";
import { type Frame, Frames } from "./frames";
import { type Mode, before, current, divider, mode, report, scene, speed, state } from "./store";
import { texts } from "./texts";

export const pose = signal<Pose | null>(null);
export const blend = signal(100);
const turning = signal(false);
const MODES: Mode[] = ["after", "before", "divide", "beside"];
const TURN_PER_SECOND = 0.5;
const GLIDE_MS = 450;

let shownScene: Scene | null = null;

export function home(found: Scene): Pose {
  const view = found.views[0]!;
  return fromView(view.c2w, view.fov, found.center, found.up);
}

/** Glide to a capture's camera. */
export function lookFrom(view: View): void {
  const found = scene.value;
  const start = pose.value;
  if (!found || !start) return;
  turning.value = false;
  const goal = fromView(view.c2w, view.fov, found.center, found.up);
  const began = performance.now();
  const step = (): void => {
    const t = Math.min(1, (performance.now() - began) / GLIDE_MS);
    pose.value = t < 1 ? between(start, goal, t * t * (3 - 2 * t)) : goal;
    if (t < 1) requestAnimationFrame(step);
  };
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) pose.value = goal;
  else step();
}

function draw(canvas: HTMLCanvasElement, frame: Frame, how: Mode, at: number, share: number): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const [after, earlier] = frame.pictures;
  const { width, height } = canvas;
  context.imageSmoothingQuality = "high";
  if (!after) return;
  if (!earlier || how === "after") {
    if (earlier && share < 100) {
      context.drawImage(earlier, 0, 0, width, height);
      context.globalAlpha = share / 100;
    }
    context.drawImage(after, 0, 0, width, height);
    context.globalAlpha = 1;
    return;
  }
  if (how === "before") {
    context.drawImage(earlier, 0, 0, width, height);
    return;
  }
  if (how === "beside") {
    context.drawImage(earlier, 0, 0, width / 2, height);
    context.drawImage(after, width / 2, 0, width / 2, height);
    context.fillStyle = "#fff";
    context.fillRect(width / 2 - 1, 0, 2, height);
    return;
  }
  const x = Math.round((width * at) / 100);
  const part = x / width;
  context.drawImage(after, 0, 0, width, height);
  if (x > 0) context.drawImage(earlier, 0, 0, earlier.width * part, earlier.height, 0, 0, x, height);
  context.fillStyle = "#fff";
  context.fillRect(x - 1, 0, 2, height);
}

export function Viewport() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const frames = useRef<Frames | null>(null);
  const last = useRef<Frame | null>(null);
  const drag = useRef<{ x: number; y: number; pan: boolean; divide: boolean; apart: number } | null>(null);
  const pointers = useRef(new Map<number, [number, number]>());
  const found = scene.value;
  const entry = current.value;
  const earlier = before.value;
  const how: Mode = earlier ? mode.value : "after";

  if (found && found !== shownScene) {
    if (!shownScene || shownScene.views[0]?.c2w.join() !== found.views[0]?.c2w.join()) pose.value = home(found);
    shownScene = found;
  }

  const redraw = (): void => {
    if (canvas.current && last.current) draw(canvas.current, last.current, how, divider.value, blend.value);
  };

  useEffect(() => {
    frames.current = new Frames(
      (frame) => {
        last.current = frame;
        canvas.current?.setAttribute("data-frame", String(frame.number));
        redrawNow.current();
      },
      (fps, width, height) => (speed.value = { fps, width, height }),
      report,
    );
    return () => frames.current?.close();
  }, []);
  const redrawNow = useRef(redraw);
  redrawNow.current = redraw;

  const ask = (moving: boolean): void => {
    const view = canvas.current;
    if (!view || !pose.value || !entry) return;
    const box = view.getBoundingClientRect();
    const ratio = Math.min(window.devicePixelRatio || 1, 1.5);
    const half = how === "beside" ? 2 : 1;
    view.width = Math.round(box.width * ratio);
    view.height = Math.round(box.height * ratio);
    redraw();
    const wanted = how === "after" && blend.value === 100 ? [entry.id] : [entry.id, earlier?.id ?? ""];
    frames.current?.show(pose.value, wanted, view.width / half, view.height, moving);
  };
  const askNow = useRef(ask);
  askNow.current = ask;

  const shownPose = pose.value;
  useEffect(() => askNow.current(true), [shownPose]);
  useEffect(() => askNow.current(false), [entry?.id, earlier?.id, how, found, blend.value === 100]);
  useEffect(redraw, [divider.value, blend.value]);
  useEffect(() => {
    const watch = new ResizeObserver(() => askNow.current(false));
    if (canvas.current) watch.observe(canvas.current);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    if (!turning.value) return;
    let on = true;
    let then = performance.now();
    const step = (now: number): void => {
      if (!on || !pose.value) return;
      pose.value = orbit(pose.value, ((now - then) / 1000) * TURN_PER_SECOND, 0);
      then = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
    return () => {
      on = false;
    };
  }, [turning.value]);

  const change = (next: (now: Pose) => Pose): void => {
    if (pose.value) pose.value = next(pose.value);
  };

  const onKey = (event: KeyboardEvent): void => {
    const keys: Record<string, (now: Pose) => Pose> = {
      ArrowLeft: (now) => orbit(now, -0.1, 0),
      ArrowRight: (now) => orbit(now, 0.1, 0),
      ArrowUp: (now) => orbit(now, 0, -0.1),
      ArrowDown: (now) => orbit(now, 0, 0.1),
      "+": (now) => dolly(now, 0.9),
      "=": (now) => dolly(now, 0.9),
      "-": (now) => dolly(now, 1.11),
      a: (now) => pan(now, -0.05, 0),
      d: (now) => pan(now, 0.05, 0),
      w: (now) => pan(now, 0, 0.05),
      s: (now) => pan(now, 0, -0.05),
      Home: () => home(found!),
    };
    const act = keys[event.key];
    if (act && found && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      change(act);
    } else if (event.key === " ") {
      event.preventDefault();
      turning.value = !turning.value;
    }
  };

  const apart = (): number => {
    const [a, b] = [...pointers.current.values()];
    return a && b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
  };

  const onDown = (event: PointerEvent): void => {
    const box = canvas.current!.getBoundingClientRect();
    pointers.current.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.current!.setPointerCapture(event.pointerId);
    const at = ((event.clientX - box.left) / box.width) * 100;
    const divide = how === "divide" && Math.abs(at - divider.value) < 2.5;
    drag.current = {
      x: event.clientX,
      y: event.clientY,
      pan: event.button === 2 || event.shiftKey,
      divide,
      apart: apart(),
    };
    turning.value = false;
  };

  const onMove = (event: PointerEvent): void => {
    const from = drag.current;
    if (!from) return;
    const box = canvas.current!.getBoundingClientRect();
    pointers.current.set(event.pointerId, [event.clientX, event.clientY]);
    const dx = (event.clientX - from.x) / box.height;
    const dy = (event.clientY - from.y) / box.height;
    from.x = event.clientX;
    from.y = event.clientY;
    if (pointers.current.size > 1) {
      const now = apart();
      if (from.apart > 0 && now > 0) change((pose) => dolly(pose, from.apart / now));
      from.apart = now;
    } else if (from.divide) {
      divider.value = Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100));
    } else if (from.pan) {
      change((now) => pan(now, -dx * now.fov, dy * now.fov));
    } else {
      change((now) => orbit(now, dx * 3, -dy * 3));
    }
  };

  const onUp = (event: PointerEvent): void => {
    pointers.current.delete(event.pointerId);
    if (pointers.current.size === 0) drag.current = null;
  };

  return (
    <section class="viewport" aria-label="Scene">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-label={texts.view.label}
        class={how === "divide" ? "dividing" : ""}
        onKeyDown={onKey}
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={onUp}
        onPointerCancel={onUp}
        onContextMenu={(event) => event.preventDefault()}
        onWheel={(event) => {
          event.preventDefault();
          change((now) => dolly(now, Math.exp(event.deltaY * 0.001)));
        }}
      />
      {earlier && (how === "divide" || how === "beside") && (
        <>
          <span class="tag left">{texts.view.before}</span>
          <span class="tag right">{texts.view.after}</span>
        </>
      )}
      {!found && <p class="note">{texts.opening}…</p>}
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
            <input
              type="range"
              min="0"
              max="100"
              value={divider.value}
              onInput={(event) => (divider.value = Number(event.currentTarget.value))}
            />
          </label>
        )}
        {earlier && how === "after" && (
          <label class="slide">
            {texts.view.blend}
            <input
              type="range"
              min="0"
              max="100"
              value={blend.value}
              onInput={(event) => (blend.value = Number(event.currentTarget.value))}
            />
          </label>
        )}
        <span class="grow" />
        <button type="button" onClick={() => (turning.value = !turning.value)} aria-pressed={turning.value}>
          {turning.value ? texts.view.stop : texts.view.turn}
        </button>
        <button type="button" onClick={() => found && (pose.value = home(found))}>
          {texts.view.home}
        </button>
        {speed.value && (
          <span class="speed">{texts.view.speed(speed.value.fps, speed.value.width, speed.value.height)}</span>
        )}
      </div>
      {found && state.value && <Cameras found={found} entry={state.value.entries[0]?.id ?? "0"} />}
    </section>
  );
}

function Cameras({ found, entry }: { found: Scene; entry: string }) {
  const place = pose.value ? matrix(pose.value) : [];
  return (
    <ul class="cameras" aria-label={texts.view.cameras}>
      {found.views.map((view) => (
        <li key={view.name}>
          <button
            type="button"
            aria-label={texts.view.camera(view.name)}
            title={view.name}
            aria-current={[3, 7, 11].every((i) => Math.abs((place[i] ?? 1e9) - view.c2w[i]!) < 1e-6)}
            onClick={() => lookFrom(view)}
          >
            <img
              loading="lazy"
              alt=""
              width={Math.round((64 * view.width) / view.height)}
              height={64}
              src={`/studio/photograph?entry=${entry}&side=128&view=${encodeURIComponent(view.name)}`}
            />
          </button>
        </li>
      ))}
    </ul>
  );
}
