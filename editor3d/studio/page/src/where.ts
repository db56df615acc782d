/** Where an edit may change the scene: everywhere, one thing, what strokes mark, or a box or ball. */
import { effect, signal } from "@preact/signals";
import { Refused, type Scene, post } from "./api";
import { type Pose, matrix } from "./camera";
import { current, report, scene } from "./store";

export type How = "everywhere" | "marked" | "shape";
export type Pen = "off" | "inside" | "outside";
export type Point = [number, number, number];

export interface Stroke {
  points: Point[];
  inside: boolean;
}

export interface Chosen {
  region: string;
  parts: number;
  of: number;
}

export const how = signal<How>("everywhere");
export const pen = signal<Pen>("off");
export const strokes = signal<Stroke[]>([]);
export const thing = signal("");
export const shape = signal("");
export const chosen = signal<Chosen | null>(null);
export const refusal = signal("");

const MARK_WIDTH = 640;
const DIGITS = 6;
const SHARE = 0.25;

/** Forget what was chosen. */
export function clear(): void {
  strokes.value = [];
  thing.value = "";
  chosen.value = null;
  refusal.value = "";
}

/** Change everything, or start to mark. */
export function begin(way: How): void {
  clear();
  how.value = way;
  pen.value = way === "marked" ? "inside" : "off";
  if (way === "shape" && scene.value) {
    shape.value = middle(scene.value);
    void choose();
  }
}

/** One object of the data. */
export function take(name: string): void {
  clear();
  thing.value = name;
  void choose();
}

/** A line on the frame that is shown: corners in parts of its width and height. */
export async function mark(line: [number, number][], pose: Pose, aspect: number): Promise<void> {
  const entry = current.value?.id;
  if (!entry) return;
  const width = MARK_WIDTH;
  const height = Math.max(1, Math.round(width / aspect));
  const pixels = line.map(([x, y]) => [x * width, y * height]);
  const inside = pen.value !== "outside";
  try {
    const body = { entry, c2w: matrix(pose), fov: pose.fov, width, height, pixels };
    const found = await post<{ points: Point[]; object: string }>("/studio/mark", body);
    if (line.length === 1 && found.object && inside && !strokes.value.length) {
      take(found.object);
      return;
    }
    thing.value = "";
    const points = found.points.map((point) => point.map((x) => Number(x.toPrecision(DIGITS))) as Point);
    strokes.value = [...strokes.value, { points, inside }];
    await choose();
  } catch (error) {
    hear(error);
  }
}

/** Take the last stroke back. */
export function back(): void {
  strokes.value = strokes.value.slice(0, -1);
  if (strokes.value.some((one) => one.inside)) void choose();
  else chosen.value = null;
}

let asked = 0;

/** Have the engine say what the region holds. */
export async function choose(): Promise<void> {
  const entry = current.value?.id;
  const number = ++asked;
  refusal.value = "";
  const body =
    how.value === "shape"
      ? { entry, region: shape.value.trim() }
      : thing.value
        ? { entry, region: `object:${thing.value}` }
        : { entry, strokes: strokes.value };
  if (!entry || (body.strokes && !body.strokes.some((one) => one.inside))) return;
  try {
    const found = await post<Chosen>("/studio/region", body);
    if (number === asked) chosen.value = found;
  } catch (error) {
    if (number !== asked) return;
    chosen.value = null;
    hear(error);
  }
}

function hear(error: unknown): void {
  if (error instanceof Refused && error.status === 400) refusal.value = error.message;
  else report(error);
}

/** A ball about the middle of the scene, in the capture's own frame. */
function middle(found: Scene): string {
  const m = found.frame;
  const scale = Math.hypot(m[0]!, m[4]!, m[8]!);
  const moved = [0, 1, 2].map((i) => found.center[i]! - m[4 * i + 3]!);
  const center = [0, 1, 2].map((j) => [0, 1, 2].reduce((sum, i) => sum + m[4 * i + j]! * moved[i]!, 0) / scale ** 2);
  return `sphere:${[...center, (SHARE * found.distance) / scale].map((x) => Number(x.toPrecision(3))).join(",")}`;
}

// what was chosen is of the scene that is shown
let of = "";
effect(() => {
  const now = current.value?.id ?? "";
  if (now !== of) {
    of = now;
    how.value = "everywhere";
    pen.value = "off";
    clear();
  }
});
