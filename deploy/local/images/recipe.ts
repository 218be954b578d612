import { buildRootfs, type RootfsRecipe } from "./rootfs.ts";

export interface ImageRecipe {
  name: string;
  /** The image that a registry has. */
  official: string;
  /** Files and folders that decide its content, beside the distribution it is made from. */
  sources: string[];
  make: (work: ImageWork) => Promise<void>;
  makeTimeoutMs: number;
  /** Dockerfile instructions for what the tar cannot say. */
  changes: string[];
}

export interface ImageWork {
  /** An empty folder, removed afterwards. */
  dir: string;
  /** What is kept for the next time. */
  cacheDir: string;
  /** The tar to make: its root file system. */
  target: string;
  say: (line: string) => void;
}

/** An image whose files are those of packages. */
export function fromPackages(recipe: RootfsRecipe): ImageRecipe["make"] {
  return ({ dir, target }) => buildRootfs(recipe, dir, target);
}
