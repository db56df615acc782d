/** Who draws the scene: the engine, whose frames are sent, or WebGL in the browser. Chosen by measuring. */
import { signal } from "@preact/signals";
import { type Entry, type Scene, picture } from "./api";
import { type Pose, orbit } from "./camera";
import type { Frames } from "./frames";
import { report } from "./store";
import type { Splats } from "./webgl";

export type Drawer = "engine" | "browser";

export const drawer = signal<Drawer>("engine");
export const measuring = signal(false);
/** Milliseconds of a frame of each. */
export const measured = signal<Record<Drawer, number> | null>(null);

const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i;

let splats: Splats | null = null;
let loaded = "";

/** Whether WebGL runs on a graphics processor; a processor alone is slower by it than the engine is. */
export function hasGpu(): boolean {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return false;
  const about = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(about ? about.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE.test(name);
}

async function open(canvas: HTMLCanvasElement, found: Scene, key: string, entry: Entry): Promise<Splats> {
  const { Splats: Made } = await import("./webgl");
  if (splats?.canvas !== canvas) {
    splats?.close();
    splats = null;
    loaded = "";
  }
  splats ??= new Made(canvas, () => requestAnimationFrame(() => splats?.again()));
  if (loaded !== key) {
    const file = await picture(`/studio/splats?entry=${entry.id}`);
    await splats.load(await file.arrayBuffer(), found);
    loaded = key;
  }
  return splats;
}

/** Time frames of both, and take the faster one. */
export async function measure(
  canvas: HTMLCanvasElement,
  frames: Frames,
  found: Scene,
  key: string,
  entry: Entry,
  pose: Pose,
  width: number,
  height: number,
): Promise<void> {
  if (measuring.value || !found.splats) return;
  measuring.value = true;
  try {
    const engine = await frames.time();
    let browser = Infinity;
    try {
      const made = await open(canvas, found, key, entry);
      browser = await made.speed(pose, width, height, (from, angle) => orbit(from, angle, 0));
    } catch (error) {
      console.warn(error); // no WebGL 2, or none that Spark can use: the engine draws
    }
    measured.value = { engine, browser };
    drawer.value = browser < engine ? "browser" : "engine";
  } catch (error) {
    report(error);
  } finally {
    measuring.value = false;
  }
}

/** Draw by WebGL; false where that is not what draws now, or it is not ready. */
export function drawn(pose: Pose, width: number, height: number, key: string): boolean {
  if (drawer.value !== "browser" || !splats || loaded !== key) return false;
  splats.draw(pose, width, height);
  return true;
}

/** Change who draws; what WebGL needs is loaded first. */
export async function change(canvas: HTMLCanvasElement, to: Drawer, found: Scene, key: string, entry: Entry): Promise<void> {
  try {
    if (to === "browser") await open(canvas, found, key, entry);
    drawer.value = to;
  } catch (error) {
    report(error);
  }
}
