import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../process/run-command.ts";

const PACK_TIMEOUT_MS = 300_000;
const ARCHITECTURES: Partial<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The run-time part of an image's configuration, in its own spelling. */
export interface OciRunConfig {
  Entrypoint?: string[];
  Cmd?: string[];
  Env?: string[];
  User?: string;
}

/** Packs a root file system as an image of one layer: an OCI layout in a tar, which carries the image's names. */
export async function packOciArchive(
  root: string,
  names: readonly string[],
  config: OciRunConfig,
  target: string,
): Promise<void> {
  const layout = `${target}.layout`;
  const blobs = join(layout, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const layer = await packLayer(root, layout, blobs);
  const configuration = await addJson(blobs, "application/vnd.oci.image.config.v1+json", {
    architecture: ARCHITECTURES[arch()] ?? arch(),
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: [layer.diffId] },
  });
  const manifest = await addJson(blobs, "application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    config: configuration,
    layers: [layer.descriptor],
  });
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const manifests = names.map((name) => ({ ...manifest, annotations: { "io.containerd.image.name": name } }));
  await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  await runCommand("tar", ["-C", layout, "-cf", target, "."], { timeoutMs: PACK_TIMEOUT_MS });
  await rm(layout, { recursive: true });
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

async function packLayer(
  root: string,
  work: string,
  blobs: string,
): Promise<{ diffId: string; descriptor: Descriptor }> {
  const tar = join(work, "layer.tar");
  // Same content, same digest.
  const constant = ["--sort=name", "--mtime=@0", "--numeric-owner", "--owner=0", "--group=0"];
  await runCommand("tar", ["-C", root, ...constant, "-cf", tar, "."], { timeoutMs: PACK_TIMEOUT_MS });
  const diffId = await digestOf(tar);
  await runCommand("gzip", ["--no-name", tar], { timeoutMs: PACK_TIMEOUT_MS });
  const packed = `${tar}.gz`;
  const digest = await digestOf(packed);
  const { size } = await stat(packed);
  await rename(packed, join(blobs, digest.replace("sha256:", "")));
  return { diffId, descriptor: { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size } };
}

async function addJson(blobs: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const text = JSON.stringify(value);
  const digest = createHash("sha256").update(text).digest("hex");
  await writeFile(join(blobs, digest), text);
  return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}
