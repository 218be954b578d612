import { EngineError } from "./errors.ts";
import { encodeImage, findImage } from "./api/images.ts";
import { GantryError } from "../errors/errors.ts";
import type { Engine } from "./engine.ts";
import { hasImage } from "./has-image.ts";
import type { EngineObserver } from "./observer/observer.ts";

/** A registry that takes longer is treated as one that does not answer. */
const REGISTRY_TIMEOUT_MS = 15_000;

interface HostEngine {
  /** Host id. */
  host: string;
  engine: Engine;
  observer: EngineObserver;
}

/**
 * Why the image can't be had; undefined when it is on this host or its registry knows it. Only reads: what is asked of an unknown image is
 * refused before anything is written, and the engine's word is the only one there is on that.
 */
export async function imageProblem(tools: HostEngine, image: string, signal: AbortSignal): Promise<string | undefined> {
  if (hasImage(tools.observer.all("image"), image)) return undefined;
  const limits = { signal, timeoutMs: REGISTRY_TIMEOUT_MS };
  if (await findImage(tools.engine, image, limits)) return undefined;
  try {
    await tools.engine.call("GET", `/distribution/${encodeImage(image)}/json`, limits);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof GantryError)) throw error;
    // The engine itself does not answer: no fault of the request.
    if (error instanceof EngineError && error.statusCode === 0) throw error;
    return `${JSON.stringify(image)} is not on host ${tools.host}, and its registry does not give it: ${error.message}`;
  }
}
