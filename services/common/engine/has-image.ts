import type { ImageState } from "./state.ts";
import { familiarReference } from "./image-reference.ts";

/** Whether one of the images goes by the reference (tag, digest or id). */
export function hasImage(images: Iterable<ImageState>, reference: string): boolean {
  const name = familiarReference(reference);
  for (const image of images) {
    if (image.tags.includes(name) || image.digests.includes(name) || image.id === reference) return true;
  }
  return false;
}
