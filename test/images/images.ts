import { ensureImage } from "../../deploy/local/images/ensure-image.ts";
import { isArchived } from "../../deploy/local/images/image-archive.ts";
import type { ImageRecipe } from "../../deploy/local/images/recipe.ts";
import { busyboxImage, dindImage, node1202Image, node1203Image } from "../../deploy/local/images/recipes.ts";
import { Engine } from "../../services/common/engine/engine.ts";
import { testConfig } from "../support/config.ts";

/** A static busybox: `/bin/sh` and its commands. */
export const BUSYBOX = "gantry-test/busybox:latest";
/** A Docker engine in a container, as docker:dind; to be run privileged. */
export const DIND = "gantry-test/dind:latest";
/** A Kubernetes node to kind's contract, and one of a later version of the same minor. */
export const NODE = "gantry-test/node:v1.20.2";
export const NODE_NEXT = "gantry-test/node:v1.20.3";

export type TestImage = typeof BUSYBOX | typeof DIND | typeof NODE | typeof NODE_NEXT;

const RECIPES: Record<TestImage, ImageRecipe> = {
  [BUSYBOX]: busyboxImage,
  [DIND]: dindImage,
  [NODE]: node1202Image,
  [NODE_NEXT]: node1203Image,
};

/** Has what an image is made of ready, so that a later `provideImages` is quick on every engine. */
export async function prepareImage(socketPath: string, image: TestImage): Promise<void> {
  const recipe = RECIPES[image];
  if (await isArchived(recipe, testConfig().imageCacheDir)) return;
  await provideImages(socketPath, [image]);
}

/** Has the images on an engine: the official ones where a registry answers, else made from distribution packages. */
export async function provideImages(socketPath: string, images: readonly TestImage[]): Promise<void> {
  const engine = new Engine({ socketPath });
  try {
    for (const reference of images) {
      await ensureImage({
        engine,
        recipe: RECIPES[reference],
        reference,
        cacheDir: testConfig().imageCacheDir,
        say: (line) => process.stderr.write(`test images: ${line}\n`),
      });
    }
  } finally {
    engine.close();
  }
}
