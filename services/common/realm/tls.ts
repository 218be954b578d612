import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ChannelCredentials, experimental, type ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "pino";

const RELOAD_INTERVAL_MS = 10_000;

export interface TlsMaterial {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
  /** Of `cert`, epoch ms. */
  expiresMs: number;
}

export interface TlsOptions {
  /** Folder with ca.crt, `<process>.crt` and `<process>.key`. */
  dir: string;
  /** Process whose certificate is used, for example `compute`. */
  process: string;
  log?: Logger;
  /** How often the files are looked at. */
  reloadIntervalMs?: number;
}

/** A process's certificate, kept up to date with its files. Connections that are open stay; new ones use the new files. */
export interface Tls {
  current(): TlsMaterial;
  /** Demands a client certificate of the realm. */
  serverCredentials(): ServerCredentials;
  /** For the address that users call: no client certificate. */
  userServerCredentials(): ServerCredentials;
  channelCredentials(): ChannelCredentials;
  /** Called after each renewal; returns the way to stop. For servers other than gRPC: `server.setSecureContext(material)`. */
  onRenewal(listener: (material: TlsMaterial) => void): () => void;
  close(): void;
}

/** Throws when a file is missing or certificate and key do not belong together. */
export function loadTls(options: TlsOptions): Tls {
  const paths = [
    join(options.dir, "ca.crt"),
    join(options.dir, `${options.process}.crt`),
    join(options.dir, `${options.process}.key`),
  ] as const;
  let material = check(readFileSync(paths[0]), readFileSync(paths[1]), readFileSync(paths[2]));
  const listeners = new Set<(material: TlsMaterial) => void>();
  let reading = false;

  async function reload(): Promise<void> {
    if (reading) return;
    reading = true;
    try {
      const [ca, cert, key] = await Promise.all([readFile(paths[0]), readFile(paths[1]), readFile(paths[2])]);
      if (ca.equals(material.ca) && cert.equals(material.cert) && key.equals(material.key)) return;
      material = check(ca, cert, key);
      options.log?.info({ expires: new Date(material.expiresMs).toISOString() }, "TLS certificate renewed");
      for (const listener of listeners) listener(material);
    } catch (error) {
      // Certificate and key are two files: between their renames they don't match, and the next look finds them whole.
      options.log?.warn({ err: error }, "TLS files could not be read anew; the old certificate stays in use");
    } finally {
      reading = false;
    }
  }

  const timer = setInterval(() => void reload(), options.reloadIntervalMs ?? RELOAD_INTERVAL_MS);
  timer.unref();
  const provider = new Provider(() => material, listeners);
  return {
    current: () => material,
    serverCredentials: () => experimental.createCertificateProviderServerCredentials(provider, provider, true),
    userServerCredentials: () => experimental.createCertificateProviderServerCredentials(provider, null, false),
    channelCredentials: () => experimental.createCertificateProviderChannelCredentials(provider, provider),
    onRenewal(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => clearInterval(timer),
  };
}

function check(ca: Buffer, cert: Buffer, key: Buffer): TlsMaterial {
  const certificate = new X509Certificate(cert);
  if (!certificate.checkPrivateKey(createPrivateKey(key)))
    throw new Error("certificate and key do not belong together");
  if (!certificate.verify(new X509Certificate(ca).publicKey))
    throw new Error("the certificate is not of this realm's CA");
  return { ca, cert, key, expiresMs: certificate.validToDate.getTime() };
}

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/** grpc-js's own file watcher reads certificate and key apart from each other and would use a pair that does not match. */
class Provider implements experimental.CertificateProvider {
  readonly #material: () => TlsMaterial;
  readonly #renewals: Set<(material: TlsMaterial) => void>;
  readonly #stops = new Map<CaListener | IdentityListener, () => void>();

  constructor(material: () => TlsMaterial, renewals: Set<(material: TlsMaterial) => void>) {
    this.#material = material;
    this.#renewals = renewals;
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#add(listener, (material) => listener({ caCertificate: material.ca }));
  }
  removeCaCertificateListener(listener: CaListener): void {
    this.#remove(listener);
  }
  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#add(listener, (material) => listener({ certificate: material.cert, privateKey: material.key }));
  }
  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#remove(listener);
  }

  #add(key: CaListener | IdentityListener, push: (material: TlsMaterial) => void): void {
    this.#renewals.add(push);
    this.#stops.set(key, () => this.#renewals.delete(push));
    // Not at once: server credentials pass an update on to watchers that they add only after this.
    process.nextTick(() => {
      if (this.#renewals.has(push)) push(this.#material());
    });
  }

  #remove(key: CaListener | IdentityListener): void {
    this.#stops.get(key)?.();
    this.#stops.delete(key);
  }
}
