import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { kubernetesPrograms } from "../../deploy/local/images/node/programs.ts";
import { NODE, NODE_NEXT, prepareImage, type TestImage } from "../images/images.ts";
import { testConfig } from "../support/config.ts";

/** What takes longer to make on a fresh machine than a test file may take. */
export interface Preparations {
  images: TestImage[];
  /** Kubernetes' programs outside of an image. */
  programs: boolean;
}

const IMPORT = /^(?:import|export)\s+(?<what>[^;]*?)\s*from "(?<from>\.{1,2}\/[^"]+)";/gms;
const SELF = "test/runner/preparations.ts";
const IMAGES = "test/images/images.ts";
const PROGRAMS = "deploy/local/images/node/programs.ts";
const NAMES: [name: RegExp, image: TestImage][] = [
  [/\bNODE\b/, NODE],
  [/\bNODE_NEXT\b/, NODE_NEXT],
];

/** By what the test files import, themselves or through other files below test/. */
export function preparationsOf(root: string, paths: readonly string[]): Preparations {
  const images = new Set<TestImage>();
  let programs = false;
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { groups } of readFileSync(join(root, path), "utf8").matchAll(IMPORT)) {
      const target = join(dirname(path), groups!["from"]!);
      for (const [name, image] of NAMES) if (target === IMAGES && name.test(groups!["what"]!)) images.add(image);
      if (target === PROGRAMS) programs = true;
      if (target.startsWith("test/")) visit(target);
    }
  };
  // What these import themselves decides nothing.
  for (const path of [IMAGES, SELF]) seen.add(path);
  for (const path of paths) visit(path);
  return { images: [...images], programs };
}

export async function prepare(
  { images, programs }: Preparations,
  socketPath: string,
  say: (line: string) => void,
): Promise<void> {
  for (const image of images) await prepareImage(socketPath, image);
  if (programs) await kubernetesPrograms(join(testConfig().imageCacheDir, "kubernetes"), "v1.20.2", say);
}
