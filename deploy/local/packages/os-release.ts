import { readFileSync } from "node:fs";

export interface OsRelease {
  id: string;
  /** Ids of the distributions it derives from, nearest first. */
  like: string[];
  versionId: string;
  codename: string;
  prettyName: string;
}

export function parseOsRelease(text: string): OsRelease {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([A-Z_]+)=(.*)$/.exec(line.trim());
    if (match) values.set(match[1]!, match[2]!.replace(/^(["'])(.*)\1$/, "$2"));
  }
  return {
    id: values.get("ID") ?? "linux",
    like: (values.get("ID_LIKE") ?? "").split(" ").filter((id) => id !== ""),
    versionId: values.get("VERSION_ID") ?? "",
    codename: values.get("VERSION_CODENAME") ?? "",
    prettyName: values.get("PRETTY_NAME") ?? "this Linux",
  };
}

export function readOsRelease(): OsRelease {
  return parseOsRelease(readFileSync("/etc/os-release", "utf8"));
}

/** Whether packages come by apt. */
export function isDebianFamily(os: OsRelease): boolean {
  return [os.id, ...os.like].some((id) => id === "debian" || id === "ubuntu");
}
