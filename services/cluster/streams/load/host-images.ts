import { status as Code } from "@grpc/grpc-js";
import { findImage, saveImages } from "../../../common/engine/api/images.ts";
import type { Engine } from "../../../common/engine/engine.ts";
import { GantryError, invalidArgument } from "../../../common/errors/errors.ts";

export interface HostImages {
  /** As they were asked for. */
  references: string[];
  /** Of all of them. */
  platform: { os: string; architecture: string; variant?: string };
}

/**
 * Images of the host's engine, those of one platform together. An engine that keeps images of several platforms would save an index that
 * names layers it does not have, which no node can import: so the platform is always said. NOT_FOUND with each that is not there.
 */
export async function findHostImages(
  engine: Engine,
  host: string,
  references: readonly string[],
  signal: AbortSignal,
): Promise<HostImages[]> {
  const groups = new Map<string, HostImages>();
  const missing: string[] = [];
  for (const reference of new Set(references)) {
    const image = await findImage(engine, reference, { signal });
    if (!image) {
      missing.push(reference);
      continue;
    }
    if (isIdOf(reference, image.Id)) {
      const description = `${reference} is an id: nodes know images by their tags, name one`;
      throw invalidArgument([{ field: "start.images", description }]);
    }
    const { Os: os, Architecture: architecture, Variant: variant } = image;
    const platform = { os, architecture, ...(variant ? { variant } : {}) };
    const key = JSON.stringify(platform);
    const group = groups.get(key) ?? { references: [], platform };
    group.references.push(reference);
    groups.set(key, group);
  }
  if (missing.length === 0) return [...groups.values()];
  const text = `the engine of host ${host} has no image ${missing.join(", ")}: pull or build it there, or send an archive`;
  throw new GantryError(Code.NOT_FOUND, text, {
    reason: "IMAGE_NOT_FOUND",
    metadata: { host, images: missing.join(",") },
  });
}

/** The engine finds images by the beginning of their id too. */
function isIdOf(reference: string, id: string): boolean {
  return id.replace("sha256:", "").startsWith(reference.replace("sha256:", ""));
}

/** An archive as `docker save` writes it. Not read faster than taken. */
export async function* saved(engine: Engine, images: HostImages, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stream = await saveImages(engine, images.references, images.platform, { signal });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } finally {
    stream.destroy();
  }
}
