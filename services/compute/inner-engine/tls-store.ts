import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Credentials, InstanceTls } from "./authority.ts";

const FILES = {
  caCertificate: "ca.crt",
  caKey: "ca.key",
  serverCertificate: "server.crt",
  serverKey: "server.key",
} as const;
const OWNER_ONLY_DIR = 0o700;
const OWNER_ONLY_FILE = 0o600;

/** Where an instance's keys are kept on its host: `<data>/instances/<uid>`, readable by the process's user alone. */
export class TlsStore {
  readonly #dir: string;

  constructor(dataDir: string) {
    this.#dir = join(dataDir, "instances");
  }

  folder(uid: string): string {
    return join(this.#dir, uid);
  }

  /** What is kept for the instance; undefined when there is nothing, or only a part of it. */
  async read(uid: string): Promise<InstanceTls | undefined> {
    const [caCertificate, caKey, serverCertificate, serverKey] = await Promise.all([
      this.#readFile(uid, FILES.caCertificate),
      this.#readFile(uid, FILES.caKey),
      this.#readFile(uid, FILES.serverCertificate),
      this.#readFile(uid, FILES.serverKey),
    ]);
    if (!caCertificate || !caKey || !serverCertificate || !serverKey) return undefined;
    return {
      ca: { certificate: caCertificate, key: caKey },
      server: { certificate: serverCertificate, key: serverKey },
    };
  }

  /** The authority alone, for issuing client certificates. */
  async readAuthority(uid: string): Promise<Credentials | undefined> {
    return (await this.read(uid))?.ca;
  }

  /** All or nothing: the folder appears under its name when every file is on disk. */
  async write(uid: string, tls: InstanceTls): Promise<void> {
    const folder = this.folder(uid);
    const temporary = `${folder}.new`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true, mode: OWNER_ONLY_DIR });
    await writeOwn(join(temporary, FILES.caCertificate), tls.ca.certificate);
    await writeOwn(join(temporary, FILES.caKey), tls.ca.key);
    await writeOwn(join(temporary, FILES.serverCertificate), tls.server.certificate);
    await writeOwn(join(temporary, FILES.serverKey), tls.server.key);
    await rm(folder, { recursive: true, force: true });
    // The names of the files first, then the folder's own: after a power cut it is whole or not there.
    await sync(temporary);
    await rename(temporary, folder);
    await sync(this.#dir);
  }

  async remove(uid: string): Promise<void> {
    await rm(this.folder(uid), { recursive: true, force: true });
    await rm(`${this.folder(uid)}.new`, { recursive: true, force: true });
  }

  async #readFile(uid: string, name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.folder(uid), name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
}

/** Brings the names in a folder to disk. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeOwn(path: string, content: string): Promise<void> {
  const file = await open(path, "wx", OWNER_ONLY_FILE);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
