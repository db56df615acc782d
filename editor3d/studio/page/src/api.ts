/** What the studio's server is asked. Every answer that is no success becomes an Error with its sentence. */
import { texts } from "./texts";

export interface Progress {
  what: string;
  done: number;
  total: number;
  unit: string;
  seconds_left: number | null;
  note: string;
}

export interface Job {
  id: string;
  kind: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  step: string;
  progress: Progress;
  error: string;
  picture_revision: number;
  files: Record<string, number>;
  seconds: number;
}

export interface Entry {
  id: string;
  parent: string;
  instruction: string;
  state: Job["state"];
  error: string;
  there: boolean;
  seconds: number;
}

export interface State {
  source: string;
  current: string;
  entries: Entry[];
  job: Job | null;
  exported: Job | null;
}

export interface View {
  name: string;
  split: string;
  c2w: number[];
  fov: number;
  width: number;
  height: number;
}

export interface Scene {
  views: View[];
  objects: string[];
  center: [number, number, number];
  up: [number, number, number];
  distance: number;
  splats: boolean;
  /** It is made of parts that an edit can be confined to. */
  parts: boolean;
  /** From the capture's frame to the scene's, [4, 4] row by row. */
  frame: number[];
  /** The colour behind the splats, 0 to 255. */
  background: [number, number, number];
}

export interface EditorInfo {
  name: string;
  summary: string;
  remote: boolean;
  seeds: boolean;
  price: number | null;
  effortless: boolean;
}

export interface Editors {
  editors: EditorInfo[];
  auto: string;
  words: Record<string, string[]>;
}

export interface Takes {
  count: number;
  views: number;
  seconds: number;
  cost: number | null;
}

export interface Preview {
  key: string;
  seconds: number;
  edits: { quick: Takes; full: Takes };
  seeds: boolean;
  quick: boolean;
  flat: boolean;
}

export class Refused extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

async function answered(path: string, init?: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...init });
  } catch {
    throw new Refused(0, texts.lost);
  }
  if (!answer.ok) {
    const said: unknown = await answer.json().catch(() => null);
    const sentence = said && typeof said === "object" && "error" in said ? String(said.error) : answer.statusText;
    throw new Refused(answer.status, sentence);
  }
  return answer;
}

export async function get<T>(path: string): Promise<T> {
  return (await answered(path)).json() as Promise<T>;
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return (await answered(path, init)).json() as Promise<T>;
}

export async function picture(path: string, signal?: AbortSignal): Promise<Blob> {
  return (await answered(path, signal ? { signal } : {})).blob();
}

/** Send a file; `onPart` hears the share that was sent, 0 to 1. */
export function upload(file: File, onPart: (share: number) => void): Promise<string> {
  const name = file.name.replace(/[^A-Za-z0-9_.-]/g, "-").replace(/^[^A-Za-z0-9]+/, "") || "scene.ply";
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/studio/v1/uploads?name=${encodeURIComponent(name)}`);
    request.upload.onprogress = (event) => onPart(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new Refused(0, texts.lost));
    request.onload = () => {
      const said = JSON.parse(request.responseText || "{}") as { upload?: string; error?: string };
      if (request.status === 200 && said.upload) resolve(said.upload);
      else reject(new Refused(request.status, said.error ?? request.statusText));
    };
    request.send(file);
  });
}
