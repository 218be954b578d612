import { hash } from "node:crypto";
import type { NodeFile } from "../nodes/node-file.ts";
import { issueAuthority, type IssuedAuthority } from "./certificate.ts";
import { generateKeys, privateKeyPem, publicKeyOf, publicKeyPem, readPrivateKey } from "./keys.ts";
import { PKI_FOLDER } from "./paths.ts";
import { readAuthorityCertificate } from "./read-certificate.ts";

/** What signs everything of one cluster. Kept on its control planes alone. */
export interface Authorities {
  /** Of the API server, the kubelets and everybody's client certificates. */
  ca: IssuedAuthority;
  /** Of the API server towards extension API servers. */
  frontProxy: IssuedAuthority;
  etcd: IssuedAuthority;
  /** Signs tokens of service accounts. PEM. */
  serviceAccount: { key: string; publicKey: string };
}

const NAMES = {
  ca: { file: "ca", commonName: "kubernetes" },
  frontProxy: { file: "front-proxy-ca", commonName: "front-proxy-ca" },
  etcd: { file: "etcd/ca", commonName: "etcd-ca" },
} as const;

const SERVICE_ACCOUNT = { key: `${PKI_FOLDER}/sa.key`, publicKey: `${PKI_FOLDER}/sa.pub` };

function certificatePath(authority: keyof typeof NAMES): string {
  return `${PKI_FOLDER}/${NAMES[authority].file}.crt`;
}

function keyPath(authority: keyof typeof NAMES): string {
  return `${PKI_FOLDER}/${NAMES[authority].file}.key`;
}

/** Files of a control plane that `readAuthorities` needs. */
export const AUTHORITY_PATHS: readonly string[] = [
  ...(Object.keys(NAMES) as (keyof typeof NAMES)[]).flatMap((name) => [certificatePath(name), keyPath(name)]),
  SERVICE_ACCOUNT.key,
  SERVICE_ACCOUNT.publicKey,
];

export async function createAuthorities(now: Date): Promise<Authorities> {
  const create = async ({ commonName }: { commonName: string }): Promise<IssuedAuthority> =>
    issueAuthority(commonName, await generateKeys(), now);
  const [ca, frontProxy, etcd, serviceAccount] = await Promise.all([
    create(NAMES.ca),
    create(NAMES.frontProxy),
    create(NAMES.etcd),
    generateKeys(),
  ]);
  return {
    ca,
    frontProxy,
    etcd,
    serviceAccount: {
      key: privateKeyPem(serviceAccount.privateKey),
      publicKey: publicKeyPem(serviceAccount.publicKey),
    },
  };
}

/**
 * From a control plane's files by path (`AUTHORITY_PATHS`), of Gantry's making or kubeadm's, ECDSA or RSA. Every problem is reported at
 * once, and no text holds anything of a key.
 */
export function readAuthorities(files: ReadonlyMap<string, string>): Authorities {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push((error as Error).message);
      return undefined;
    }
  };
  const ca = attempt(() => readAuthority("ca", files));
  const frontProxy = attempt(() => readAuthority("frontProxy", files));
  const etcd = attempt(() => readAuthority("etcd", files));
  const serviceAccount = attempt(() => readServiceAccount(files));
  if (!ca || !frontProxy || !etcd || !serviceAccount) {
    throw new Error(`the cluster's authorities cannot be used: ${problems.join("; ")}`);
  }
  return { ca, frontProxy, etcd, serviceAccount };
}

function readAuthority(name: keyof typeof NAMES, files: ReadonlyMap<string, string>): IssuedAuthority {
  const key = readPrivateKey(required(files, keyPath(name)), keyPath(name));
  const path = certificatePath(name);
  const certificate = required(files, path);
  return { certificate, key, ...readAuthorityCertificate(certificate, { path, key }) };
}

function readServiceAccount(files: ReadonlyMap<string, string>): Authorities["serviceAccount"] {
  const key = required(files, SERVICE_ACCOUNT.key);
  const privateKey = readPrivateKey(key, SERVICE_ACCOUNT.key);
  return { key, publicKey: files.get(SERVICE_ACCOUNT.publicKey) ?? publicKeyPem(publicKeyOf(privateKey)) };
}

function required(files: ReadonlyMap<string, string>, path: string): string {
  const content = files.get(path);
  if (content === undefined) throw new Error(`${path} is missing`);
  return content;
}

/** What every control plane has of them. */
export function authorityFiles(authorities: Authorities): NodeFile[] {
  return [
    ...(Object.keys(NAMES) as (keyof typeof NAMES)[]).flatMap((name) => [
      { path: certificatePath(name), mode: 0o644, content: authorities[name].certificate },
      { path: keyPath(name), mode: 0o600, content: privateKeyPem(authorities[name].key) },
    ]),
    { path: SERVICE_ACCOUNT.key, mode: 0o600, content: authorities.serviceAccount.key },
    { path: SERVICE_ACCOUNT.publicKey, mode: 0o600, content: authorities.serviceAccount.publicKey },
  ];
}

/** What every node has of them: who the API server must be. */
export function trustFile(authorities: Authorities): NodeFile {
  return { path: certificatePath("ca"), mode: 0o644, content: authorities.ca.certificate };
}

/** What joining nodes hold the API server to: `sha256:` and the hash of the authority's public key. */
export function authorityHash({ ca }: Authorities): string {
  const publicKey = publicKeyOf(ca.key).export({ type: "spki", format: "der" });
  return `sha256:${hash("sha256", publicKey)}`;
}
