/** Splats drawn by WebGL in the browser, where that is faster than frames of the engine. Loaded when it is tried. */
import { SparkRenderer, SplatFileType, SplatMesh } from "@sparkjsdev/spark";
import { Color, Matrix4, PerspectiveCamera, Scene as World, SRGBColorSpace, Vector3, WebGLRenderer } from "three";
import type { Scene } from "./api";
import { type Pose, norm, sub } from "./camera";

const TRIED_FRAMES = 6;
const TRIED_MS = 2500;

export class Splats {
  private readonly renderer: WebGLRenderer;
  private readonly world = new World();
  private readonly camera = new PerspectiveCamera();
  private mesh: SplatMesh | null = null;
  private last: Pose | null = null;

  /** Throws where the browser has no WebGL 2. */
  constructor(
    readonly canvas: HTMLCanvasElement,
    onDirty: () => void,
  ) {
    this.renderer = new WebGLRenderer({ canvas, antialias: false, powerPreference: "high-performance" });
    this.renderer.outputColorSpace = SRGBColorSpace;
    this.world.add(new SparkRenderer({ renderer: this.renderer, onDirty }));
  }

  /** Show the splats of a file, in the capture's frame; `found.frame` brings them to the scene's. */
  async load(file: ArrayBuffer, found: Scene): Promise<void> {
    const mesh = new SplatMesh({ fileBytes: file, fileType: SplatFileType.SPZ });
    await mesh.initialized;
    new Matrix4().set(...(found.frame as Parameters<Matrix4["set"]>)).decompose(mesh.position, mesh.quaternion, mesh.scale);
    this.drop();
    this.world.add(mesh);
    this.mesh = mesh;
    const [red, green, blue] = found.background;
    this.world.background = new Color().setRGB(red / 255, green / 255, blue / 255, SRGBColorSpace);
  }

  draw(pose: Pose, width: number, height: number): void {
    this.last = pose;
    const { camera } = this;
    if (this.canvas.width !== width || this.canvas.height !== height) this.renderer.setSize(width, height, false);
    const far = norm(sub(pose.eye, pose.target));
    camera.fov = (pose.fov * 180) / Math.PI;
    camera.aspect = width / height;
    camera.near = far / 1000;
    camera.far = far * 1000;
    camera.up.set(...pose.up);
    camera.position.set(...pose.eye);
    camera.lookAt(new Vector3(...pose.target));
    camera.updateProjectionMatrix();
    this.renderer.render(this.world, camera);
  }

  again(): void {
    if (this.last) this.draw(this.last, this.canvas.width, this.canvas.height);
  }

  /** Median milliseconds of a frame, drawn to its last pixel; ends early where frames take long. */
  async speed(pose: Pose, width: number, height: number, turned: (pose: Pose, angle: number) => Pose): Promise<number> {
    const gl = this.renderer.getContext();
    const pixel = new Uint8Array(4);
    const times: number[] = [];
    const began = performance.now();
    for (let frame = 0; frame < TRIED_FRAMES && performance.now() - began < TRIED_MS; frame++) {
      const started = performance.now();
      this.draw(turned(pose, 0.05 * (frame + 1)), width, height);
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
      if (frame > 0) times.push(performance.now() - started);
      await new Promise((done) => setTimeout(done, 0));
    }
    times.sort((a, b) => a - b);
    return times[Math.floor(times.length / 2)] ?? Infinity;
  }

  close(): void {
    this.drop();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  private drop(): void {
    if (this.mesh) {
      this.world.remove(this.mesh);
      this.mesh.dispose();
      this.mesh = null;
    }
  }
}
