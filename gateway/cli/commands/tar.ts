import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

const ERROR_CHARS_MAX = 2_000;

/** Packs `entry` of `folder` as `name`. */
export function packTar(
  folder: string,
  entry: string,
  name: string,
): { output: AsyncIterable<Buffer>; problem(): Promise<string | undefined>; kill(): void } {
  const rename = entry === name ? [] : renameArguments(entry, name);
  const tar = spawn("tar", ["-C", folder, ...rename, "-cf", "-", "--", entry], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = outcome(tar);
  return { output: tar.stdout, problem: () => ended, kill: () => tar.kill() };
}

/** Unpacks what is written to `input`; `onEnd` when tar ends, whoever ended it. */
export function unpackTar(
  folder: string,
  rename: [string, string] | undefined,
  onEnd: () => void,
): { input: Writable; end(): Promise<string | undefined>; abort(): Promise<string | undefined> } {
  // What comes from an instance is not trusted: tar keeps it within the folder, and to the user who runs this.
  const safety = ["--no-same-owner", "--no-overwrite-dir"];
  const tar = spawn("tar", ["-C", folder, ...safety, ...(rename ? renameArguments(...rename) : []), "-xf", "-"], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  const ended = outcome(tar);
  let ending = false;
  let early: string | undefined;
  // tar ended early: what it said tells why; what is still written has nowhere to go.
  tar.stdin.on("error", () => undefined);
  void ended.then((problem) => {
    if (ending) return;
    early = problem ?? "tar ended before the archive did";
    onEnd();
  });
  return {
    input: tar.stdin,
    async end() {
      if (early !== undefined) return early;
      ending = true;
      tar.stdin.end();
      return ended;
    },
    async abort() {
      if (early !== undefined) return early;
      ending = true;
      tar.kill();
      await ended;
      return undefined;
    },
  };
}

/** What went wrong; undefined when all was well. Never rejects. */
async function outcome(tar: ReturnType<typeof spawn>): Promise<string | undefined> {
  let text = "";
  (tar.stderr as Readable).on("data", (chunk: Buffer) => {
    if (text.length < ERROR_CHARS_MAX) text += chunk.toString("utf8");
  });
  try {
    const [code] = (await once(tar, "close")) as [number | null];
    return code === 0 ? undefined : text.trim().replaceAll(/^tar: /gm, "") || `tar ended with exit code ${code}`;
  } catch (error) {
    return `tar could not be started: ${(error as Error).message}`;
  }
}

/** The first part of every path, not of what symbolic links point to. */
function renameArguments(from: string, to: string): string[] {
  const pattern = from.replaceAll(/[\\^$.*[\]~]/g, String.raw`\$&`);
  const replacement = to.replaceAll(/[\\&~]/g, String.raw`\$&`);
  return [`--transform=flags=rSh;s~^${pattern}\\($\\|/\\)~${replacement}\\1~`];
}
