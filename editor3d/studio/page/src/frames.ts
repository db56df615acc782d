/** Frames of the scene, rendered by the engine: small ones while the camera moves, a sharp one when it rests. */
import { Refused, picture } from "./api";
import { type Pose, matrix } from "./camera";

const REST_MS = 160;
const WANTED_MS = 45;
const SMALLEST = 0.25;
const IN_FLIGHT = 2;
const TIMED_FRAMES = 4;

export interface Frame {
  pictures: (ImageBitmap | null)[];
  number: number;
}

/** An entry of the history, and what is said besides of how it is drawn. */
export type Shown = { id: string; query: string } | null;

export class Frames {
  private number = 0;
  private shown = 0;
  private flying = 0;
  private moved = false;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private scale = 0.5;
  private times: number[] = [];
  private pose: Pose | null = null;
  private entries: Shown[] = [];
  private width = 640;
  private height = 360;
  private closed = false;

  constructor(
    private readonly onFrame: (frame: Frame) => void,
    private readonly onSpeed: (fps: number, width: number, height: number) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Show other entries, from another pose, or at another size: what changed is asked for, smaller while it moves. */
  show(pose: Pose, entries: Shown[], width: number, height: number, moving: boolean): void {
    this.pose = pose;
    this.entries = entries;
    this.width = Math.max(16, Math.round(width));
    this.height = Math.max(16, Math.round(height));
    this.moved = true;
    clearTimeout(this.resting);
    if (moving) {
      void this.pump();
      this.resting = setTimeout(() => void this.sharp(), REST_MS);
    } else {
      void this.sharp();
    }
  }

  /** Median milliseconds of a frame as large as the canvas, from request to picture. */
  async time(): Promise<number> {
    const times: number[] = [];
    for (let frame = 0; frame < TIMED_FRAMES; frame++) {
      const started = performance.now();
      await this.ask(1, 75);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    return times[Math.floor(times.length / 2)] ?? Infinity;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.resting);
  }

  private async sharp(): Promise<void> {
    this.moved = false;
    this.times = [];
    await this.ask(1, 90);
  }

  private async pump(): Promise<void> {
    while (this.moved && this.flying < IN_FLIGHT && !this.closed) {
      this.moved = false;
      const started = performance.now();
      await this.ask(this.scale, 75);
      this.adapt(performance.now() - started);
    }
  }

  /** Make the next moving frames as large as the engine draws them fast enough. */
  private adapt(ms: number): void {
    const wanted = WANTED_MS * IN_FLIGHT;
    if (ms > wanted * 1.3) this.scale = Math.max(SMALLEST, this.scale * 0.85);
    else if (ms < wanted * 0.6) this.scale = Math.min(1, this.scale * 1.1);
  }

  private async ask(scale: number, quality: number): Promise<void> {
    const pose = this.pose;
    if (!pose || this.entries.length === 0) return;
    const number = ++this.number;
    const width = Math.max(16, Math.round(this.width * scale));
    const height = Math.max(16, Math.round(this.height * scale));
    const c2w = matrix(pose)
      .map((value) => value.toPrecision(8))
      .join(",");
    const query = `c2w=${c2w}&fov=${pose.fov.toPrecision(6)}&w=${width}&h=${height}&q=${quality}`;
    this.flying += 1;
    try {
      const pictures = await Promise.all(
        this.entries.map(async (entry) =>
          entry ? createImageBitmap(await picture(`/studio/frame?entry=${entry.id}&${query}${entry.query}`)) : null,
        ),
      );
      if (number > this.shown && !this.closed) {
        this.shown = number;
        this.count(width, height);
        this.onFrame({ pictures, number });
      }
    } catch (error) {
      if (!(error instanceof Refused && error.status === 429)) this.onError(error);
    } finally {
      this.flying -= 1;
      if (this.moved) void this.pump();
    }
  }

  private count(width: number, height: number): void {
    const now = performance.now();
    this.times = [...this.times.filter((time) => now - time < 2000), now];
    const first = this.times[0];
    if (first !== undefined && this.times.length > 4 && now > first) {
      this.onSpeed(((this.times.length - 1) * 1000) / (now - first), width, height);
    }
  }
}
