import { findImage } from "../../../services/common/engine/api/images.ts";
import { Engine } from "../../../services/common/engine/engine.ts";
import { ensureImage } from "./ensure-image.ts";
import { dindImage } from "./recipes.ts";

/** How an image that we made ourselves is called. */
const MADE_HERE = "gantry/docker-dind:local";

export interface InstanceImageOptions {
  socket: string;
  cacheDir: string;
  /** Before each thing that takes long. */
  say: (line: string) => void;
  signal: AbortSignal;
}

/** The image of instances that name none: the official one, or where no registry answers one made from packages. */
export async function provideInstanceImage(options: InstanceImageOptions): Promise<string> {
  const engine = new Engine({ socketPath: options.socket });
  try {
    for (const known of [dindImage.official, MADE_HERE]) {
      if (await findImage(engine, known)) return known;
    }
    options.say(`fetching the image ${dindImage.official} for instances`);
    const how = await ensureImage({
      engine,
      recipe: dindImage,
      reference: MADE_HERE,
      cacheDir: `${options.cacheDir}/images`,
      say: options.say,
      signal: options.signal,
    });
    return how === "pulled" ? dindImage.official : MADE_HERE;
  } finally {
    engine.close();
  }
}
