import { parseAllDocuments } from "yaml";
import type { KubeadmFacts } from "../clusters/adopted.ts";

interface AnyDocument {
  kind?: unknown;
  networking?: { podSubnet?: unknown; serviceSubnet?: unknown; dnsDomain?: unknown };
  mode?: unknown;
}

/** From a configuration for kubeadm that somebody else wrote. What it does not say is left open; of two families it is the IPv4 range. */
export function factsOfFile(text: string): KubeadmFacts {
  const documents = parseAllDocuments(text).flatMap((document) =>
    "errors" in document && document.errors.length === 0 ? [document.toJS() as AnyDocument | null] : [],
  );
  const ofKind = (kind: string): AnyDocument | undefined =>
    documents.find((document) => document?.kind === kind) ?? undefined;
  const networking = ofKind("ClusterConfiguration")?.networking;
  const proxy = ofKind("KubeProxyConfiguration");
  return {
    podSubnet: ipv4Range(networking?.podSubnet),
    serviceSubnet: ipv4Range(networking?.serviceSubnet),
    dnsDomain: word(networking?.dnsDomain),
    proxyMode: proxy && (word(proxy.mode) ?? "iptables"),
  };
}

function word(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function ipv4Range(value: unknown): string | undefined {
  return word(value)
    ?.split(",")
    .find((range) => range.includes("."));
}
