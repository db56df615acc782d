/** One or two frames, and the line that is being drawn, on a canvas. */
import type { Frame } from "./frames";
import type { Mode } from "./store";

export interface Look {
  how: Mode;
  /** Where the divider is, 0 to 100. */
  at: number;
  /** How much of the later frame is laid over the earlier one, 0 to 100. */
  share: number;
  /** Corners of a line in parts of the canvas. */
  line: [number, number][];
  inside: boolean;
}

export function compose(canvas: HTMLCanvasElement, frame: Frame | null, look: Look): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  if (frame) pictures(context, canvas, frame, look);
  if (look.line.length) line(context, canvas, look);
}

function pictures(context: CanvasRenderingContext2D, canvas: HTMLCanvasElement, frame: Frame, look: Look): void {
  const [after, earlier] = frame.pictures;
  const { width, height } = canvas;
  if (!after) return;
  if (!earlier || look.how === "after") {
    if (earlier && look.share < 100) {
      context.drawImage(earlier, 0, 0, width, height);
      context.globalAlpha = look.share / 100;
    }
    context.drawImage(after, 0, 0, width, height);
    context.globalAlpha = 1;
    return;
  }
  if (look.how === "before") {
    context.drawImage(earlier, 0, 0, width, height);
    return;
  }
  if (look.how === "beside") {
    context.drawImage(earlier, 0, 0, width / 2, height);
    context.drawImage(after, width / 2, 0, width / 2, height);
    context.fillStyle = "#fff";
    context.fillRect(width / 2 - 1, 0, 2, height);
    return;
  }
  const x = Math.round((width * look.at) / 100);
  const part = x / width;
  context.drawImage(after, 0, 0, width, height);
  if (x > 0) context.drawImage(earlier, 0, 0, earlier.width * part, earlier.height, 0, 0, x, height);
  context.fillStyle = "#fff";
  context.fillRect(x - 1, 0, 2, height);
}

function line(context: CanvasRenderingContext2D, canvas: HTMLCanvasElement, look: Look): void {
  context.lineCap = context.lineJoin = "round";
  for (const [width, color] of [
    [9, "#fff"],
    [6, look.inside ? "#ff7800" : "#2f7bff"],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.beginPath();
    for (const [x, y] of look.line) context.lineTo(x * canvas.width, y * canvas.height);
    const [x, y] = look.line.at(-1)!;
    context.lineTo(x * canvas.width + 0.1, y * canvas.height);
    context.stroke();
  }
}
