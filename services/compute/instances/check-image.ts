import type { HostTools } from "../host-tools.ts";
import { EngineError } from "../../common/engine/errors.ts";
import { encodeImage, findImage } from "../../common/engine/api/images.ts";
import { GantryError } from "../../common/errors/errors.ts";
import { hasImage } from "./images.ts";

/** A registry that takes longer is treated as one that does not answer. */
const REGISTRY_TIMEOUT_MS = 15_000;

/**
 * Why the image can't be had; undefined when it is on this host or its registry knows it. Only reads: an instance of an unknown image is
 * refused before anything is written, and the engine's word is the only one there is on that.
 */
export async function imageProblem(tools: HostTools, image: string, signal: AbortSignal): Promise<string | undefined> {
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
