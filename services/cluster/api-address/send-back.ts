import { readdir, readFile, writeFile } from "node:fs/promises";

const LINKS = "/sys/class/net";

/**
 * Lets a bridge send back by the port that a frame came from: a control plane's turn may lead to itself. Where the kernel's packet filter sees
 * what is on bridges, such a frame is lost otherwise. Nodes that have started since have new ports.
 */
export async function letSendBack(bridge: string): Promise<void> {
  const ports = await unlessGone(() => readdir(`${LINKS}/${bridge}/brif`), []);
  await Promise.all(ports.map((port) => unlessGone(() => turnOn(`${LINKS}/${port}/brport/hairpin_mode`), undefined)));
}

async function turnOn(path: string): Promise<void> {
  if ((await readFile(path, "utf8")).trim() === "0") await writeFile(path, "1");
}

async function unlessGone<T>(work: () => Promise<T>, gone: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENODEV: on its way.
    if (code === "ENOENT" || code === "ENODEV") return gone;
    throw error;
  }
}
