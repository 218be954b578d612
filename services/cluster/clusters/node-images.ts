import { status as Code } from "@grpc/grpc-js";
import { findImage } from "../../common/engine/api/images.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { imageProblem } from "../../common/engine/image-problem.ts";
import type { EngineObserver } from "../../common/engine/observer/observer.ts";
import { GantryError, failedPrecondition } from "../../common/errors/errors.ts";
import { inspectNodeImage, type NodeImage } from "./check-image.ts";

/** Images whose content is remembered. */
const REMEMBERED_MAX = 64;

export interface NodeImagesOptions {
  host: string;
  engine: Engine;
  observer: EngineObserver;
}

/** What the host's node images have: looked at once for each image id. */
export class NodeImages {
  readonly #options: NodeImagesOptions;
  readonly #known = new Map<string, NodeImage>();

  constructor(options: NodeImagesOptions) {
    this.#options = options;
  }

  /**
   * Undefined where the image is not on the host but its registry has it: then only the pull can tell. FAILED_PRECONDITION
   * NODE_IMAGE_UNAVAILABLE where it can't be had.
   */
  async find(reference: string, signal: AbortSignal): Promise<NodeImage | undefined> {
    const { host, engine } = this.#options;
    const image = await findImage(engine, reference, { signal });
    if (image) return this.inspect(image.Id, signal);
    const problem = await imageProblem(this.#options, reference, signal);
    if (problem === undefined) return undefined;
    const advice = "pull or load a kindest/node image into the host's engine, or make one with `npm run node-image`";
    throw failedPrecondition("NODE_IMAGE_UNAVAILABLE", `${problem}. What helps: ${advice}`, { host, image: reference });
  }

  /** Of an image that is on the host. */
  async inspect(id: string, signal: AbortSignal): Promise<NodeImage> {
    const known = this.#known.get(id);
    if (known) return known;
    const found = await this.#look(id, signal);
    this.#known.set(id, found);
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(this.#known.keys().next().value!);
    return found;
  }

  async #look(id: string, signal: AbortSignal): Promise<NodeImage> {
    try {
      return await inspectNodeImage(this.#options, id, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof GantryError) || error.code !== Code.NOT_FOUND) throw error;
      throw failedPrecondition("NODE_IMAGE_UNAVAILABLE", `image ${id} was removed meanwhile`, { image: id });
    }
  }
}
