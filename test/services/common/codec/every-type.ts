import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Codec, createCodec } from "../../../../services/common/codec/codec.ts";
import { makeRegistry } from "../../../../services/common/codec/registry.ts";

const BUF = fileURLToPath(new URL("../../../../node_modules/@bufbuild/buf/bin/buf", import.meta.url));
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const BUILD_TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;

export const EVERY = "gantry.test.Every";
export const SECRETS = "gantry.test.Secrets";

/** A codec of every_type.proto, which has every kind of field. */
export function everyTypeCodec(): Codec {
  const descriptors = execFileSync(process.execPath, [BUF, "build", ".", "--as-file-descriptor-set", "-o", "-"], {
    cwd: FOLDER,
    timeout: BUILD_TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return createCodec(() => makeRegistry(descriptors));
}
