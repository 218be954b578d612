import { findImage } from "../../../services/common/engine/api/images.ts";
import { Engine } from "../../../services/common/engine/engine.ts";

/** What `npm run node-image` calls the image it has made. */
export const LOCAL_NODE_IMAGE = "gantry/node:v1.20.2";

/** The node image that was made for this engine; undefined: none was. */
export async function localNodeImage(socketPath: string): Promise<string | undefined> {
  const engine = new Engine({ socketPath });
  try {
    return (await findImage(engine, LOCAL_NODE_IMAGE)) ? LOCAL_NODE_IMAGE : undefined;
  } finally {
    engine.close();
  }
}
