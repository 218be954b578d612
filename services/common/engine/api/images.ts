import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import { EngineError, isEngineNotFound } from "../errors.ts";
import type { CallOptions, Engine } from "../engine.ts";
import { compareVersions } from "../api-version.ts";
import { jsonLines } from "../json-lines.ts";
import { status as Code } from "@grpc/grpc-js";

type Limits = Pick<CallOptions, "timeoutMs" | "signal">;

export function listImages(engine: Engine, limits: Limits = {}): Promise<Docker.ImageInfo[]> {
  return engine.call("GET", "/images/json", limits);
}

/** By name or id; undefined when it is not there. */
export async function findImage(
  engine: Engine,
  ref: string,
  limits: Limits = {},
): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await engine.call("GET", `/images/${encodeImage(ref)}/json`, limits);
  } catch (error) {
    if (isEngineNotFound(error)) return undefined;
    throw error;
  }
}

/** One line of a pull: what happens to one layer, or to the whole when `id` is absent. */
export interface PullProgress {
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number };
  error?: string;
  errorDetail?: { message?: string };
}

/** Pulls an image, giving each line of progress. Throws what the registry said. */
export async function* pullImage(
  engine: Engine,
  ref: string,
  options: { signal?: AbortSignal } = {},
): AsyncGenerator<PullProgress> {
  const query = { fromImage: ref, ...(hasTag(ref) ? {} : { tag: "latest" }) };
  const stream = await engine.stream("POST", "/images/create", { query, signal: options.signal });
  try {
    for await (const line of jsonLines<PullProgress>(stream)) {
      const failure = line.errorDetail?.message ?? line.error;
      if (failure !== undefined) throw pullError(failure);
      yield line;
    }
  } finally {
    stream.destroy();
  }
}

function pullError(detail: string): EngineError {
  const missing = /not found|manifest unknown|does not exist|denied/i.test(detail);
  const code = missing ? Code.NOT_FOUND : Code.UNAVAILABLE;
  return new EngineError(
    code,
    missing ? 404 : 0,
    missing ? "IMAGE_NOT_FOUND" : "IMAGE_PULL_FAILED",
    `image pull: ${detail}`,
  );
}

/** Whether the last path part of an image reference has a tag or a digest. */
function hasTag(ref: string): boolean {
  return /[:@]/.test(ref.slice(ref.lastIndexOf("/") + 1));
}

/** A slash stays as it is: the engine's routes take image names with slashes. */
export function encodeImage(ref: string): string {
  return ref.split("/").map(encodeURIComponent).join("/");
}

/** Makes an image of one layer from a tar archive; `changes` are lines of a Dockerfile (`CMD`, `LABEL`...). */
export async function importImage(
  engine: Engine,
  ref: string,
  archive: Readable,
  changes: string[],
  limits: Limits = {},
): Promise<void> {
  const at = ref.lastIndexOf(":");
  const query = { fromSrc: "-", repo: ref.slice(0, at), tag: ref.slice(at + 1), changes };
  await engine.call("POST", "/images/create", { ...limits, query, upload: archive });
}

/** From here on an engine may keep an image of several platforms, and saves the one it is told. */
const PLATFORM_API = "1.48";

/** An archive of images (with the names they are asked for by) as `docker save` writes it, of one platform. */
export async function saveImages(
  engine: Engine,
  names: string[],
  platform: { os: string; architecture: string; variant?: string },
  limits: Limits = {},
): Promise<IncomingMessage> {
  const { api } = await engine.version();
  const which = compareVersions(api, PLATFORM_API) < 0 ? {} : { platform: JSON.stringify(platform) };
  return engine.stream("GET", "/images/get", { ...limits, query: { names, ...which } });
}

/** Takes the name away, and with the last name the image. False when it was not there. */
export async function removeImage(engine: Engine, ref: string, limits: Limits = {}): Promise<boolean> {
  try {
    await engine.call("DELETE", `/images/${encodeImage(ref)}`, limits);
    return true;
  } catch (error) {
    if (isEngineNotFound(error)) return false;
    throw error;
  }
}
