/** The capture's cameras, as small photographs. */
import type { Scene } from "./api";
import { matrix } from "./camera";
import { lookFrom, pose } from "./pose";
import { texts } from "./texts";

const HEIGHT = 64;

export function Cameras({ found, entry }: { found: Scene; entry: string }) {
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
              width={Math.round((HEIGHT * view.width) / view.height)}
              height={HEIGHT}
              src={`/studio/photograph?entry=${entry}&side=128&view=${encodeURIComponent(view.name)}`}
            />
          </button>
        </li>
      ))}
    </ul>
  );
}
