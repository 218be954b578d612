import { PassThrough, type Readable } from "node:stream";
import { pack } from "tar-stream";
import { INSTANCE_FILES_PATH } from "./command.ts";
import type { InstanceTls } from "./authority.ts";

const ROOT_ONLY_DIR = 0o700;
const ROOT_ONLY_FILE = 0o600;

/** A tar archive, to be unpacked at `/`, of what Gantry puts into an instance before its first start. No authority's or client's key. */
export function instanceFiles(content: { tls?: InstanceTls | undefined; userData: string }): Readable {
  const archive = pack();
  const base = INSTANCE_FILES_PATH.slice(1);
  const folder = (name: string): void => {
    archive.entry({ name: `${name}/`, type: "directory", mode: ROOT_ONLY_DIR });
  };
  const file = (name: string, text: string): void => {
    archive.entry({ name, mode: ROOT_ONLY_FILE }, text);
  };
  folder(base);
  if (content.tls) {
    folder(`${base}/tls`);
    file(`${base}/tls/ca.crt`, content.tls.ca.certificate);
    file(`${base}/tls/server.crt`, content.tls.server.certificate);
    file(`${base}/tls/server.key`, content.tls.server.key);
  }
  if (content.userData !== "") file(`${base}/user-data`, content.userData);
  archive.finalize();
  return archive.pipe(new PassThrough());
}
