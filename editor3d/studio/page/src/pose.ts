/** From where the scene is seen, and how it is shown. */
import { signal } from "@preact/signals";
import type { Scene, View } from "./api";
import { type Pose, between, fromView } from "./camera";
import { scene } from "./store";

export const pose = signal<Pose | null>(null);
/** Of the edit: 0 is what it was made from, 100 the edit. */
export const strength = signal(100);
export const turning = signal(false);
const GLIDE_MS = 450;

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
