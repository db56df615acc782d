/** A camera that turns about a point, upright. Vectors are [x, y, z] in the scene's frame; the camera looks along -z. */
export type Vec = [number, number, number];

export const add = (a: Vec, b: Vec): Vec => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const sub = (a: Vec, b: Vec): Vec => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const mul = (a: Vec, s: number): Vec => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a: Vec, b: Vec): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a: Vec, b: Vec): Vec => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const norm = (a: Vec): number => Math.hypot(a[0], a[1], a[2]);
export const unit = (a: Vec): Vec => mul(a, 1 / (norm(a) || 1));

/** Turn `v` about the unit vector `axis` by `angle` radians (Rodrigues). */
export function turned(v: Vec, axis: Vec, angle: number): Vec {
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  return add(add(mul(v, c), mul(cross(axis, v), s)), mul(axis, dot(axis, v) * (1 - c)));
}

export interface Pose {
  eye: Vec;
  target: Vec;
  up: Vec;
  fov: number;
}

/** Camera-to-world, [3, 4] row by row. */
export function matrix(pose: Pose): number[] {
  const z = unit(sub(pose.eye, pose.target));
  let x = cross(pose.up, z);
  if (norm(x) < 1e-6) x = cross([z[1], z[2], z[0]], z);
  x = unit(x);
  const y = cross(z, x);
  return [0, 1, 2].flatMap((i) => [x[i]!, y[i]!, z[i]!, pose.eye[i]!]);
}

/** The pose of a captured camera, turning about what it looks at. */
export function fromView(c2w: number[], fov: number, center: Vec, up: Vec): Pose {
  const column = (i: number): Vec => [c2w[i]!, c2w[4 + i]!, c2w[8 + i]!];
  const eye = column(3);
  const forward = mul(column(2), -1);
  const along = Math.max(dot(sub(center, eye), forward), 0.2 * norm(sub(center, eye)), 1e-3);
  return { eye, target: add(eye, mul(forward, along)), up, fov };
}

const POLE = 0.05;

export function orbit(pose: Pose, right: number, down: number): Pose {
  const up = unit(pose.up);
  let arm = turned(sub(pose.eye, pose.target), up, -right);
  const side = cross(up, unit(arm));
  if (norm(side) > 1e-6) {
    const lifted = turned(arm, unit(side), -down);
    if (Math.abs(dot(unit(lifted), up)) < Math.cos(POLE)) arm = lifted;
  }
  return { ...pose, eye: add(pose.target, arm) };
}

export function dolly(pose: Pose, factor: number): Pose {
  return { ...pose, eye: add(pose.target, mul(sub(pose.eye, pose.target), factor)) };
}

/** Move camera and target along the picture, in parts of the distance between them. */
export function pan(pose: Pose, right: number, up: number): Pose {
  const m = matrix(pose);
  const far = norm(sub(pose.eye, pose.target));
  const by = add(mul([m[0]!, m[4]!, m[8]!], right * far), mul([m[1]!, m[5]!, m[9]!], up * far));
  return { ...pose, eye: add(pose.eye, by), target: add(pose.target, by) };
}

export function between(a: Pose, b: Pose, t: number): Pose {
  const mix = (u: Vec, v: Vec): Vec => add(mul(u, 1 - t), mul(v, t));
  return { eye: mix(a.eye, b.eye), target: mix(a.target, b.target), up: mix(a.up, b.up), fov: a.fov + (b.fov - a.fov) * t };
}
