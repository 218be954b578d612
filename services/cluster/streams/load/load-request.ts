import type { LoadImageRequest, LoadImageStart } from "../../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Node } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { isImageReference } from "../../../common/engine/image-reference.ts";
import { invalidArgument } from "../../../common/errors/errors.ts";
import { idOf } from "../../../common/names/resource-names.ts";
import { Violations } from "../../../common/names/violations.ts";

/** The proto's comments state these: change both. */
export const IMAGES_MAX = 64;
export const PART_BYTES_MAX = 1024 * 1024;

/** The `start` of the first message; INVALID_ARGUMENT when it is another. */
export function loadStartOf(first: LoadImageRequest): LoadImageStart {
  if (first.part?.$case === "start") return first.part.value;
  throw invalidArgument([{ field: "start", description: "the first message must be `start`" }]);
}

/** The nodes that are meant. INVALID_ARGUMENT with every bad field. */
export function checkLoadStart({ nodes: ids, images }: LoadImageStart, nodes: readonly Node[]): Node[] {
  const found = new Violations();
  found.check(images.length <= IMAGES_MAX, "start.images", `has ${images.length} entries; at most ${IMAGES_MAX}`);
  for (const [i, image] of images.slice(0, IMAGES_MAX).entries()) {
    const field = `start.images[${i}]`;
    if (!found.check(isImageReference(image), field, "is not an image reference")) continue;
    // An archive carries tags alone: nodes would have the image and not know it by what it was asked for.
    found.check(!image.includes("@"), field, "names a digest: name a tag");
  }
  const known = new Set(nodes.map(({ meta }) => idOf(meta!.name)));
  for (const [i, id] of ids.entries()) {
    found.check(known.has(id), `start.nodes[${i}]`, `is no node of the cluster: it has ${[...known].join(", ")}`);
  }
  found.throwIfAny();
  const wanted = new Set(ids);
  return ids.length === 0 ? [...nodes] : nodes.filter(({ meta }) => wanted.has(idOf(meta!.name)));
}

/** The archive that the client sends after `start`. */
export async function* archiveParts(requests: AsyncIterable<LoadImageRequest>): AsyncGenerator<Uint8Array> {
  let empty = true;
  for await (const { part } of requests) {
    if (part?.$case !== "data") {
      throw invalidArgument([{ field: "part", description: "every message after the first must be `data`" }]);
    }
    if (part.value.length > PART_BYTES_MAX) {
      throw invalidArgument([{ field: "data", description: `is larger than ${PART_BYTES_MAX} bytes` }]);
    }
    empty &&= part.value.length === 0;
    yield part.value;
  }
  if (empty) {
    const description = "is empty: name images in `start.images`, or send an archive of `docker save`";
    throw invalidArgument([{ field: "data", description }]);
  }
}
