import { PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Random } from "./random.ts";
import { instanceName, type Scene } from "./scene.ts";
import { createMirror, createProject, deleteMirror, deleteProject, updateMirror, updateProject } from "./writes.ts";

const IDS = ["a", "b", "c"];
const OPERATION_TIMEOUT_MS = 40_000;

/** What was acknowledged: by resource name what it was last told to hold. */
export type Model = Map<string, string>;

/** One caller that changes what is its own, one call after the other, and remembers what was acknowledged. */
export abstract class Writer {
  readonly model: Model = new Map();
  count = 0;
  protected readonly scene: Scene;
  protected readonly random: Random;

  constructor(scene: Scene, random: Random) {
    this.scene = scene;
    this.random = random;
  }

  async run(until: () => boolean): Promise<void> {
    while (!until()) {
      await this.step(`v${this.count}`);
      this.count++;
    }
  }

  protected abstract step(value: string): Promise<void>;
}

/** Projects, which come and go, and mirrors in them. */
export class RecordWriter extends Writer {
  readonly #prefix: string;

  constructor(scene: Scene, random: Random, prefix: string) {
    super(scene, random);
    this.#prefix = prefix;
  }

  protected async step(value: string): Promise<void> {
    const { scene, model, random } = this;
    const id = `${this.#prefix}-${random.pick(IDS)}`;
    const project = `projects/${id}`;
    const mirrors = IDS.map((each) => `${project}/mirrors/${each}`);
    if (!model.has(project)) {
      await createProject(scene, id, value);
      model.set(project, value);
      return;
    }
    const mirror = random.pick(mirrors);
    const what = random.next();
    if (what < 0.35) {
      await updateProject(scene, project, { displayName: value });
      model.set(project, value);
    } else if (what < 0.8 && !model.has(mirror)) {
      await createMirror(scene, project, mirror.slice(-1), { value });
      model.set(mirror, value);
    } else if (what < 0.8) {
      await updateMirror(scene, mirror, { value });
      model.set(mirror, value);
    } else if (what < 0.92) {
      if (!model.delete(mirror)) return;
      await deleteMirror(scene, mirror);
    } else {
      for (const each of mirrors) if (model.delete(each)) await deleteMirror(scene, each);
      await deleteProject(scene, project);
      model.delete(project);
    }
  }
}

/** Instances that are made but not started: their operations are cheap. */
export class InstanceWriter extends Writer {
  protected async step(value: string): Promise<void> {
    const { scene, model, random } = this;
    const id = `cold-${random.pick(IDS)}`;
    const name = instanceName(id);
    if (!model.has(name)) {
      await this.#done(scene.create(id, { power: PowerState.POWER_STATE_STOPPED }, { value }));
      model.set(name, value);
    } else if (random.next() < 0.7) {
      await this.#done(scene.relabel(id, { value }));
      model.set(name, value);
    } else {
      await this.#done(scene.remove(id));
      model.delete(name);
    }
  }

  async #done(submitted: Promise<{ name: string }>): Promise<void> {
    const operation = await this.scene.ended((await submitted).name, OPERATION_TIMEOUT_MS);
    if (operation.result?.$case !== "response") throw new Error(JSON.stringify(operation.result));
  }
}
