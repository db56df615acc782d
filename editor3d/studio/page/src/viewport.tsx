/** The scene: dragged, zoomed, compared and marked. */
import { useEffect, useRef } from "preact/hooks";
import type { Scene } from "./api";
import { type Pose, dolly, orbit, pan } from "./camera";
import { Cameras } from "./cameras";
import { compose } from "./compose";
import { change, drawer, drawn, hasGpu, measure, measured } from "./drawing";
import { type Frame, Frames, type Shown } from "./frames";
import { home, pose, strength, turning } from "./pose";
import { type Mode, before, current, divider, mode, report, scene, speed, state } from "./store";
import { texts } from "./texts";
import { Toolbar } from "./toolbar";
import { chosen, mark, pen } from "./where";

const TURN_PER_SECOND = 0.5;
const NEAR_DIVIDER = 2.5;
const RATIO = 1.5;
const STEP = 0.004;

let shownScene: Scene | null = null;

interface Drag {
  x: number;
  y: number;
  pan: boolean;
  divide: boolean;
  apart: number;
}

export function Viewport() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const glass = useRef<HTMLCanvasElement>(null);
  const frames = useRef<Frames | null>(null);
  const last = useRef<Frame | null>(null);
  const drag = useRef<Drag | null>(null);
  const line = useRef<[number, number][]>([]);
  const pointers = useRef(new Map<number, [number, number]>());
  const found = scene.value;
  const entry = current.value;
  const earlier = before.value;
  const how: Mode = earlier ? mode.value : "after";
  const key = `${state.value?.source ?? ""} ${entry?.id ?? ""}`;
  const mixes = !!earlier && !!found?.splats;
  const region = chosen.value?.region ?? "";
  const share = strength.value;
  /** WebGL draws the scene as it is, and nothing else. */
  const plain = drawer.value === "browser" && how === "after" && !region && (!earlier || share === 100);

  if (found && found !== shownScene) {
    if (!shownScene || shownScene.views[0]?.c2w.join() !== found.views[0]?.c2w.join()) pose.value = home(found);
    shownScene = found;
  }

  const redraw = (): void => {
    if (!canvas.current) return;
    const look = { how, at: divider.value, share: mixes ? 100 : share, line: line.current, inside: pen.value !== "outside" };
    compose(canvas.current, plain ? null : last.current, look);
  };

  const draw = useRef<() => void>(redraw);
  draw.current = redraw;
  useEffect(() => {
    frames.current = new Frames(
      (frame) => {
        last.current = frame;
        canvas.current?.setAttribute("data-frame", String(frame.number));
        draw.current();
        begin.current();
      },
      (fps, width, height) => (speed.value = { fps, width, height }),
      report,
    );
    return () => frames.current?.close();
  }, []);

  /** Size of the canvas in pixels, and of a frame. */
  const sizes = (): [number, number, number] => {
    const box = canvas.current!.getBoundingClientRect();
    const ratio = Math.min(window.devicePixelRatio || 1, RATIO);
    const width = Math.round(box.width * ratio);
    return [width, Math.round(box.height * ratio), how === "beside" ? width / 2 : width];
  };

  const ask = (moving: boolean): void => {
    const view = canvas.current;
    if (!view || !pose.value || !entry) return;
    const [width, height, part] = sizes();
    if (view.width !== width || view.height !== height) {
      view.width = width;
      view.height = height;
    }
    redraw();
    if (plain && drawn(pose.value, width, height, key)) {
      view.setAttribute("data-drawn", "browser");
      return;
    }
    view.setAttribute("data-drawn", "engine");
    const mixed = mixes && share < 100 ? `&strength=${(share / 100).toFixed(2)}` : "";
    const after: Shown = { id: entry.id, query: mixed + (region ? `&region=${encodeURIComponent(region)}` : "") };
    const both = how !== "after" || (!mixes && share < 100);
    const wanted: Shown[] = both ? [after, earlier && { id: earlier.id, query: "" }] : [after];
    frames.current?.show(pose.value, wanted, part, height, moving);
  };
  const askNow = useRef(ask);
  askNow.current = ask;

  const shownPose = pose.value;
  useEffect(() => askNow.current(true), [shownPose, share]);
  useEffect(() => askNow.current(false), [entry?.id, earlier?.id, how, found, region, drawer.value]);
  useEffect(redraw, [divider.value]);
  useEffect(() => {
    const watch = new ResizeObserver(() => askNow.current(false));
    if (canvas.current) watch.observe(canvas.current);
    return () => watch.disconnect();
  }, []);

  // once a scene is seen: who draws it faster?
  const begin = useRef<() => void>(() => {});
  begin.current = () => {
    if (!found?.splats || measured.value || !glass.current || !frames.current || !entry || !pose.value) return;
    measured.value = { engine: 0, browser: Infinity };
    if (!hasGpu()) return;
    const [width, height] = sizes();
    void measure(glass.current, frames.current, found, key, entry, pose.value, width, height);
  };
  useEffect(() => {
    if (drawer.value !== "browser" || !glass.current || !found || !entry) return;
    void change(glass.current, found.splats ? "browser" : "engine", found, key, entry).then(() => askNow.current(false));
  }, [key, found]);

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

  const move = (next: (now: Pose) => Pose): void => {
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
      move(act);
    } else if (event.key === " ") {
      event.preventDefault();
      turning.value = !turning.value;
    }
  };

  const apart = (): number => {
    const [a, b] = [...pointers.current.values()];
    return a && b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
  };
  const at = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  const onDown = (event: PointerEvent): void => {
    pointers.current.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.current!.setPointerCapture(event.pointerId);
    turning.value = false;
    const other = event.button === 2 || event.shiftKey || pointers.current.size > 1;
    if (pen.value !== "off" && how === "after" && !other) {
      line.current = [at(event)];
      redraw();
      return;
    }
    line.current = [];
    const divide = how === "divide" && Math.abs(at(event)[0] * 100 - divider.value) < NEAR_DIVIDER;
    const slides = event.button === 2 || event.shiftKey;
    drag.current = { x: event.clientX, y: event.clientY, pan: slides, divide, apart: apart() };
  };

  const onMove = (event: PointerEvent): void => {
    if (line.current.length) {
      const [x, y] = at(event);
      const [lastX, lastY] = line.current.at(-1)!;
      if (Math.hypot(x - lastX, y - lastY) > STEP) line.current.push([x, y]);
      redraw();
      return;
    }
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
      if (from.apart > 0 && now > 0) move((pose) => dolly(pose, from.apart / now));
      from.apart = now;
    } else if (from.divide) {
      divider.value = Math.min(100, Math.max(0, at(event)[0] * 100));
    } else if (from.pan) {
      move((now) => pan(now, -dx * now.fov, dy * now.fov));
    } else {
      move((now) => orbit(now, dx * 3, -dy * 3));
    }
  };

  const onUp = (event: PointerEvent): void => {
    pointers.current.delete(event.pointerId);
    if (pointers.current.size === 0) drag.current = null;
    if (line.current.length && pose.value && canvas.current) {
      const drawnLine = line.current;
      line.current = [];
      const { width, height } = canvas.current;
      void mark(drawnLine, pose.value, width / height).then(redraw);
    }
  };

  return (
    <section class="viewport" aria-label="Scene">
      <div class="glass">
        <canvas ref={glass} aria-hidden="true" />
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-label={texts.view.label}
          class={how === "divide" ? "dividing" : pen.value !== "off" ? "marking" : ""}
          onKeyDown={onKey}
          onPointerDown={onDown}
          onPointerMove={onMove}
          onPointerUp={onUp}
          onPointerCancel={onUp}
          onContextMenu={(event) => event.preventDefault()}
          onWheel={(event) => {
            event.preventDefault();
            move((now) => dolly(now, Math.exp(event.deltaY * 0.001)));
          }}
        />
      </div>
      {earlier && (how === "divide" || how === "beside") && (
        <>
          <span class="tag left">{texts.view.before}</span>
          <span class="tag right">{texts.view.after}</span>
        </>
      )}
      {!found && <p class="note">{texts.opening}…</p>}
      <Toolbar
        how={how}
        onDrawer={() => {
          const to = drawer.value === "engine" ? "browser" : "engine";
          if (glass.current && found && entry) void change(glass.current, to, found, key, entry);
        }}
      />
      {found && state.value && <Cameras found={found} entry={state.value.entries[0]?.id ?? "0"} />}
    </section>
  );
}
