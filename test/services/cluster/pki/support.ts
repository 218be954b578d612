import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { createAuthorities } from "../../../../services/cluster/pki/authorities.ts";
import type { ControlPlaneOptions } from "../../../../services/cluster/pki/control-plane-files.ts";
import { parseKubernetesVersion } from "../../../../services/cluster/kubeadm/version.ts";
import type { NodeFile, RegularFile } from "../../../../services/cluster/nodes/node-file.ts";

const run = promisify(execFile);

/** Certificates are judged by a tool that Gantry has no part in. */
export async function openssl(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run("openssl", args);
  return stdout + stderr;
}

/** One line for each thing that a certificate says. */
export async function describeCertificate(path: string): Promise<Record<string, string>> {
  const text = await openssl("x509", "-in", path, "-noout", "-nameopt", "RFC2253", "-text");
  const after = (label: string): string => new RegExp(`${label}:[^\\n]*\\n\\s*(.*)`).exec(text)?.[1]?.trim() ?? "";
  return {
    issuer: /Issuer: (.*)/.exec(text)?.[1] ?? "",
    subject: /Subject: (.*)/.exec(text)?.[1] ?? "",
    usage: after("X509v3 Key Usage"),
    extendedUsage: after("X509v3 Extended Key Usage"),
    names: after("X509v3 Subject Alternative Name"),
    constraints: after("X509v3 Basic Constraints"),
    algorithm: /Signature Algorithm: (.*)/.exec(text)?.[1] ?? "",
  };
}

/** Days between the two dates, rounded. */
export async function lifetimeDays(path: string): Promise<number> {
  const text = await openssl("x509", "-in", path, "-noout", "-dates");
  const date = (label: string): number => Date.parse(new RegExp(`${label}=(.*)`).exec(text)?.[1] ?? "");
  return Math.round((date("notAfter") - date("notBefore")) / (24 * 3_600_000));
}

export async function writeFiles(folder: string, files: readonly NodeFile[]): Promise<void> {
  for (const file of files) {
    if (!isRegular(file)) continue;
    const path = join(folder, file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file.content, { mode: file.mode });
  }
}

export function isRegular(file: NodeFile): file is RegularFile {
  return "content" in file;
}

export function contents(files: readonly NodeFile[]): Map<string, string> {
  return new Map(files.filter(isRegular).map(({ path, content }) => [path, content]));
}

export function controlPlaneOptions(changes: Partial<ControlPlaneOptions> = {}): ControlPlaneOptions {
  return {
    version: parseKubernetesVersion("v1.31.0")!,
    clusterName: "dev",
    nodeName: "dev-control-plane",
    address: "10.208.0.2",
    endpointName: "dev-api",
    serviceSubnet: "10.96.0.0/16",
    dnsDomain: "cluster.local",
    apiNames: ["localhost", "127.0.0.1"],
    first: true,
    now: new Date(),
    ...changes,
  };
}

export const authorities = await createAuthorities(new Date());
