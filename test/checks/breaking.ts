import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../deploy/local/process/run-command.ts";

const TIMEOUT_MS = 60_000;

/** What others build on: what is published before what is only committed here. */
const REFS = ["refs/remotes/origin/main", "refs/heads/main"];

/** The protos as they are against those of main: nothing that a client may rely on is gone. */
export async function checkBreaking(root: string): Promise<string | void> {
  const ref = await mainRef(root);
  if (ref === undefined) return "not compared: this is no git checkout with a main";
  const dir = await mkdtemp(join(tmpdir(), "gantry-protos-"));
  try {
    const tree = await git(root, ["ls-tree", "--name-only", ref, "proto/buf.yaml"]);
    if (tree.trim() === "") return `not compared: ${ref} has no protos yet`;
    await git(root, ["archive", "--format=tar", `--output=${join(dir, "proto.tar")}`, ref, "proto"]);
    await runCommand("tar", ["-xf", join(dir, "proto.tar"), "-C", dir], { timeoutMs: TIMEOUT_MS });
    // Google's standard protos are not committed.
    await mkdir(join(dir, "proto", "vendor"), { recursive: true });
    await cp(join(root, "proto", "vendor"), join(dir, "proto", "vendor"), { recursive: true });
    await runCommand(join(root, "node_modules", ".bin", "buf"), ["breaking", "--against", join(dir, "proto")], {
      timeoutMs: TIMEOUT_MS,
      cwd: join(root, "proto"),
    });
    return `compared with ${ref}`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function mainRef(root: string): Promise<string | undefined> {
  const known = await git(root, ["for-each-ref", "--format=%(refname)", ...REFS]).catch((error: Error) => {
    if (/not a git repository/.test(error.message)) return "";
    throw error;
  });
  return REFS.find((ref) => known.split("\n").includes(ref));
}

function git(root: string, args: string[]): Promise<string> {
  return runCommand("git", ["-C", root, ...args], { timeoutMs: TIMEOUT_MS });
}
