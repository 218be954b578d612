import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../deploy/local/process/run-command.ts";

const TIMEOUT_MS = 60_000;

/** What others build on: what is published before what is only committed here. */
const REFS = ["refs/remotes/origin/main", "refs/heads/main"];

/** The protos as they are against those of main: nothing that a client may rely on is gone. Throws where that cannot be told. */
export async function checkBreaking(root: string): Promise<string | void> {
  const ref = await comparedWith(root);
  if (ref === undefined) return "nothing to compare with: this is the first commit";
  const dir = await mkdtemp(join(tmpdir(), "gantry-protos-"));
  try {
    const tree = await git(root, ["ls-tree", "--name-only", ref, "proto/buf.yaml"]);
    if (tree.trim() === "") return `nothing to compare with: ${ref} has no protos yet`;
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

/** Main, or where that is what is checked out its parent: compared with itself everything is compatible. Undefined: there is no parent. */
async function comparedWith(root: string): Promise<string | undefined> {
  const main = await mainRef(root);
  const [head, ...parents] = (await git(root, ["rev-list", "--parents", "--max-count=1", "HEAD"])).trim().split(" ");
  if ((await git(root, ["rev-parse", main])).trim() !== head) return main;
  if (parents.length > 0) return "HEAD^";
  if ((await git(root, ["rev-parse", "--is-shallow-repository"])).trim() === "true")
    throw new Error("the commit before main's last is not here: git fetch --deepen=1");
  return undefined;
}

async function mainRef(root: string): Promise<string> {
  const known = await git(root, ["for-each-ref", "--format=%(refname)", ...REFS]).catch((error: Error) => {
    if (/not a git repository/.test(error.message))
      throw new Error("the protos cannot be compared with those of main: this is no git checkout", { cause: error });
    throw error;
  });
  const ref = REFS.find((each) => known.split("\n").includes(each));
  if (ref === undefined) throw new Error("there is no main to compare the protos with: git fetch origin main");
  return ref;
}

function git(root: string, args: string[]): Promise<string> {
  return runCommand("git", ["-C", root, ...args], { timeoutMs: TIMEOUT_MS });
}
