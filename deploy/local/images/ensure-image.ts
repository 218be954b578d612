import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Writable } from "node:stream";
import { findImage, pullImage } from "../../../services/common/engine/api/images.ts";
import type { Engine } from "../../../services/common/engine/engine.ts";
import { imageArchive } from "./image-archive.ts";
import type { ImageRecipe } from "./recipe.ts";

/** A registry that does not answer in this time counts as absent while nothing was received. */
const PULL_TIMEOUT_MS = 300_000;
const IMPORT_TIMEOUT_MS = 300_000;

export interface EnsureImageOptions {
  engine: Engine;
  recipe: ImageRecipe;
  /** What to call it on the engine, with its tag. */
  reference: string;
  cacheDir: string;
  say: (line: string) => void;
  signal?: AbortSignal;
}

/** Has the image on the engine: already there, the official one where a registry answers, or made from packages. */
export async function ensureImage(options: EnsureImageOptions): Promise<"present" | "pulled" | "made"> {
  const { engine, recipe, reference, say } = options;
  if (await findImage(engine, reference)) return "present";
  const refusal = await pull(options);
  if (refusal === undefined) {
    const [repo, tag] = splitReference(reference);
    await engine.call("POST", `/images/${recipe.official}/tag`, { query: { repo, tag } });
    return "pulled";
  }
  const archive = await imageArchive(recipe, options.cacheDir, (line) => {
    say(`${recipe.official} cannot be pulled (${refusal}): ${line}`);
  });
  await importArchive(engine, archive, reference, recipe.changes);
  return "made";
}

/** Undefined when pulled, else why not. */
async function pull({ engine, recipe, signal: outer }: EnsureImageOptions): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(PULL_TIMEOUT_MS);
  const signal = outer ? AbortSignal.any([outer, timeout]) : timeout;
  try {
    for await (const line of pullImage(engine, recipe.official, { signal })) void line;
    return undefined;
  } catch (error) {
    if (outer?.aborted) throw error;
    return (error as Error).message.split("\n", 1)[0]!;
  }
}

/** Makes an image of one layer from the tar of a root file system. */
export async function importArchive(
  engine: Engine,
  archive: string,
  reference: string,
  changes: string[],
): Promise<void> {
  const [repo, tag] = splitReference(reference);
  const answer = await engine.stream("POST", "/images/create", {
    query: { fromSrc: "-", repo, tag, ...(changes.length > 0 ? { changes: changes.join("\n") } : {}) },
    upload: createReadStream(archive),
    timeoutMs: IMPORT_TIMEOUT_MS,
  });
  let last = "";
  const keepLast = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      last = chunk.toString();
      done();
    },
  });
  await pipeline(answer, keepLast);
  if (!(await findImage(engine, reference))) throw new Error(`the engine did not import ${reference}: ${last.trim()}`);
}

function splitReference(reference: string): [repo: string, tag: string] {
  const colon = reference.lastIndexOf(":");
  return [reference.slice(0, colon), reference.slice(colon + 1)];
}
