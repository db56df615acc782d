/** The state that all parts of the page share. */
import { computed, effect, signal } from "@preact/signals";
import { type Editors, type Entry, Refused, type Scene, type State, get, post } from "./api";

export type Mode = "after" | "before" | "divide" | "beside";

export const state = signal<State | null>(null);
export const locked = signal(false);
export const lost = signal(false);
export const failure = signal("");
export const scene = signal<Scene | null>(null);
export const editors = signal<Editors | null>(null);
export const mode = signal<Mode>("after");
export const divider = signal(50);
export const choosing = signal(false);
export const speed = signal<{ fps: number; width: number; height: number } | null>(null);

export const current = computed<Entry | null>(() => {
  const all = state.value;
  return all?.entries.find((entry) => entry.id === all.current && entry.there) ?? null;
});
/** What the current entry is compared with: the one that it was made from. */
export const before = computed<Entry | null>(() => {
  const all = state.value;
  return all?.entries.find((entry) => entry.id === current.value?.parent && entry.there) ?? null;
});
export const busy = computed(() => {
  const job = state.value?.job;
  return job?.state === "running" || job?.state === "queued";
});

export function report(error: unknown): void {
  if (error instanceof Refused && error.status === 401) locked.value = true;
  else if (error instanceof Refused && error.status === 0) lost.value = true;
  else failure.value = error instanceof Error ? error.message : String(error);
}

export async function act(path: string, body: unknown = {}): Promise<void> {
  failure.value = "";
  try {
    await post(path, body);
  } catch (error) {
    report(error);
  }
}

/** Change the token of the address for a cookie, then follow the studio's state for good. */
export async function begin(): Promise<void> {
  const token = location.hash.slice(1);
  try {
    if (token) {
      await post("/studio/session", { token });
      history.replaceState(null, "", location.pathname);
    }
    state.value = await get<State>("/studio/state");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) locked.value = true;
    else lost.value = true;
    if (locked.value) return;
  }
  follow();
}

function follow(): void {
  const source = new EventSource("/studio/events");
  source.onmessage = (event: MessageEvent<string>) => {
    state.value = JSON.parse(event.data) as State;
    lost.value = false;
  };
  source.onerror = () => {
    source.close();
    get<State>("/studio/state").then(
      () => (lost.value = false),
      (error: unknown) => {
        if (error instanceof Refused && error.status === 401) locked.value = true;
        else lost.value = true;
      },
    );
    if (!locked.value) setTimeout(follow, 1000);
  };
}

const shownId = computed(() => (current.value ? `${state.value?.source ?? ""} ${current.value.id}` : ""));
effect(() => {
  if (!shownId.value) {
    scene.value = null;
    return;
  }
  const entry = current.peek();
  if (!entry) return;
  get<Scene>(`/studio/scene?entry=${entry.id}`).then((found) => {
    scene.value = found;
    mode.value = before.peek() ? "divide" : "after";
    if (!editors.peek()) get<Editors>("/studio/editors").then((said) => (editors.value = said), report);
  }, report);
});
