import { unavailable } from "../../common/errors/errors.ts";

export interface Member {
  /** 64 bits, decimal. */
  id: string;
  /** Of its node; empty as long as it has never started. */
  name: string;
  peerUrls: string[];
}

/** From the answer to `cluster/member/list`. */
export function parseMembers(json: string): Member[] {
  const { members } = JSON.parse(json) as { members?: { ID?: unknown; name?: unknown; peerURLs?: unknown }[] };
  if (!Array.isArray(members)) throw unavailable("ETCD_UNAVAILABLE", "etcd's answer has no list of members");
  return members.map(({ ID: id, name, peerURLs }) => ({
    id: String(id),
    name: String(name ?? ""),
    peerUrls: Array.isArray(peerURLs) ? peerURLs.map(String) : [],
  }));
}

/** Members that are the node of that name or at that address, started or not. */
export function membersOf(members: readonly Member[], node: { name: string; peerUrl: string }): Member[] {
  return members.filter(({ name, peerUrls }) => name === node.name || peerUrls.includes(node.peerUrl));
}
